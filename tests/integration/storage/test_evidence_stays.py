"""What was measured, and what proves how figures came about, refuses to be changed, on each kind of database."""

from datetime import timedelta

import pytest
from small_plant import ENERGY, START, batch, fetch, gap, letter, prepare, reading, stored, write

from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.model import Batch
from ems_telemetry.storage.capability import Capability, detect
from ems_telemetry.storage.capability.upkeep import drop_before
from ems_telemetry.storage.database import Database

CHANGES = ("UPDATE {} SET value = 2", "DELETE FROM {}", "DELETE FROM {} WHERE false")
TABLES_THAT_STAY = {
    "audit_events", "checkpoints", "config_files", "config_revisions", "config_texts", "dead_letters", "gaps",
    "meter_event_registers", "meter_events", "meter_revisions", "point_revisions", "raw_digests", "readings",
    "record_snapshots", "records",
    "register_decisions", "register_entries",
}  # fmt: skip
OTHERS = {
    "api_keys": "revoked and never deleted; its making and end are events",
    "areas": "as configured now; config_revisions has what was",
    "audit_packs": "copies that can be made again; that they were made is an event",
    "checks_told": "whom a webhook was reminded of; checks stand in register_entries",
    "exceedances_told": "what webhooks were told; evaluations are records",
    "flags": "words",
    "idempotency_keys": "answers kept for a week",
    "import_parts": "work under way; what came of it is an event",
    "interval_flags": "words",
    "interval_marks": "work to be done",
    "interval_progress": "work that was done",
    "intervals": "computed anew when readings come late; records have snapshots of them",
    "latest_readings": "a copy of the newest",
    "meters": "as configured now",
    "outbox": "deliveries, forgotten when done",
    "points": "as configured now; point_revisions has what was",
    "record_marks": "work to be done",
    "record_sources": "of the newest revision; the envelope of each has its inputs",
    "schema_migrations": "the schema's own",
    "sites": "as configured now",
    "webhooks": "as registered now; register_entries has what was",
}


async def refused(database: Database, statement: str) -> str:
    with pytest.raises(EmsTelemetryError) as told:
        await fetch(database, statement)
    return str(told.value)


async def test_readings_are_neither_changed_nor_deleted(database: Database) -> None:
    await prepare(database)
    await write(database, batch(reading()))
    for change in CHANGES:
        assert "is refused: readings are never edited or deleted" in await refused(database, change.format("readings"))
    assert "truncate of readings is refused" in await refused(database, "TRUNCATE readings")
    for (piece,) in await fetch(database, "SELECT tableoid::regclass::text FROM readings"):
        for change in CHANGES[:2]:
            assert "readings are never edited or deleted" in await refused(database, change.format(piece))
    assert len(await stored(database)) == 1


async def test_whoever_is_refused_is_told_what_to_do_instead(database: Database) -> None:
    await prepare(database)
    async with database.connection() as connection:
        with pytest.raises(Exception, match="is refused") as told:  # the block is the transaction
            await connection.execute("DELETE FROM readings")
        await connection.rollback()
    hint = told.value.diag.message_hint  # type: ignore[attr-defined]  # the driver's error has it
    assert hint.startswith("State what is right as a correction")
    assert "/api/v1/corrections" in hint


async def test_readings_whose_retention_ended_are_dropped_all_the_same(database: Database) -> None:
    capability = (await prepare(database)).capability
    await write(database, batch(reading(), reading(second=60 * 86_400)))
    async with database.connection() as connection:
        dropped, _ = await drop_before(connection, capability, START + timedelta(days=30), lambda _since, _until: False)
    assert len(dropped) == 1
    assert [time for time, _ in await stored(database, ENERGY)] == [START + timedelta(days=60)]


async def test_the_columnstore_compresses_and_takes_in_late_rows_that_it_lets_nobody_change(database: Database) -> None:
    await prepare(database)
    await write(database, batch(*(reading(second=2 * n) for n in range(100))))
    async with database.connection() as connection:
        capability = await detect(connection)
    if capability is Capability.COMMUNITY:
        await fetch(database, "SELECT compress_chunk(c)::text FROM show_chunks('readings') c")
    assert (await write(database, batch(*(reading(second=2 * n + 1) for n in range(100)))))["inserted"] == 100
    for change in CHANGES:
        assert "is refused" in await refused(database, change.format("readings"))
    assert len(await stored(database)) == 200


async def test_of_letters_and_gaps_only_what_became_of_them_changes(database: Database) -> None:
    await prepare(database)
    await write(database, Batch("hall-1", (), (letter(),), (gap(),)))
    for statement in (
        "UPDATE dead_letters SET payload = ''",
        "UPDATE gaps SET cause = 'nothing'",
        "DELETE FROM dead_letters",
        "DELETE FROM gaps",
        "TRUNCATE gaps",
    ):
        assert "is refused: evidence is never edited or deleted" in await refused(database, statement)
    await fetch(database, "UPDATE dead_letters SET retry_note = 'read again' RETURNING 1")
    await fetch(database, "UPDATE gaps SET ended_at = ended_at + interval '1 minute', open = true RETURNING 1")


async def test_every_table_is_evidence_that_stays_or_has_a_reason_why_it_is_not(database: Database) -> None:
    tables = await fetch(
        database,
        """
        SELECT c.relname::text, bool_or(t.tgtype & 32 <> 0), bool_or(t.tgtype & 8 <> 0)
        FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid
             AND t.tgfoid IN ('refuse_change'::regproc, 'refuse_reading_change'::regproc)
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition GROUP BY 1""",
    )
    assert {name for name, truncating, deleting in tables if truncating and deleting} == TABLES_THAT_STAY
    assert {name for name, truncating, deleting in tables if not truncating or not deleting} <= OTHERS.keys()
