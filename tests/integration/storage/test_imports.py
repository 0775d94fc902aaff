"""What the audit trail is told of readings that somebody brings, with the readings themselves."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fakes import until
from fakes_spool import MemorySpool
from small_plant import ENERGY, POWER, START, WATER, batch, fetch, prepare, reading, running, stored, write, writer

from ems_telemetry.model import Batch, Reading, Run, RunEnd
from ems_telemetry.storage.audit import AuditFilter, AuditRow, list_events
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.imports import BROKEN_OFF_AFTER, tell_broken_off

ID = UUID(int=7)


def part(*readings: Reading, ended: RunEnd | None = None) -> Batch:
    who = ("command:alice", "alice", None)
    run = Run(ID, uuid4(), START, *who, "march.csv", "import", "ab" * 32, "Alice Meier", "forgotten in March", ended)
    return Batch("hand", readings, run=run)


def end(batches: int, readings: int, refused: int = 0) -> Batch:
    return part(ended=RunEnd(batches, readings, refused))


async def events(database: Database) -> Sequence[AuditRow]:
    return await list_events(database, AuditFilter(object_type="import"), 0, 100)


async def detail(database: Database) -> dict[str, Any]:
    *_, last = await events(database)
    assert last.action == "readings.imported"
    assert last.detail is not None
    return dict(last.detail)


async def test_a_run_is_told_with_who_what_and_why_and_what_became_of_its_rows(database: Database) -> None:
    await prepare(database)
    await write(database, batch(reading(POWER, 1, 5.0), reading(POWER, 2, 5.0)))
    brought = part(reading(POWER, 1, 5.0), reading(POWER, 2, 6.0), reading(POWER, 3), reading("EM-09.unknown", 4))
    await write(database, batch(reading(ENERGY)), brought, part(reading(WATER, 90)), batch(reading(ENERGY, 9)), end(3, 5, 2))
    begun, imported = await events(database)
    for event in (begun, imported):
        assert (event.actor, event.actor_name, event.object_id, event.reason) == (
            "command:alice", "alice", str(ID), "forgotten in March",
        )  # fmt: skip
        assert event.detail is not None
        assert (event.detail["source"], event.detail["sha256"], event.detail["author"]) == (
            "march.csv",
            "ab" * 32,
            "Alice Meier",
        )
    assert begun.action == "readings.import_begun"
    told = await detail(database)
    counts = {name: told[name] for name in ("readings", "accepted", "duplicates", "conflicts", "rejected", "refused")}
    assert counts == {"readings": 5, "accepted": 2, "duplicates": 1, "conflicts": 1, "rejected": 1, "refused": 2}
    assert (told["points"], told["point_names"]) == (3, ["EM-01.power", "EM-09.unknown", "WM-02.volume"])
    assert (told["since"], told["until"]) == ("2026-03-02T10:00:01Z", "2026-03-02T10:01:30Z")
    assert await fetch(database, "SELECT * FROM import_parts") == []


async def test_a_run_that_was_broken_off_is_told_as_begun(database: Database) -> None:
    await prepare(database)
    await write(database, part(reading()), part(reading(second=1)))
    assert [event.action for event in await events(database)] == ["readings.import_begun"]
    assert await fetch(database, "SELECT sum(inserted)::int FROM import_parts") == [(2,)]
    (begun,) = await events(database)
    async with database.connection() as connection:
        assert await tell_broken_off(connection, begun.occurred_at + BROKEN_OFF_AFTER) == 0
        assert await tell_broken_off(connection, begun.occurred_at + BROKEN_OFF_AFTER + timedelta(days=1)) == 1
    _, broken_off = await events(database)
    assert broken_off.detail is not None
    assert (broken_off.action, broken_off.actor) == ("readings.import_broken_off", "service:ems-telemetry")
    assert (broken_off.detail["batches"], broken_off.detail["accepted"]) == (2, 2)
    assert await fetch(database, "SELECT * FROM import_parts") == []


async def test_what_is_written_again_after_a_crash_is_told_once_and_counts_once(database: Database) -> None:
    await prepare(database)
    first, second, last = part(reading()), part(reading(second=1)), end(3, 2)
    for batches in ((first,), (first,), (first, second), (first, second, last), (second, last), (first,)):
        await write(database, *batches)
    assert [event.action for event in await events(database)] == ["readings.import_begun", "readings.imported"]
    told = await detail(database)
    assert (told["accepted"], told["conflicts"]) == (2, 0)
    assert len(await stored(database)) == 2


async def test_the_end_may_be_written_before_what_it_ends(database: Database) -> None:
    await prepare(database)
    await write(database, end(3, 2))
    await write(database, part(reading(second=60)))
    assert [event.action for event in await events(database)] == ["readings.import_begun"]
    await write(database, part(reading()))
    told = await detail(database)
    assert (told["accepted"], told["since"], told["until"]) == (2, "2026-03-02T10:00:00Z", "2026-03-02T10:01:00Z")


async def test_a_row_that_the_database_refuses_does_not_keep_a_run_from_being_told(database: Database) -> None:
    await prepare(database)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE readings ADD CONSTRAINT poisoned CHECK (value <> 13)")
    rows = [reading(second=n, value=float(n)) for n in range(20)]
    assert await write(database, part(*rows), end(2, 20)) == {"inserted": 19, "rejected": 1}
    told = await detail(database)
    assert (told["accepted"], told["rejected"], told["until"]) == (
        19,
        1,
        (START + timedelta(seconds=19)).isoformat()[:19] + "Z",
    )


async def test_a_run_whose_chunk_somebody_holds_waits_and_is_told_when_it_is_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ems_telemetry.storage.postponed.AGAIN_AFTER_S", 0.5)
    await prepare(database)
    now = START + timedelta(days=30)
    await write(database, batch(reading(POWER)))
    ((chunk,),) = await fetch(database, "SELECT DISTINCT tableoid::regclass::text FROM readings")
    spool = MemorySpool()
    async with database.connection() as holding, running(writer(database, spool)) as one:
        await until(lambda: one.state.connected)
        await holding.execute(f"LOCK TABLE {chunk} IN EXCLUSIVE MODE".encode())
        await spool.put(part(reading(POWER, 1, received_at=now), reading(POWER, 2, received_at=now)))
        await spool.put(batch(reading(ENERGY, time=now, received_at=now)))
        await until(lambda: one.state.rows == 1 and len(spool.entries) == 1)
        assert await events(database) == []
        await holding.rollback()
        await spool.put(end(2, 2))
        await spool.wait_until_empty()
    assert [event.action for event in await events(database)] == ["readings.import_begun", "readings.imported"]
    told = await detail(database)
    assert (told["accepted"], told["duplicates"], len(await stored(database, POWER))) == (2, 0, 3)
