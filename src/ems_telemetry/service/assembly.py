"""Builds the connectors of a configuration, each with its own pipeline, report and folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration, LoadedConnector
from ems_telemetry.connectors.contract import Shared, Surroundings, find_connector_types
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.service.collecting import SupervisedConnector
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.spool.port import SpoolWriter


@dataclass(frozen=True, slots=True)
class Collecting:
    """The connectors to run, and the reports of all, also of those that are not enabled."""

    connectors: Sequence[SupervisedConnector]
    reports: Sequence[ConnectorReport]


def assemble_connectors(configuration: Configuration, spool: SpoolWriter, *, metrics: Metrics, clock: Clock) -> Collecting:
    """Builds what the connector files ask for; starts nothing."""
    types = find_connector_types()
    shared = Shared()
    connectors, reports = [], []
    for loaded in configuration.connectors:
        report = ConnectorReport(loaded.name, loaded.file.type, loaded.file.endpoint_text, clock=clock, metrics=metrics)
        reports.append(report)
        if loaded.file.enabled:
            pipeline = _pipeline(configuration, loaded, spool, report, clock)
            given = _surroundings(configuration, loaded, pipeline, report, clock, shared)
            build = partial(types[loaded.file.type].build, loaded.file, given)
            connectors.append(SupervisedConnector(build, pipeline, report, clock))
    return Collecting(connectors, reports)


def _pipeline(
    configuration: Configuration, loaded: LoadedConnector, spool: SpoolWriter, report: ConnectorReport, clock: Clock
) -> Pipeline:
    points = [point for point in configuration.points if point.connector == loaded.name]
    return Pipeline(Normalizer(loaded.name, points), spool, report, clock)


def _surroundings(
    configuration: Configuration,
    loaded: LoadedConnector,
    pipeline: Pipeline,
    report: ConnectorReport,
    clock: Clock,
    shared: Shared,
) -> Surroundings:
    return Surroundings(
        sink=pipeline,
        report=report,
        clock=clock,
        backoff=Backoff(),
        state_directory=state_directory(configuration, loaded.name),
        pki_directory=configuration.settings.pki.directory,
        shared=shared,
    )


def state_directory(configuration: Configuration, connector: str) -> Path:
    """Tells the folder of what a connector must remember."""
    return configuration.settings.spool.directory / "connectors" / connector
