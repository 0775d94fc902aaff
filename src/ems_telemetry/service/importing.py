"""Takes a sheet of hand-read values into the spool and, if no service is running that does so, on into the database."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import Configuration
from ems_telemetry.connectors.manual.sheet import KnownPoint, read_sheet
from ems_telemetry.errors import ConfigurationError, SpoolFullError
from ems_telemetry.model import Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.service.access import reach_database
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.storing import Storing
from ems_telemetry.spool.lock import ReaderLock
from ems_telemetry.spool.sqlite import SqliteSpool

MANUAL = "manual"
_CHUNK = 500
_GIVE_UP_AFTER_S = 30.0
_LOOK_AGAIN_S = 0.05


class Imported(NamedTuple):
    """What became of a sheet. Not `stored`: it is safe in the spool, and `handed_to` is the process that will store it."""

    readings: int
    stored: bool
    handed_to: str | None = None
    inserted: int = 0
    duplicates: int = 0
    dead_letters: int = 0


async def import_sheet(configuration: Configuration, file: Path, now: datetime) -> Imported:
    """Imports a sheet of readings of manual points; importing it twice changes nothing.

    Args:
        configuration: names the manual points, the spool and the database.
        file: CSV; see `ems_telemetry.connectors.manual.sheet`.
        now: when it is imported, aware.

    Raises:
        ConfigurationError: the sheet has mistakes; each with its line. Nothing was imported.
        SpoolFullError: the spool refused the rest; importing again later completes it.
    """
    sites = configuration.sites()
    by_hand = {connector.name for connector in configuration.connectors if connector.file.type == MANUAL}
    points = {point.key: point for point in configuration.points if point.connector in by_hand}
    known = {key: KnownPoint(sites[point.site].zone, point.point.states or ()) for key, point in points.items()}
    sheet = read_sheet(file, known, now)
    if sheet.problems:
        raise ConfigurationError(sheet.problems)
    settings = configuration.settings.spool
    metrics = Metrics()
    spool = SqliteSpool(settings.directory, max_size_bytes=settings.max_size, when_full=settings.when_full)
    await spool.open()
    try:
        for connector in sorted(by_hand):
            own = [point for point in points.values() if point.connector == connector]
            await _append(connector, own, sheet.samples, spool, metrics)
        return await _store(configuration, spool, metrics, len(sheet.samples))
    finally:
        await spool.close()


async def _append(
    connector: str, points: Sequence[ConfiguredPoint], samples: Sequence[Sample], spool: SqliteSpool, metrics: Metrics
) -> None:
    clock = SystemClock()
    report = ConnectorReport(connector, MANUAL, "", clock=clock, metrics=metrics)
    pipeline = Pipeline(Normalizer(connector, points), spool, report, clock)
    keys = {point.key for point in points}
    own = [sample for sample in samples if sample.point in keys]
    for start in range(0, len(own), _CHUNK):
        if not await pipeline.offer(own[start : start + _CHUNK]):
            message = f"the spool took {start} of {len(own)} readings and then no more: {report.status.last_error}"
            raise SpoolFullError(message)


async def _store(configuration: Configuration, spool: SqliteSpool, metrics: Metrics, readings: int) -> Imported:
    lock = ReaderLock(configuration.settings.spool.directory)
    if not lock.take():
        return Imported(readings, stored=False, handed_to=lock.holder())
    try:
        async with reach_database(configuration.settings.database) as database:
            storing = Storing(configuration, database, spool, metrics=metrics, clock=SystemClock())
            stored = await _drain(storing)
    finally:
        lock.release()

    def rows(outcome: str) -> int:
        return int(metrics.registry.get_sample_value("ems_telemetry_writer_rows_total", {"outcome": outcome}) or 0)

    aside = rows("conflict") + rows("rejected")
    return Imported(readings, stored, None, rows("inserted"), rows("duplicate"), aside)


async def _drain(storing: Storing) -> bool:
    """Writes until the spool is empty; gives up when the database turns out to be away."""
    async with asyncio.TaskGroup() as group:
        group.create_task(storing.writer.run(), name="writer")
        with suppress(TimeoutError):
            async with asyncio.timeout(_GIVE_UP_AFTER_S):
                while storing.spool.state().batches and storing.writer.state.last_error is None:  # noqa: ASYNC110 - two states, no event
                    await asyncio.sleep(_LOOK_AGAIN_S)
        storing.writer.stop()
    return not storing.spool.state().batches
