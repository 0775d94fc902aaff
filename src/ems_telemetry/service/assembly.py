"""Builds the connectors of a configuration, each with its own pipeline, report and folder."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration, LoadedConnector
from ems_telemetry.connectors.contract import Shared, Surroundings, find_connector_types
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.service.collecting import SupervisedConnector
from ems_telemetry.service.gap_ledger import GapLedger, Watched
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.silence import SilenceWatch
from ems_telemetry.spool.port import SpoolWriter


class Assembler:
    """Builds connectors for as long as the service lives. `reports` are those of all connectors, also of those not enabled.

    A report outlives its connector: one that takes the place of another goes on with its counters.
    """

    def __init__(self, spool: SpoolWriter, ledger: GapLedger, *, metrics: Metrics, clock: Clock) -> None:
        self._types = find_connector_types()
        self._spool = spool
        self._metrics = metrics
        self._clock = clock
        self._shared = Shared()
        self.reports: dict[str, ConnectorReport] = {}
        self.ledger = ledger

    def follow(self, configuration: Configuration, coming: Iterable[SupervisedConnector]) -> None:
        """Keeps reports of exactly the connectors that a configuration has, and watches over the points of those that run.

        Called when those that it does not run have ended, and before those that are `coming` start.
        """
        for name in self.reports.keys() - {loaded.name for loaded in configuration.connectors}:
            del self.reports[name]
            self._metrics.forget(name)
        for loaded in configuration.connectors:
            report = self._report(loaded)
            if not loaded.file.enabled:
                report.begin_anew(loaded.file.type, loaded.file.endpoint_text)
        self.ledger.keep_only({loaded.name for loaded in configuration.connectors if loaded.file.enabled})
        for connector in coming:
            self.ledger.watch(Watched(connector.name, connector.pipeline.watch, connector.pipeline))

    def build(self, configuration: Configuration, names: Iterable[str] | None = None) -> list[SupervisedConnector]:
        """Builds connectors that are enabled, all or those named; starts nothing."""
        chosen = None if names is None else set(names)
        return [
            self._build(configuration, loaded)
            for loaded in configuration.connectors
            if loaded.file.enabled and (chosen is None or loaded.name in chosen)
        ]

    def _build(self, configuration: Configuration, loaded: LoadedConnector) -> SupervisedConnector:
        type_, report = self._types[loaded.file.type], self._report(loaded)
        points = [point for point in configuration.points if point.connector == loaded.name]
        watch = SilenceWatch(report, self._clock)
        if not type_.is_fed_by_hand:
            watch.add(points)
        pipeline = Pipeline(Normalizer(loaded.name, points), self._spool, report, self._clock, watch)
        surroundings = Surroundings(
            sink=pipeline,
            report=report,
            clock=self._clock,
            backoff=Backoff(),
            state_directory=state_directory(configuration, loaded.name),
            pki_directory=configuration.settings.pki.directory,
            shared=self._shared,
        )
        return SupervisedConnector(
            partial(type_.build, loaded.file, surroundings),
            pipeline,
            report,
            self._clock,
            begin=partial(report.begin_anew, loaded.file.type, loaded.file.endpoint_text),
        )

    def _report(self, loaded: LoadedConnector) -> ConnectorReport:
        if loaded.name not in self.reports:
            self.reports[loaded.name] = ConnectorReport(
                loaded.name, loaded.file.type, loaded.file.endpoint_text, clock=self._clock, metrics=self._metrics
            )
        return self.reports[loaded.name]


def state_directory(configuration: Configuration, connector: str) -> Path:
    """Tells the folder of what a connector must remember."""
    return configuration.settings.spool.directory / "connectors" / connector
