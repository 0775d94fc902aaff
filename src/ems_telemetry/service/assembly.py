"""Builds the connectors of a configuration, each with its own pipeline, report and folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ems_telemetry.clock import Clock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import Configuration, LoadedConnector
from ems_telemetry.connectors.contract import Shared, Surroundings, find_connector_types
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.service.collecting import SupervisedConnector
from ems_telemetry.service.gap_ledger import GapLedger, Watched
from ems_telemetry.service.heartbeat import Heartbeat
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.silence import SilenceWatch
from ems_telemetry.spool.port import SpoolWriter


@dataclass(frozen=True, slots=True)
class Collecting:
    """The connectors to run, and the reports of all, also of those that are not enabled."""

    connectors: Sequence[SupervisedConnector]
    reports: Sequence[ConnectorReport]
    ledger: GapLedger


def assemble_connectors(configuration: Configuration, spool: SpoolWriter, *, metrics: Metrics, clock: Clock) -> Collecting:
    """Builds what the connector files ask for; starts nothing."""
    types = find_connector_types()
    shared = Shared()
    connectors, reports, watched = [], [], []
    for loaded in configuration.connectors:
        report = ConnectorReport(loaded.name, loaded.file.type, loaded.file.endpoint_text, clock=clock, metrics=metrics)
        reports.append(report)
        if loaded.file.enabled:
            type_ = types[loaded.file.type]
            watch = SilenceWatch(report, clock)
            pipeline = _pipeline(configuration, loaded.name, spool, watch, report, clock)
            if not type_.is_fed_by_hand:
                watch.add(_points_of(configuration, loaded.name))
            watched.append(Watched(loaded.name, watch, pipeline))
            given = _surroundings(configuration, loaded, pipeline, report, clock, shared)
            connectors.append(SupervisedConnector(partial(type_.build, loaded.file, given), pipeline, report, clock))
    heartbeat = Heartbeat(configuration.settings.spool.directory)
    return Collecting(connectors, reports, GapLedger(watched, heartbeat, metrics=metrics, clock=clock))


def _pipeline(
    configuration: Configuration,
    connector: str,
    spool: SpoolWriter,
    watch: SilenceWatch,
    report: ConnectorReport,
    clock: Clock,
) -> Pipeline:
    return Pipeline(Normalizer(connector, _points_of(configuration, connector)), spool, report, clock, watch)


def _points_of(configuration: Configuration, connector: str) -> Sequence[ConfiguredPoint]:
    return [point for point in configuration.points if point.connector == connector]


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
