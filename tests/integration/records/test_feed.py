"""The feed of changes, followed while several connections keep, amend and void records."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from zoneinfo import ZoneInfo

import httpx
import pytest
from record_api import Clients, open_clients
from record_plant import ALICE, APRIL, ENERGY, MARCH, Plant, make_plant

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.keeping.making import draft, keep, void
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.records import RecordRow

API = "/api/v1"
WRITERS, REVISIONS = 4, 8
Change = tuple[int, str, int]


class GivenUpError(Exception):
    """A transaction ends without a commit, as by a crash."""


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url, max_connections=WRITERS + 2) as database:
        yield await make_plant(database)


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def keep_next(connection: Connection, plant: Plant, name: str, revision: int, before: RecordRow | None) -> RecordRow:
    """Keeps a revision of the record of an item, which says something else since the item was revised."""
    item = PlanItem(name, revision, "BER1", ENERGY, "period_total@1", Period.MONTH, {"point": ENERGY})
    asked = Asked(item, MARCH, APRIL, ZoneInfo("Europe/Berlin"))
    made = await draft(connection, asked, plant.clock.now())
    kept = await keep(connection, made, before, "plan_changed", plant.clock.now())
    assert kept is not None
    return kept


async def write(plant: Plant, name: str, drawn: random.Random) -> list[Change]:
    """Keeps revision after revision over connections of its own, some of which are rolled back first; voids the last one."""
    row: RecordRow | None = None
    changes: list[Change] = []
    for revision in range(1, REVISIONS + 1):
        if drawn.random() < 0.3:
            with suppress(GivenUpError):
                await keep_slowly(plant, name, revision, row, drawn, given_up=True)
        row = await keep_slowly(plant, name, revision, row, drawn)
        changes.append(change_of(row))
    assert row is not None
    async with plant.database.connection() as connection:
        changes.append(change_of(await void(connection, row, "for a test", plant.clock.now(), ALICE)))
    return changes


async def keep_slowly(
    plant: Plant, name: str, revision: int, before: RecordRow | None, drawn: random.Random, *, given_up: bool = False
) -> RecordRow:
    async with plant.database.connection() as connection:
        row = await keep_next(connection, plant, name, revision, before)
        await asyncio.sleep(drawn.random() * 0.01)
        if given_up:
            raise GivenUpError
    return row


def change_of(row: RecordRow) -> Change:
    return row.seq, str(row.id), row.revision


async def ask(client: httpx.AsyncClient, seq: int, limit: int) -> Sequence[Change]:
    answer = await client.get(f"{API}/records", params={"changed_since": seq, "limit": limit})
    assert answer.status_code == 200, answer.text
    return [(each["seq"], each["record_id"], each["revision"]) for each in answer.json()["items"]]


async def follow(client: httpx.AsyncClient, written: asyncio.Event, drawn: random.Random) -> list[Change]:
    """Follows the feed as docs/integration.md shows it, until the writers are done and nothing more comes."""
    seen: list[Change] = []
    while True:
        was_written = written.is_set()
        page = await ask(client, seen[-1][0] if seen else 0, drawn.randint(1, 5))
        seen += page
        if was_written and not page:
            return seen
        await asyncio.sleep(drawn.random() * 0.005)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_client_that_follows_the_feed_misses_nothing_and_gets_nothing_twice_whoever_writes_meanwhile(
    plant: Plant, clients: Clients, seed: int
) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    written = asyncio.Event()
    followers = [
        asyncio.create_task(follow(client, written, random.Random(f"{seed}/{client}")))  # noqa: S311  # not for secrets
        for client in (clients.alice, clients.bob)
    ]
    writers = [write(plant, f"item-{name}", random.Random(f"{seed}/{name}")) for name in range(WRITERS)]  # noqa: S311  # see above
    changes = [change for each in await asyncio.gather(*writers) for change in each]
    written.set()
    assert len(changes) == WRITERS * (REVISIONS + 1)
    for seen in await asyncio.gather(*followers):
        assert seen == sorted(changes)


async def test_a_revision_is_not_seen_before_one_with_a_lower_seq_that_is_still_being_kept(
    plant: Plant, clients: Clients
) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")

    async def second() -> RecordRow:
        async with plant.database.connection() as connection:
            return await keep_next(connection, plant, "second", 1, None)

    async with plant.database.connection() as connection:
        ready = await keep_next(connection, plant, "ready", 1, None)  # digests the readings, which others would wait for too
    async with plant.database.connection() as connection:
        first = await keep_next(connection, plant, "first", 1, None)
        waiting = asyncio.create_task(second())
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        assert await ask(clients.alice, ready.seq, 10) == []
    later = await waiting
    assert later.seq == first.seq + 1
    assert [seq for seq, _, _ in await ask(clients.alice, ready.seq, 10)] == [first.seq, later.seq]
