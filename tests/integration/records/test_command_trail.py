"""Every verb of the command line that changes tables is in the audit trail, with the user of the machine, or has a reason."""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import typer
from record_plant import APRIL, ENERGY, MARCH, Plant, make_plant
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner, Result

from ems_telemetry.cli.database import WritesPausedError
from ems_telemetry.cli.main import make_app
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.storage.audit import AuditFilter, list_events
from ems_telemetry.storage.database import Database

HAND = """
type: manual
site: BER1
meters:
  - {id: GM-01, medium: gas, points: [{id: volume, quantity: gas_volume, unit: Nm3, kind: counter}]}
"""
FACTS = """id,site,taken_at,taken_by,place,parameter,method,value,unit
LAB-1,BER1,2026-03-02T08:30:00Z,M. Schulz,outfall-1,COD,DIN 38409-41,42.5,mg/L
"""
METER = ("--at", "2026-03-02T10:00:00Z", "--reason", "battery changed")
WRITING = {
    ("import",): (("SHEET", "--reason", "read by hand", "--author", "Alice"), {"readings.import_begun", "readings.imported"}),
    ("backfill",): (("SHEET", "--reason", "forgotten"), {"readings.import_begun", "readings.imported"}),
    ("keys", "create"): (("--name", "EMS"), {"api_key.created"}),
    ("keys", "revoke"): (("KEY",), {"api_key.revoked"}),
    ("meters", "events", "add"): (("GM-01", "--type", "reset", *METER), {"meter_event.added"}),
    ("meters", "events", "void"): (("EVENT", "--reason", "it was another meter"), {"meter_event.voided"}),
    ("dead-letters", "retry"): (("--all",), {"dead_letter.retried_in_vain"}),
    ("intervals", "recompute"): (("--from", "2026-03-02T00:00:00Z", "--all"), {"intervals.recompute_requested"}),
    ("register", "import"): (("FACTS", "--kind", "sample", "--reason", "from the laboratory"), {"sample.added"}),
    ("factors", "import"): ((), {"factor.added", "gwp_set.added"}),
    ("evidence", "pack"): (
        ("--site", "BER1", "--from", "2026-03-01", "--to", "2026-04-01", "--seed", "Q1", "--out", "OUT", "--key", "PEM"),
        {"audit_pack.made"},
    ),
}  # fmt: skip
"""By the verb: what it is given, and what the trail is told."""
ELSEWHERE = {
    ("migrate",): "schema_migrations tells of it",
    ("run",): "the service; what it does by itself is told by its parts",
    ("demo",): "a database of its own, which goes with it",
    ("reload",): "the service tells of it, as configuration.accepted",
    ("pause-writes",): "the service tells of it, as writes.paused",
    ("resume-writes",): "the service tells of it, as writes.resumed",
}
"""Verbs that change tables, and are told of in another manner."""
READING = {
    ("audit", "verify"), ("check",), ("config", "history"), ("config", "show"), ("dead-letters", "list"),
    ("dead-letters", "show"), ("evidence", "key", "make"), ("evidence", "key", "show"), ("evidence", "verify"), ("export",),
    ("init",), ("intervals", "status"), ("keys", "list"), ("meters", "events", "list"), ("modbus", "decode"),
    ("modbus", "plan"), ("modbus", "read"), ("modbus", "scan"), ("mqtt", "listen"), ("opcua", "browse"),
    ("opcua", "certificate", "export"), ("opcua", "certificate", "make"), ("opcua", "certificate", "renew"),
    ("opcua", "certificate", "show"), ("opcua", "endpoints"), ("opcua", "read"), ("opcua", "trust", "accept"),
    ("opcua", "trust", "list"), ("opcua", "trust", "remove"), ("profiles", "list"), ("profiles", "show"), ("schema",),
    ("simulate",), ("spool", "status"), ("status",),
}  # fmt: skip
"""Verbs that change no table."""


def verbs(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from verbs(inner, (*path, name))
    else:
        assert isinstance(command, TyperCommand)
        yield path


def test_every_verb_is_told_of_in_the_trail_or_has_a_reason_why_not() -> None:
    assert set(verbs(typer.main.get_command(make_app()))) == WRITING.keys() | ELSEWHERE.keys() | READING


@pytest.fixture
async def plant(timescaledb_url: str, tmp_path: Path) -> AsyncIterator[Plant]:
    (tmp_path / "plant.yaml").write_text("sites: [{id: BER1, name: Berlin works, timezone: Europe/Berlin}]")
    (tmp_path / "ems.yaml").write_text(
        f'database: {{url: "{timescaledb_url}"}}\nconnectors: hand.yaml\nspool: {{directory: spool}}\n'
    )
    (tmp_path / "hand.yaml").write_text(HAND)
    (tmp_path / "sheet.csv").write_text("point,time,value\nGM-01.volume,2026-03-02T08:00:00Z,1000\n")
    async with Database(timescaledb_url) as database:
        plant = await make_plant(database)
        await plant.measure(ENERGY, MARCH, APRIL, "74300")
        plant.go_to(APRIL + timedelta(days=12))
        await plant.catch_up()
        yield plant


async def run(folder: Path, *words: str) -> Result:
    command = [*words, "--config", str(folder / "ems.yaml")]
    return await asyncio.to_thread(lambda: CliRunner().invoke(make_app(words[0]), command))


async def test_every_verb_that_writes_is_told_of_with_the_user_of_the_machine(plant: Plant, tmp_path: Path) -> None:
    SigningKey.make(tmp_path / "key.pem")
    (tmp_path / "facts.csv").write_text(FACTS)
    async with plant.database.connection() as connection:
        await connection.execute(
            "INSERT INTO dead_letters (id, connector, reason, detail, source, payload, received_at)"
            " VALUES (%s, 'gone', 'unreadable', 'no JSON', 'topic', '{', now())",
            (uuid4(),),
        )
    words = {
        "SHEET": str(tmp_path / "sheet.csv"), "FACTS": str(tmp_path / "facts.csv"), "OUT": str(tmp_path / "pack.zip"),
        "PEM": str(tmp_path / "key.pem"),
    }  # fmt: skip
    user, last = getpass.getuser(), 0
    for verb, (arguments, actions) in WRITING.items():
        done = await run(tmp_path, *verb, *(words.get(word, word) for word in arguments))
        events = await list_events(plant.database, AuditFilter(actor=f"command:{user}"), last, 10_000)
        assert {event.action for event in events} == actions, (verb, done.output, done.exception)
        last = events[-1].seq
        if verb == ("keys", "create"):
            words["KEY"] = events[0].object_id
        if verb == ("meters", "events", "add"):
            words["EVENT"] = events[0].object_id


async def test_while_writing_is_paused_no_verb_changes_a_table(plant: Plant, tmp_path: Path) -> None:
    """What goes through the spool waits there."""
    SigningKey.make(tmp_path / "key.pem")
    (tmp_path / "facts.csv").write_text(FACTS)
    assert (await run(tmp_path, "pause-writes")).exit_code == 0
    before = await list_events(plant.database, AuditFilter(), 0, 10_000)
    words = {
        "FACTS": str(tmp_path / "facts.csv"),
        "OUT": str(tmp_path / "pack.zip"),
        "PEM": str(tmp_path / "key.pem"),
        "EVENT": str(uuid4()),
    }
    for verb in WRITING.keys() - {("import",), ("backfill",), ("dead-letters", "retry")}:
        done = await run(tmp_path, *verb, *(words.get(word, word) for word in WRITING[verb][0]))
        assert isinstance(done.exception, WritesPausedError), (verb, done.output, done.exception)
    assert await list_events(plant.database, AuditFilter(), 0, 10_000) == before


async def test_an_import_that_waits_for_the_database_is_told_when_it_is_stored(plant: Plant, tmp_path: Path) -> None:
    assert (await run(tmp_path, "pause-writes")).exit_code == 0
    waiting = json.loads((await run(tmp_path, "import", str(tmp_path / "sheet.csv"), "--reason", "by hand", "--json")).output)
    imported = AuditFilter(object_type="import")
    assert (waiting["stored"], waiting["paused"], await list_events(plant.database, imported, 0, 9)) == (False, True, [])
    assert (await run(tmp_path, "resume-writes")).exit_code == 0
    again = json.loads((await run(tmp_path, "import", str(tmp_path / "sheet.csv"), "--json")).output)
    assert again["stored"] is True
    events = await list_events(plant.database, imported, 0, 9)
    told = [(each.action, each.reason, (each.detail or {}).get("accepted")) for each in events]
    assert sorted(told, key=str) == [
        ("readings.import_begun", "by hand", None), ("readings.import_begun", None, None),
        ("readings.imported", "by hand", 1), ("readings.imported", None, 0),
    ]  # fmt: skip
