"""The ledger in the running service: what the watches find reaches the spool, and a sign of life is given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from fakes import HandClock
from unit.service.silent_plant import merge, watched_point
from unit.service.test_pipeline import FakeSpool

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.errors import SpoolFullError
from ems_telemetry.model import Gap, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.service.gap_ledger import GapLedger, Watched
from ems_telemetry.service.heartbeat import FILE_NAME, Heartbeat
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.silence import SilenceWatch

POINT = watched_point("p", 10)


class Life:
    """One life of a service with one connector."""

    def __init__(self, directory: Path, clock: HandClock) -> None:
        self.clock = clock
        self.spool = FakeSpool()
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self.is_read = True
        self.ledger = GapLedger(Heartbeat(directory), metrics=self.metrics, clock=clock, is_read=lambda: self.is_read)
        self.report = ConnectorReport("c", "test", "test://", clock=clock, metrics=self.metrics)
        self.pipeline = self.begin_connector(POINT)

    def begin_connector(self, *points: ConfiguredPoint) -> Pipeline:
        """Puts a connector in the place of the one before, as a reload does."""
        self.report.begin_anew("test", "test://")
        self.report.connecting()
        self.report.up()
        watch = SilenceWatch(self.report, self.clock)
        watch.add(points)
        self.pipeline = Pipeline(Normalizer("c", list(points)), self.spool, self.report, self.clock, watch)
        self.ledger.watch(Watched("c", watch, self.pipeline))
        return self.pipeline

    @asynccontextmanager
    async def lived(self) -> AsyncIterator[None]:
        async with self.ledger.kept(self.stopping):
            yield
            self.stopping.set()

    async def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.clock.advance(1)
            async with asyncio.timeout(20):  # a thread writes the heartbeat
                while not (self.clock.is_slept_by or self.stopping.is_set()):
                    await asyncio.sleep(0.001)

    async def hear(self) -> None:
        now = self.clock.now()
        await self.pipeline.offer([Sample("EM-01.p", now, 1.0, now)])

    def gaps(self) -> list[Gap]:
        rows: dict[UUID, Gap] = {}
        merge(rows, [gap for batch in self.spool.batches for gap in batch.gaps])
        return sorted(rows.values(), key=lambda gap: gap.start)

    def shown(self, cause: str) -> float | None:
        return self.metrics.registry.get_sample_value("ems_telemetry_gaps_open", {"connector": "c", "cause": cause})


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def life(tmp_path: Path, clock: HandClock) -> Life:
    return Life(tmp_path, clock)


async def test_a_silence_reaches_the_spool_and_is_counted_until_it_ends(life: Life) -> None:
    async with life.lived():
        await life.hear()
        await life.pass_time(22)
        (gap,) = life.gaps()
        assert (gap.cause, gap.is_open) == ("no_data", True)
        assert life.shown("no_data") == 1
        await life.hear()
        await life.pass_time(2)
        (gap,) = life.gaps()
        assert (gap.is_open, gap.end - gap.start) == (False, timedelta(seconds=22))
        assert life.shown("no_data") == 0


async def test_a_silence_that_finds_the_spool_full_is_written_down_when_there_is_room(life: Life) -> None:
    async with life.lived():
        life.spool.failure = SpoolFullError("full")
        await life.pass_time(25)
        assert life.gaps() == []
        life.spool.failure = None
        await life.hear()
        await life.pass_time(2)
    assert [(gap.cause, gap.is_open) for gap in life.gaps()] == [("no_data", False)]


async def test_what_the_spool_refuses_is_told_as_refused_and_is_no_silence(life: Life) -> None:
    async with life.lived():
        life.spool.failure = SpoolFullError("full")
        for _ in range(4):
            await life.pass_time(10)
            await life.hear()
        life.spool.failure = None
        await life.pass_time(5)
        await life.hear()
    assert [(gap.cause, gap.refused) for gap in life.gaps()] == [("spool_full", 4)]


async def test_a_service_that_was_killed_tells_at_its_next_start_that_it_was_away(
    tmp_path: Path, clock: HandClock, life: Life
) -> None:
    with pytest.RaisesGroup(RuntimeError):
        async with life.lived():
            await life.hear()
            await life.pass_time(6)
            beat_at = (tmp_path / FILE_NAME).stat().st_mtime
            raise RuntimeError("killed")
    assert beat_at == (clock.now() - timedelta(seconds=1)).timestamp()
    began = clock.now() - timedelta(seconds=6)
    await clock.advance(3600)
    second = Life(tmp_path, clock)
    async with second.lived():
        (gap,) = second.gaps()
        assert (gap.cause, gap.is_open, gap.start, gap.end) == ("service_stopped", False, began, clock.now())


async def test_a_service_that_stops_in_order_tells_what_lasts_and_finds_it_again(
    tmp_path: Path, clock: HandClock, life: Life
) -> None:
    async with life.lived():
        await life.pass_time(40)
    (before,) = life.gaps()
    assert (before.is_open, before.end) == (True, clock.now())
    await clock.advance(15)
    second = Life(tmp_path, clock)
    async with second.lived():
        await second.pass_time(2)
        (after,) = second.gaps()
    assert (after.id, after.start) == (before.id, before.start)


async def test_connectors_that_are_being_stopped_are_no_silence(life: Life) -> None:
    async with life.ledger.kept(life.stopping):
        await life.hear()
        await life.pass_time(18)
        life.stopping.set()
        await life.pass_time(10)
    assert life.gaps() == []


async def test_a_folder_that_cannot_be_written_is_told_once_and_collecting_goes_on(
    tmp_path: Path, clock: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    life = Life(tmp_path / "missing", clock)
    async with life.lived():
        await life.pass_time(22)
    assert len(life.gaps()) == 1
    assert capsys.readouterr().out.count("heartbeat_failed") == 1


async def test_a_connector_that_takes_the_place_of_another_goes_on_with_its_silence(life: Life) -> None:
    async with life.lived():
        await life.hear()
        began = life.clock.now()
        await life.pass_time(25)
        (before,) = life.gaps()
        life.begin_connector(POINT)
        await life.pass_time(30)
        (gap,) = life.gaps()
        assert (gap.id, gap.start, gap.is_open) == (before.id, began, True)
        await life.hear()
        await life.pass_time(2)
    (gap,) = life.gaps()
    assert (gap.id, gap.is_open, gap.end - gap.start) == (before.id, False, timedelta(seconds=55))


async def test_a_silence_that_began_under_the_old_connector_is_counted_from_its_last_reading(life: Life) -> None:
    async with life.lived():
        await life.hear()
        began = life.clock.now()
        await life.pass_time(15)
        life.begin_connector(POINT)
        await life.pass_time(25)
    (gap,) = life.gaps()
    assert (gap.cause, gap.start, gap.is_open) == ("no_data", began, True)


async def test_a_point_that_a_reload_took_out_has_its_gap_ended_then(life: Life) -> None:
    async with life.lived():
        await life.hear()
        await life.pass_time(25)
        life.begin_connector(watched_point("q", 10))
        ended = life.clock.now()
        await life.pass_time(5)
        (gap,) = life.gaps()
        assert (gap.point, gap.is_open, gap.end) == ("EM-01.p", False, ended)
        await life.pass_time(30)
    assert [gap.point for gap in life.gaps()] == ["EM-01.p", "EM-01.q"]


async def test_the_gaps_of_a_connector_that_is_gone_end_and_nothing_more_is_expected_of_it(life: Life) -> None:
    async with life.lived():
        await life.hear()
        await life.pass_time(25)
        life.ledger.keep_only([])
        ended = life.clock.now()
        await life.pass_time(60)
    (gap,) = life.gaps()
    assert (gap.is_open, gap.end) == (False, ended)
    assert life.shown("no_data") == 0


async def test_a_connector_that_is_kept_is_watched_on(life: Life) -> None:
    async with life.lived():
        await life.hear()
        life.ledger.keep_only(["c"])
        await life.pass_time(25)
    assert [gap.cause for gap in life.gaps()] == ["no_data"]


async def test_the_lease_of_an_open_gap_is_not_renewed_while_nobody_reads_the_spool(life: Life) -> None:
    def ends() -> list[datetime]:
        return [gap.end for batch in life.spool.batches for gap in batch.gaps]

    async with life.lived():
        await life.hear()
        await life.pass_time(25)
        life.is_read = False
        told = ends()
        await life.pass_time(700)
        assert ends() == told
        life.is_read = True
        await life.pass_time(1)
        assert ends() == [*told, life.clock.now()]
