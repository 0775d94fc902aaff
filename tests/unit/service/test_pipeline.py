import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fakes import HandClock
from unit.points import configured_point

from ems_telemetry.errors import SpoolDamagedError, SpoolFullError
from ems_telemetry.model import Batch, Gap, Receipt, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, Metrics
from ems_telemetry.service.pipeline import Pipeline

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


class FakeSpool:
    """A spool in memory that raises what it is told to until it has room again."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.receipts: list[Receipt] = []
        self.failure: Exception | None = None
        self.room = asyncio.Event()

    async def append(self, batch: Batch, receipts: Sequence[Receipt] = ()) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.batches.append(batch)
        self.receipts.extend(receipts)

    async def is_durable(self, receipt: Receipt) -> bool:
        return receipt in self.receipts

    async def wait_for_room(self) -> None:
        await self.room.wait()


@pytest.fixture
def spool() -> FakeSpool:
    return FakeSpool()


@pytest.fixture
def report() -> ConnectorReport:
    return ConnectorReport("c", "test", "test://", clock=HandClock(NOW), metrics=Metrics())


@pytest.fixture
def pipeline(spool: FakeSpool, report: ConnectorReport) -> Pipeline:
    return Pipeline(Normalizer("c", [configured_point()]), spool, report, HandClock(NOW))


def sample(second: int = 0, **fields: Any) -> Sample:  # noqa: ANN401 - fields of a sample
    time = NOW + timedelta(seconds=second)
    return Sample(**{"point": "EM-01.p", "time": time, "value": 1.0, "received_at": time, **fields})


async def test_samples_become_one_durable_batch_of_readings(pipeline: Pipeline, spool: FakeSpool) -> None:
    await pipeline.deliver([sample(0), sample(1)], receipts=[Receipt("c", 1, b"d")])
    (batch,) = spool.batches
    assert [reading.time for reading in batch.readings] == [NOW, NOW + timedelta(seconds=1)]
    assert await pipeline.is_durable(Receipt("c", 1, b"d"))


async def test_delivering_waits_for_room_and_stores_everything_once(
    pipeline: Pipeline, spool: FakeSpool, report: ConnectorReport
) -> None:
    spool.failure = SpoolFullError("full")
    delivering = asyncio.create_task(pipeline.deliver([sample()]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not delivering.done()
    assert report.status.last_error == "waiting: full"
    spool.failure = None
    spool.room.set()
    await asyncio.wait_for(delivering, 1)
    assert len(spool.batches) == 1


@pytest.mark.parametrize("failure", [SpoolFullError("full"), SpoolDamagedError("broken")])
async def test_what_is_refused_is_counted_and_becomes_a_gap_with_the_next_batch(
    pipeline: Pipeline, spool: FakeSpool, report: ConnectorReport, failure: Exception
) -> None:
    spool.failure = failure
    assert not await pipeline.offer([sample(0), sample(1)])
    assert not await pipeline.offer([sample(2)])
    spool.failure = None
    assert await pipeline.offer([sample(3)])
    (batch,) = spool.batches
    (gap,) = batch.gaps
    assert (gap.point, gap.start, gap.end, gap.refused) == ("EM-01.p", NOW, NOW + timedelta(seconds=2), 3)
    assert len(batch.readings) == 1
    assert report.status.counters["samples_refused"] == 3
    assert report.status.counters["samples_stored"] == 1


async def test_a_gap_is_written_once(pipeline: Pipeline, spool: FakeSpool) -> None:
    spool.failure = SpoolFullError("full")
    await pipeline.offer([sample()])
    spool.failure = None
    await asyncio.gather(pipeline.offer([sample(1)]), pipeline.offer([sample(2)]))
    await pipeline.close()
    assert sum(len(batch.gaps) for batch in spool.batches) == 1


async def test_closing_writes_down_what_was_refused_last(pipeline: Pipeline, spool: FakeSpool) -> None:
    spool.failure = SpoolFullError("full")
    await pipeline.offer([sample()])
    spool.failure = None
    await pipeline.close()
    assert [gap.refused for batch in spool.batches for gap in batch.gaps] == [1]


def lasting(seconds: int, number: int = 1) -> Gap:
    return Gap(UUID(int=number), "c", "EM-01.p", NOW, NOW + timedelta(seconds=seconds), "node_unknown", 0)


async def test_a_gap_that_a_connector_records_is_durable_at_once(pipeline: Pipeline, spool: FakeSpool) -> None:
    await pipeline.record([lasting(60)])
    assert [gap for batch in spool.batches for gap in batch.gaps] == [lasting(60)]


async def test_gaps_wait_for_room_and_only_the_latest_telling_of_each_is_written(pipeline: Pipeline, spool: FakeSpool) -> None:
    spool.failure = SpoolFullError("full")
    await pipeline.record([lasting(60), lasting(60, number=2)])
    await pipeline.record([lasting(120)])
    spool.failure = None
    assert await pipeline.offer([sample()])
    (batch,) = spool.batches
    assert list(batch.gaps) == [lasting(120), lasting(60, number=2)]


async def test_closing_writes_down_gaps_that_had_no_room(pipeline: Pipeline, spool: FakeSpool) -> None:
    spool.failure = SpoolFullError("full")
    await pipeline.record([lasting(60)])
    spool.failure = None
    await pipeline.close()
    assert [gap for batch in spool.batches for gap in batch.gaps] == [lasting(60)]


async def test_text_that_is_no_number_becomes_a_dead_letter_beside_the_readings(pipeline: Pipeline, spool: FakeSpool) -> None:
    await pipeline.deliver([sample(0, value="offline"), sample(1)])
    (batch,) = spool.batches
    assert [letter.reason for letter in batch.dead_letters] == ["not_a_number"]
    assert len(batch.readings) == 1


async def test_a_cancelled_delivery_stores_nothing_more_and_the_cancellation_travels_on(
    pipeline: Pipeline, spool: FakeSpool
) -> None:
    spool.failure = SpoolFullError("full")
    delivering = asyncio.create_task(pipeline.deliver([sample()]))
    await asyncio.sleep(0.01)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    assert spool.batches == []


async def test_what_a_device_makes_known_travels_once_and_before_its_readings(pipeline: Pipeline, spool: FakeSpool) -> None:
    known = configured_point(id="found")
    pipeline.declare([known])
    assert spool.batches == []
    assert await pipeline.offer([sample(point="EM-01.found")])
    assert await pipeline.offer([sample(1, point="EM-01.found")])
    assert [[one.key for one in batch.declarations] for batch in spool.batches] == [["EM-01.found"], []]
    assert [[reading.point for reading in batch.readings] for batch in spool.batches] == [["EM-01.found"]] * 2
    declaration = spool.batches[0].declarations[0]
    assert (declaration.meter, declaration.site, declaration.unit) == ("EM-01", known.site, known.quantity.unit)


async def test_what_could_not_be_made_known_yet_goes_with_the_next_batch(pipeline: Pipeline, spool: FakeSpool) -> None:
    pipeline.declare([configured_point(id="found")])
    spool.failure = SpoolFullError("full")
    assert not await pipeline.offer([sample(point="EM-01.found")])
    spool.failure = None
    await pipeline.close()
    assert [one.key for one in spool.batches[0].declarations] == ["EM-01.found"]
