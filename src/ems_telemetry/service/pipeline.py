"""From samples to the spool: normalizes what a connector hands over, makes it durable, and accounts for every sample."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from ems_telemetry.clock import Clock
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.errors import SpoolDamagedError, SpoolFullError
from ems_telemetry.model import Batch, DeadLetter, Declaration, Gap, Reading, Receipt, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport
from ems_telemetry.retry import Backoff
from ems_telemetry.service.plant_rows import declaration_of
from ems_telemetry.service.running_import import RunningImport
from ems_telemetry.service.silence import Silence, SilenceWatch
from ems_telemetry.spool.port import SpoolWriter


class Refusals:
    """What the spool refused of one connector and what is not yet written down as gaps. Bounded by the number of points."""

    def __init__(self, connector: str) -> None:
        self._connector = connector
        self._by_point: dict[str | None, tuple[datetime, datetime, int]] = {}

    def add(self, readings: Sequence[Reading], dead_letters: Sequence[DeadLetter]) -> None:
        """Counts what was refused."""
        for reading in readings:
            self._stretch(reading.point, reading.time)
        for letter in dead_letters:
            self._stretch(letter.point, letter.received_at)

    def take(self) -> list[Gap]:
        """Gives what was refused as gaps, one per point, and forgets it."""
        refused, self._by_point = self._by_point, {}
        return [
            Gap(uuid4(), self._connector, point, first, last, Silence.SPOOL_FULL, count)
            for point, (first, last, count) in refused.items()
        ]

    def put_back(self, gaps: Sequence[Gap]) -> None:
        """Remembers gaps that could not be made durable either."""
        for gap in gaps:
            self._stretch(gap.point, gap.start, 0)
            self._stretch(gap.point, gap.end, gap.refused)

    def __bool__(self) -> bool:
        return bool(self._by_point)

    def _stretch(self, point: str | None, time: datetime, refused: int = 1) -> None:
        first, last, count = self._by_point.get(point, (time, time, 0))
        self._by_point[point] = (min(first, time), max(last, time), count + refused)


class Pipeline:
    """The sink of one connector; see `ems_telemetry.connectors.contract.Sink`."""

    def __init__(
        self,
        normalizer: Normalizer,
        spool: SpoolWriter,
        report: ConnectorReport,
        clock: Clock,
        watch: SilenceWatch | None = None,
        running: RunningImport | None = None,
    ) -> None:
        self._normalizer = normalizer
        self._running = running
        self.watch = watch or SilenceWatch(report, clock)
        self._spool = spool
        self._report = report
        self._clock = clock
        self._connector = report.status.name
        self._refusals = Refusals(self._connector)
        self._untold: dict[UUID, Gap] = {}
        self._undeclared: dict[str, Declaration] = {}
        self._backoff = Backoff(initial_s=0.5, cap_s=10.0)

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        """Makes all of it durable, waiting for as long as the spool is full or broken."""
        readings, letters = self._normalized(samples, dead_letters)
        failures = 0
        try:
            while True:
                try:
                    return await self._append(readings, letters, receipts)
                except SpoolFullError as error:
                    self._hold_up(error)
                    await self._spool.wait_for_room()
                except SpoolDamagedError as error:
                    failures += 1
                    self._hold_up(error)
                    await self._clock.sleep(self._backoff.delay_s(failures))
        finally:
            self.watch.is_held_up = False

    async def offer(self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = ()) -> bool:
        """Makes all of it durable, or counts it as refused and remembers the gap."""
        readings, letters = self._normalized(samples, dead_letters)
        try:
            await self._append(readings, letters, ())
        except (SpoolFullError, SpoolDamagedError) as error:
            self._refusals.add(readings, letters)
            self.watch.heard(readings, letters)
            self._report.samples("refused", len(readings) + len(letters))
            self._report.note(f"refused: {error}")
            return False
        return True

    async def record(self, gaps: Sequence[Gap]) -> None:
        """Makes gaps of the connector durable, at once or with what the spool takes next; of each the latest telling counts."""
        self.watch.noted(gaps)
        await self.write_down(gaps)

    async def write_down(self, gaps: Sequence[Gap]) -> None:
        """The same for gaps that the watch found."""
        self._untold.update((gap.id, gap) for gap in gaps)
        try:
            await self._append([], [], ())
        except (SpoolFullError, SpoolDamagedError) as error:
            self._report.note(f"waiting with {len(self._untold)} gaps: {error}")

    def declare(self, points: Sequence[ConfiguredPoint]) -> None:
        """Makes points known, with what the spool takes next."""
        self._normalizer.add(points)
        self.watch.add(points)
        self._undeclared.update((point.key, declaration_of(point)) for point in points)

    async def is_durable(self, receipt: Receipt) -> bool:
        """Tells whether a message with this receipt was delivered before."""
        return await self._spool.is_durable(receipt)

    async def close(self) -> None:
        """Writes down what was refused and is not yet a gap, if the spool lets it."""
        if self._refusals or self._untold or self._undeclared:
            try:
                await self._append([], [], ())
            except (SpoolFullError, SpoolDamagedError) as error:
                self._report.note(f"what was refused could not be written down: {error}")

    def _hold_up(self, error: Exception) -> None:
        self._report.note(f"waiting: {error}")
        self.watch.is_held_up = True

    def _normalized(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter]
    ) -> tuple[list[Reading], list[DeadLetter]]:
        readings, unnormal = self._normalizer.normalize(samples)
        return readings, [*dead_letters, *unnormal]

    async def _append(self, readings: list[Reading], letters: list[DeadLetter], receipts: Sequence[Receipt]) -> None:
        refused = self._refusals.take()
        untold, self._untold = self._untold, {}
        undeclared, self._undeclared = self._undeclared, {}
        run = None if self._running is None else self._running.part()
        batch = Batch(self._connector, readings, letters, [*refused, *untold.values()], list(undeclared.values()), run)
        if not len(batch) and not receipts:
            return
        try:
            await self._spool.append(batch, receipts)
        except BaseException:
            self._refusals.put_back(refused)
            self._untold = untold | self._untold
            self._undeclared = undeclared | self._undeclared
            raise
        if self._running is not None:
            self._running.handed_over(len(readings))
        self.watch.heard(readings, letters)
        self._report.samples("stored", len(readings))
        self._report.samples("dead_letter", len(letters))
