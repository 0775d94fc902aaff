"""Fills in from a file of any size what was missed: CSV, NDJSON or Parquet, through spool and writer, paced, and resumable.

All of it is flagged `BACKFILLED`, and may be done again: a reading is known by its point and time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import Configuration
from ems_telemetry.connectors.manual.row import KnownPoint, RowReader
from ems_telemetry.connectors.manual.stream import CsvFile, MakeReader, NdjsonFile, Place, Portion, RowFile
from ems_telemetry.connectors.manual.table import ParquetFile
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import Flag, Sample
from ems_telemetry.service.feeding import Fed, Feed, feeding
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.resuming import Bookmark, Standing
from ems_telemetry.service.running_import import BroughtBy, RunningImport, file_sha256

PROBLEMS_KEPT = 20
PARQUET = ".parquet"
KINDS: Mapping[str, Callable[[Path, MakeReader], RowFile]] = {
    ".csv": CsvFile,
    ".ndjson": NdjsonFile,
    ".jsonl": NdjsonFile,
    PARQUET: ParquetFile,
}
"""What is read how, by the end of its name."""


class Progress(NamedTuple):
    """How far it is, from 0 to 1, and how many rows that were; or what it waits for."""

    share: float
    rows: int
    waiting: str | None = None


Show = Callable[[Progress], None]


@dataclass(slots=True)
class Backfilled:
    """What became of a file. `rows` and `wrong` count those of earlier runs too, if it was resumed."""

    rows: int = 0
    wrong: int = 0
    taken: int = 0
    """Readings of this run."""
    problems: list[Problem] = field(default_factory=list)
    """The first of this run."""
    resumed_at: int | None = None
    """The line at which this run went on where an earlier one had stopped."""
    fed: Fed | None = None
    """None: the file was only checked."""

    def count(self, portion: Portion) -> None:
        """Counts a portion."""
        self.rows += len(portion.samples) + len(portion.problems)
        self.wrong += len(portion.problems)
        self.problems += portion.problems[: PROBLEMS_KEPT - len(self.problems)]

    def resume(self, standing: Standing) -> Place:
        """Takes over the counts of an earlier run."""
        self.rows, self.wrong, self.resumed_at = standing.rows, standing.wrong, standing.line
        return standing.place


async def check_file(configuration: Configuration, path: Path, show: Show) -> Backfilled:
    """Reads all of a file and takes nothing.

    Raises:
        ConfigurationError: it cannot be read, or its columns are wrong.
    """
    file, beginning = await asyncio.to_thread(_begin, configuration, path)
    result = Backfilled()
    async for portion in _portions(file, beginning):
        result.count(portion)
        show(Progress(_share(file, portion), result.rows))
    return result


async def backfill_file(
    configuration: Configuration, path: Path, show: Show, by: BroughtBy, *, restart: bool = False
) -> Backfilled:
    """Takes the rows of a file that are right, and tells the others.

    Args:
        configuration: names points, spool and database.
        path: CSV, NDJSON or Parquet, by its suffix.
        show: told how far it is.
        by: who does it, as the audit trail is told.
        restart: from the beginning, although an earlier run was broken off.

    Raises:
        ConfigurationError: it cannot be read, or its columns are wrong; nothing was taken.
        SpoolFullError: the spool does not empty; doing it again goes on where it stopped.
    """
    file, beginning = await asyncio.to_thread(_begin, configuration, path)
    bookmark = Bookmark(configuration.settings.spool.directory, path, offsets_are_bytes=path.suffix.lower() != PARQUET)
    standing = None if restart else await asyncio.to_thread(bookmark.read)
    result = Backfilled()
    place = beginning if standing is None else result.resume(standing)
    sha256 = await asyncio.to_thread(file_sha256, path)
    running = RunningImport(by, "backfill", path.name, datetime.now(UTC), sha256)
    async with feeding(configuration, running=running) as feed:
        intake = _Intake(configuration, feed)
        async for portion in _portions(file, place):
            share = _share(file, portion)
            await feed.pace(lambda why, share=share: show(Progress(share, result.rows, why)))  # type: ignore[misc]  # bound early
            await intake.take(portion.samples)
            result.taken += len(portion.samples)
            result.count(portion)
            running.refused += len(portion.problems)
            await asyncio.to_thread(bookmark.write, portion.next, result.rows, result.wrong)
            show(Progress(share, result.rows))
        await asyncio.to_thread(bookmark.remove)
        result.fed = await feed.end()
    return result


class _Intake:
    """Puts samples into the spool, each through the pipeline of its point's connector."""

    def __init__(self, configuration: Configuration, feed: Feed) -> None:
        self._feed = feed
        self._types = {loaded.name: loaded.file.type for loaded in configuration.connectors}
        self._points = {point.key: _as_written(point) for point in configuration.points}
        self._pipelines: dict[str, Pipeline] = {}

    async def take(self, samples: Sequence[Sample]) -> None:
        """Returns when all of them are on disk."""
        by_connector: dict[str, list[Sample]] = {}
        for sample in samples:
            by_connector.setdefault(self._points[sample.point].connector, []).append(sample)
        for connector, own in by_connector.items():
            await self._pipeline(connector).deliver(own)

    def _pipeline(self, connector: str) -> Pipeline:
        if connector not in self._pipelines:
            points = [point for point in self._points.values() if point.connector == connector]
            self._pipelines[connector] = self._feed.pipeline(connector, self._types[connector], points)
        return self._pipelines[connector]


def _as_written(point: ConfiguredPoint) -> ConfiguredPoint:
    """The point as a file knows it: values are in its unit, after scale and offset, which are the device's affair."""
    plain = point.point.model_copy(update={"scale": Decimal(1), "offset": Decimal(0), "invalid": ()})
    return replace(point, point=plain)


def _begin(configuration: Configuration, path: Path) -> tuple[RowFile, Place]:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        words = f'what "{path.suffix}" files hold is not known; known are {", ".join(KINDS)}'
        raise ConfigurationError([Problem(path, None, words)])
    sites = configuration.sites()
    known = {point.key: KnownPoint(sites[point.site].zone, point.point.states or ()) for point in configuration.points}

    def make_reader(*, decimal_comma: bool) -> RowReader:
        return RowReader(known, datetime.now(UTC), Flag.BACKFILLED, decimal_comma=decimal_comma)

    file = kind(path, make_reader)
    return file, file.begin()


async def _portions(file: RowFile, place: Place) -> AsyncIterator[Portion]:
    """Reads in a thread, so that storing goes on meanwhile."""
    portions = file.portions(place)
    while (portion := await asyncio.to_thread(next, portions, None)) is not None:
        yield portion


def _share(file: RowFile, portion: Portion) -> float:
    return min(1.0, portion.next.offset / file.size) if file.size else 1.0
