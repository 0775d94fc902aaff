"""The ledger of gaps in the database: tellings in any order give the same row, and what came after all is counted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from small_plant import ENERGY, POWER, START, fetch, gap, prepare, reading, write

from ems_telemetry.model import LEASE, Batch, Flag, Gap
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.gaps import GapFilter, GapRow, list_gaps
from ems_telemetry.storage.losses import TimePage
from ems_telemetry.storage.reading import Span

MINUTE = timedelta(minutes=1)


def silence(minutes: float, number: int = 1, *, ended: bool = False, **fields: object) -> Gap:
    """A gap of a point that is due every ten seconds, as it was told after so many minutes."""
    told = Gap(UUID(int=number), "hall-1", ENERGY, START, START + minutes * MINUTE, "no_data", 0)
    plain = told._replace(is_open=not ended, expected=int(minutes * 6))
    return plain._replace(**fields)  # type: ignore[arg-type]  # fields by name, as _replace takes them


async def listed(database: Database, wanted: GapFilter | None = None, span: Span | None = None) -> list[GapRow]:
    return await list_gaps(database, None, span or Span(), TimePage(100), wanted or GapFilter())


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_in_whatever_order_a_gap_is_told_it_ends_as_it_ended(timescaledb_url: str, order: Sequence[int]) -> None:
    told = [silence(0.5), silence(5), silence(10), silence(8.5, ended=True, expected=50)]
    async with Database(timescaledb_url) as database:
        await write(database, *(Batch("hall-1", gaps=[told[index]]) for index in order))
        rows = await fetch(database, "SELECT ended_at, open, expected FROM gaps")
        await write(database, Batch("hall-1", gaps=told[::-1]))
        again = await fetch(database, "SELECT ended_at, open, expected FROM gaps")
    assert rows == again == [(START + 8.5 * MINUTE, False, 50)]


async def test_what_says_open_lasts_until_its_lease_has_run_out(database: Database) -> None:
    now = datetime.now(UTC)
    fresh = silence(1, 1, start=now - 60 * MINUTE, end=now - LEASE + MINUTE)
    stale = silence(1, 2, start=now - 90 * MINUTE, end=now - LEASE - MINUTE)
    await write(database, Batch("hall-1", gaps=[fresh, stale, silence(1, 3, ended=True)]))
    first, second, third = await listed(database)
    assert (first.id, first.open, second.open, third.open) == (fresh.id, True, False, False)
    assert abs(first.end - now) < MINUTE
    assert second.end == stale.end
    assert [row.id for row in await listed(database, GapFilter(open=True))] == [fresh.id]
    assert [row.id for row in await listed(database, GapFilter(open=False))] == [stale.id, third.id]
    recent = Span(now - MINUTE, now + MINUTE)
    assert [row.id for row in await listed(database, span=recent)] == [fresh.id]


async def test_a_gap_is_filled_by_nine_in_ten_of_the_readings_that_were_due(database: Database) -> None:
    due = [reading(second=10 * number, flags=Flag.BACKFILLED) for number in range(1, 30)]
    bounds = [reading(second=0), reading(second=300)]
    await write(database, Batch("hall-1", bounds, gaps=[silence(5, ended=True, expected=29)]))
    assert [(row.found, row.filled) for row in await listed(database)] == [(0, False)]
    await write(database, Batch("hall-1", due[:26]))
    assert [(row.found, row.filled) for row in await listed(database)] == [(26, False)]
    await write(database, Batch("hall-1", due[26:27]))
    assert [(row.expected, row.found, row.filled) for row in await listed(database)] == [(29, 27, True)]


async def test_readings_without_a_value_and_those_of_other_points_fill_nothing(database: Database) -> None:
    readings = [reading(second=10, value=None, quality=0), reading(POWER, second=20)]
    await write(database, Batch("hall-1", readings, gaps=[silence(5, ended=True)]))
    assert [row.found for row in await listed(database)] == [0]


async def test_refused_samples_lie_at_both_ends_of_their_gap(database: Database) -> None:
    refused = gap()._replace(end=START, refused=1)
    await write(database, Batch("hall-1", gaps=[refused]))
    assert [(row.found, row.filled) for row in await listed(database)] == [(0, False)]
    await write(database, Batch("hall-1", [reading(flags=Flag.BACKFILLED)]))
    assert [(row.expected, row.found, row.filled) for row in await listed(database)] == [(None, 1, True)]


async def test_a_gap_of_a_whole_connector_counts_nothing(database: Database) -> None:
    await write(database, Batch("hall-1", [reading(second=1)], gaps=[gap()._replace(point=None)]))
    assert [(row.found, row.filled) for row in await listed(database)] == [(None, None)]


async def test_gaps_are_found_by_point_and_cause(database: Database) -> None:
    gaps = [silence(1, 1, ended=True), silence(1, 2, ended=True, point=POWER), silence(1, 3, ended=True, cause="link_down")]
    await write(database, Batch("hall-1", gaps=gaps))
    assert [row.id for row in await listed(database, GapFilter(point=POWER))] == [UUID(int=2)]
    assert [row.id for row in await listed(database, GapFilter(cause="link_down"))] == [UUID(int=3)]
    assert [row.id for row in await listed(database, GapFilter(connector="hall-1", point=ENERGY, cause="no_data"))] == [
        UUID(int=1)
    ]


async def test_the_lease_is_the_same_in_the_code_and_in_the_database(database: Database) -> None:
    await prepare(database)
    just, no_more = LEASE - timedelta(seconds=2), LEASE + timedelta(seconds=2)
    query = "SELECT gap_lasts(true, now() - %s::interval), gap_lasts(true, now() - %s::interval), gap_lasts(false, now())"
    assert await fetch(database, query, just, no_more) == [(True, False, False)]


async def test_the_view_names_the_point_and_its_site(database: Database) -> None:
    await write(database, Batch("hall-1", gaps=[silence(1, ended=True)]))
    query = "SELECT point, meter, meter_name, site, area FROM gaps_by_point"
    assert await fetch(database, query) == [(ENERGY, "EM-01", "Main switchboard", "BER1", "hall-1")]
