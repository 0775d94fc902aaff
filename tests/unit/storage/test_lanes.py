"""What comes in now is written beside a backlog, and the backlog in portions that keep commits short."""

from datetime import timedelta

from fakes import HandClock
from fakes_spool import NOON, MemorySpool
from small_plant import batch, reading

from ems_telemetry.storage.lanes import COMMIT_GOAL_S, LARGEST_PORTION, LEAST_PORTION, MAX_ITEMS, Lanes

LONG_AGO = HandClock(NOON + timedelta(minutes=5))
JUST_NOW = HandClock(NOON + timedelta(seconds=1))


def entries(spool: MemorySpool) -> list[int]:
    return [entry.sequence for entry in spool.entries]


async def sequences(lanes: Lanes, spool: MemorySpool, took_s: float = 0.3) -> list[int]:
    """Takes one portion, as the writer does."""
    portion = await lanes.next()
    await spool.remove([entry.sequence for entry in portion.entries])
    lanes.written(portion, took_s)
    return [entry.sequence for entry in portion.entries]


def spool_of(count: int, size: int = 1_000) -> MemorySpool:
    return MemorySpool(*(batch(*(reading(second=at) for at in range(size))) for _ in range(count)))


async def test_without_a_backlog_everything_is_written_in_its_order() -> None:
    spool = spool_of(7)
    lanes = Lanes(spool, JUST_NOW)
    assert await sequences(lanes, spool) == [1, 2, 3, 4, 5]
    assert await sequences(lanes, spool) == [6, 7]
    assert not lanes.is_behind


async def test_what_comes_in_now_is_written_between_two_portions_of_the_backlog() -> None:
    spool = spool_of(12)
    lanes = Lanes(spool, LONG_AGO)
    assert await sequences(lanes, spool) == [1, 2, 3, 4, 5]
    assert lanes.is_behind
    await spool.put(batch(reading(second=5_000)))
    assert await sequences(lanes, spool) == [13]
    assert await sequences(lanes, spool) == [6, 7, 8, 9, 10]
    assert await sequences(lanes, spool) == [11, 12]
    await spool.put(batch(reading(second=5_001)))
    assert await sequences(lanes, spool) == [14]
    assert await sequences(lanes, spool) == []
    assert not lanes.is_behind


async def test_nothing_is_given_twice_or_left_out_however_turns_fall() -> None:
    spool = spool_of(30, size=700)
    lanes, seen = Lanes(spool, LONG_AGO), []
    for turn in range(40):
        if turn % 3 == 0:
            await spool.put(batch(reading(second=9_000 + turn)))
        seen += await sequences(lanes, spool, took_s=0.1 * (turn % 7))
    seen += await sequences(lanes, spool)
    assert sorted(seen) == list(range(1, 45))
    assert entries(spool) == []


async def test_portions_shrink_while_commits_are_slow_and_grow_while_they_are_fast() -> None:
    spool = spool_of(400, size=500)
    lanes = Lanes(spool, LONG_AGO)
    assert len(await sequences(lanes, spool, took_s=COMMIT_GOAL_S * 5)) == MAX_ITEMS // 500
    assert len(await sequences(lanes, spool, took_s=COMMIT_GOAL_S * 50)) == MAX_ITEMS // 500 // 5
    assert len(await sequences(lanes, spool, took_s=0.01)) == LEAST_PORTION // 500
    sizes = [len(await sequences(lanes, spool, took_s=0.01)) for _ in range(20)]
    assert MAX_ITEMS // 500 < max(sizes) <= LARGEST_PORTION // 500


async def test_a_portion_may_be_taken_while_the_one_before_it_is_written() -> None:
    spool = spool_of(30, size=700)
    lanes = Lanes(spool, LONG_AGO)
    seen: list[int] = []
    writing = await lanes.next()
    for turn in range(60):
        if turn % 3 == 0:
            await spool.put(batch(reading(second=9_000 + turn)))
        ahead = await lanes.next()
        seen += [entry.sequence for entry in writing.entries]
        await spool.remove([entry.sequence for entry in writing.entries])
        lanes.written(writing, 0.3)
        writing = ahead
    assert sorted(seen) == list(range(1, 51))
    assert len(seen) == len(set(seen))
    assert entries(spool) == []


async def test_all_that_comes_in_now_is_taken_at_each_turn_beside_a_backlog() -> None:
    spool = spool_of(20)
    lanes = Lanes(spool, LONG_AGO)
    await sequences(lanes, spool)
    await spool.put(*(batch(*(reading(second=20_000 + at) for at in range(1_000))) for _ in range(12)))
    assert await sequences(lanes, spool) == list(range(21, 33))
