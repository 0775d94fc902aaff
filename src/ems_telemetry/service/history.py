"""Fills in by hand what was missed from what an endpoint keeps itself, through spool and writer, paced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import Configuration
from ems_telemetry.config.problems import not_known
from ems_telemetry.connectors.contract import Refusal, Shared, Stretch, Surroundings, find_connector_types
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import DeadLetter, Gap, Receipt, Sample
from ems_telemetry.observe import ConnectorReport
from ems_telemetry.retry import Backoff
from ems_telemetry.service.assembly import state_directory
from ems_telemetry.service.backfilling import Progress, Show
from ems_telemetry.service.feeding import Fed, Feed, feeding
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.running_import import BroughtBy, RunningImport


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """What came of it: how many readings, and the points of which not all could be had."""

    readings: int
    refused: Sequence[Refusal]
    fed: Fed


async def backfill_connector(
    configuration: Configuration,
    connector: str,
    points: Sequence[str],
    span: tuple[datetime, datetime],
    show: Show,
    by: BroughtBy,
) -> HistoryRead:
    """Reads what a connector's endpoint keeps of some points over a span.

    Args:
        configuration: names the connector, the spool and the database.
        connector: its name; it may be running in the service meanwhile.
        points: keys of its points; all of them if none is named.
        span: the times `[start, end)`.
        show: told how far it is.
        by: who does it, as the audit trail is told.

    Raises:
        ConfigurationError: there is no such connector or point, or its type keeps no history.
        EmsTelemetryError: the endpoint is out of reach or refuses us.
    """
    by_name = {loaded.name: loaded for loaded in configuration.connectors}
    if connector not in by_name:
        raise _wrong(not_known("connector", connector, by_name))
    loaded = by_name[connector]
    type_ = find_connector_types()[loaded.file.type]
    if type_.backfill is None:
        raise _wrong(f"{connector}: a connector of type {type_.name} reads no history; give a file to `backfill` instead")
    own = [point for point in configuration.points if point.connector == connector]
    wanted = points or [point.key for point in own]
    for point in wanted:
        if point not in {each.key for each in own}:
            raise _wrong(not_known(f"point of {connector}", point, [each.key for each in own]))
    running = RunningImport(by, "backfill", connector, datetime.now(UTC))
    async with feeding(configuration, running=running) as feed:
        report = ConnectorReport(connector, type_.name, loaded.file.endpoint_text, clock=feed.clock, metrics=feed.metrics)
        sink = _PacedSink(feed, feed.pipeline_of(report, own), show)
        surroundings = Surroundings(
            sink=sink,
            report=report,
            clock=feed.clock,
            backoff=Backoff(initial_s=0.5, cap_s=5.0),
            state_directory=state_directory(configuration, connector),
            pki_directory=configuration.settings.pki.directory,
            shared=Shared(),
        )
        refused = await type_.backfill(loaded.file, surroundings, Stretch(frozenset(wanted), *span), sink.show_share)
        sink.show_share(1.0)
        return HistoryRead(sink.readings, refused, await feed.end())


def _wrong(words: str) -> ConfigurationError:
    return ConfigurationError([Problem(None, None, words)])


class _PacedSink:
    """Puts samples into the spool when there is room to spare, and tells how far it is."""

    def __init__(self, feed: Feed, pipeline: Pipeline, show: Show) -> None:
        self._feed = feed
        self._pipeline = pipeline
        self._show = show
        self._share = 0.0
        self.readings = 0

    def show_share(self, share: float) -> None:
        """Takes note of how far it is."""
        self._share = share
        self._show(Progress(share, self.readings))

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        await self._feed.pace(lambda why: self._show(Progress(self._share, self.readings, why)))
        await self._pipeline.deliver(samples, dead_letters, receipts)
        self.readings += len(samples)

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        await self.deliver(samples, dead_letters)
        return True

    async def record(self, gaps: Sequence[Gap]) -> None:
        await self._pipeline.record(gaps)

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        self._pipeline.declare(points)

    async def is_durable(self, receipt: Receipt) -> bool:
        return await self._pipeline.is_durable(receipt)
