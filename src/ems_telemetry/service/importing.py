"""Takes a sheet of hand-read values into the spool and, if no service is running that does so, on into the database."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import Configuration
from ems_telemetry.connectors.manual.row import KnownPoint
from ems_telemetry.connectors.manual.sheet import read_sheet
from ems_telemetry.errors import ConfigurationError, SpoolFullError
from ems_telemetry.model import Sample
from ems_telemetry.observe import ConnectorReport
from ems_telemetry.service.feeding import Fed, Feed, feeding
from ems_telemetry.service.running_import import BroughtBy, RunningImport, file_sha256

MANUAL = "manual"
_CHUNK = 500


class Imported(NamedTuple):
    """What became of a sheet."""

    readings: int
    fed: Fed


async def import_sheet(
    configuration: Configuration,
    file: Path,
    now: datetime,
    by: BroughtBy,
    *,
    sites: Sequence[str] | None = None,
    dry_run: bool = False,
) -> Imported:
    """Imports a sheet of readings of manual points; importing it twice changes nothing.

    Args:
        configuration: names the manual points, the spool and the database.
        file: CSV; see `ems_telemetry.connectors.manual.sheet`.
        now: when it is imported, aware.
        by: who imports it, as the audit trail is told.
        sites: whose points may stand in it; None for all.
        dry_run: only look for mistakes.

    Raises:
        ConfigurationError: the sheet has mistakes; each with its line. Nothing was imported.
        SpoolFullError: the spool refused the rest; importing again later completes it.
    """
    zones = configuration.sites()
    by_hand = {connector.name for connector in configuration.connectors if connector.file.type == MANUAL}
    points = {
        point.key: point
        for point in configuration.points
        if point.connector in by_hand and (sites is None or point.site in sites)
    }
    known = {key: KnownPoint(zones[point.site].zone, point.point.states or ()) for key, point in points.items()}
    sheet = await asyncio.to_thread(read_sheet, file, known, now)
    if sheet.problems:
        raise ConfigurationError(sheet.problems)
    if dry_run:
        return Imported(len(sheet.samples), Fed(stored=False))
    running = RunningImport(by, "import", file.name, now, await asyncio.to_thread(file_sha256, file))
    async with feeding(configuration, running=running) as feed:
        for connector in sorted(by_hand):
            own = [point for point in points.values() if point.connector == connector]
            await _append(connector, own, sheet.samples, feed)
        return Imported(len(sheet.samples), await feed.end())


async def _append(connector: str, points: Sequence[ConfiguredPoint], samples: Sequence[Sample], feed: Feed) -> None:
    report = ConnectorReport(connector, MANUAL, "", clock=feed.clock, metrics=feed.metrics)
    pipeline = feed.pipeline_of(report, points)
    keys = {point.key for point in points}
    own = [sample for sample in samples if sample.point in keys]
    for start in range(0, len(own), _CHUNK):
        if not await pipeline.offer(own[start : start + _CHUNK]):
            message = f"the spool took {start} of {len(own)} readings and then no more: {report.status.last_error}"
            raise SpoolFullError(message)
