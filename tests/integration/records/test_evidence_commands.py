"""`evidence pack` and `audit verify`, over a real database and without the service."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from record_api import open_clients
from record_plant import APRIL, ENERGY, MARCH, Plant, make_plant
from typer.testing import CliRunner, Result

from ems_telemetry.cli.main import make_app
from ems_telemetry.errors import ConfigurationError
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.evidence.verifying import verify_pack
from ems_telemetry.storage.audit import AuditFilter, list_events
from ems_telemetry.storage.database import Database

CLOSED = APRIL + timedelta(days=12)
HAND = """
type: manual
site: BER1
meters:
  - {id: GM-01, medium: gas, points: [{id: volume, quantity: gas_volume, unit: Nm3, kind: counter}]}
"""
PACK = (
    "evidence",
    "pack",
    "--site",
    "BER1",
    "--from",
    "2026-03-01",
    "--to",
    "2026-04-01",
    "--seed",
    "2026-Q1-audit",
    "--type",
    "period_total",
)


@pytest.fixture
async def plant(timescaledb_url: str, tmp_path: Path) -> AsyncIterator[Plant]:
    (tmp_path / "plant.yaml").write_text("sites: [{id: BER1, name: Berlin works, timezone: Europe/Berlin}]")
    (tmp_path / "ems.yaml").write_text(f'database: {{url: "{timescaledb_url}"}}\nconnectors: hand.yaml\n')
    (tmp_path / "hand.yaml").write_text(HAND)
    async with Database(timescaledb_url) as database:
        plant = await make_plant(database)
        await plant.measure(ENERGY, MARCH, APRIL, "74300")
        await plant.read_hourly(ENERGY, MARCH, APRIL)
        plant.go_to(CLOSED)
        await plant.catch_up()
        yield plant


async def run(folder: Path, *words: str) -> Result:
    """Runs a command as a shell would, beside the loop of the test."""
    command = [*words, "--config", str(folder / "ems.yaml")]
    return await asyncio.to_thread(lambda: CliRunner().invoke(make_app(words[0]), command))


async def verified(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = await run(folder, "audit", "verify", "--json", *words)
    return done.exit_code, json.loads(done.stdout)


async def alter(plant: Plant, statement: str) -> None:
    """Changes what the triggers would not let be changed."""
    async with plant.database.connection() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement.encode())


async def test_a_pack_is_made_over_the_database_and_told(plant: Plant, tmp_path: Path) -> None:
    key = SigningKey.make(tmp_path / "key.pem")
    out = tmp_path / "march.zip"
    words = (*PACK, "--out", str(out), "--key", str(tmp_path / "key.pem"), "--sample", "25")
    done = await run(tmp_path, *words, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["records"], len(told["sample"])) == (1, 1)
    verdict = verify_pack(out, key.public.raw)
    assert verdict.ok
    assert verdict.manifest is not None
    assert verdict.manifest.scope["from"] == "2026-02-28T23:00:00Z"  # local midnight
    (event,) = await list_events(plant.database, AuditFilter(object_type="audit_pack"), 0, 10)
    assert (event.action, event.after_hash) == ("audit_pack.made", told["sha256"])
    assert event.actor.startswith("command:")
    for other in (["--out", str(out)], ["--out", str(tmp_path / "no" / "a.zip")], ["--site", "BER9"], ["--to", "2026-03-01"]):
        assert (await run(tmp_path, *words, *other)).exit_code == 2, other
    without_key = await run(tmp_path, *PACK, "--out", str(tmp_path / "other.zip"))
    assert without_key.exit_code == 2
    with pytest.raises(ConfigurationError, match="cannot be read"):
        raise (await run(tmp_path, *words, "--out", str(tmp_path / "x.zip"), "--key", "none.pem")).exception  # type: ignore[misc]
    assert not (tmp_path / "x.zip").exists()


async def test_the_trail_is_verified_and_the_first_bad_event_named(plant: Plant, tmp_path: Path) -> None:
    code, verdict = await verified(tmp_path)
    assert (code, verdict["ok"], verdict["checked"], verdict["raw"]) == (0, True, verdict["head_seq"], None)
    assert verdict["checked"] > 0
    await alter(plant, "ALTER TABLE records DISABLE TRIGGER USER; UPDATE records SET value = 1")
    code, verdict = await verified(tmp_path)
    assert (code, verdict["ok"], verdict["first_bad_seq"]) == (1, False, 1)
    words = await run(tmp_path, "audit", "verify")
    assert words.exit_code == 1
    assert "✕ event 1 does not hold" in words.stdout


SOME = "time >= '2026-03-14T23:00Z' AND time < '2026-03-15T23:00Z'"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE readings SET value = value + 1e-9 WHERE ", "readings are other than they were"),
        ("DELETE FROM readings WHERE ", "24 readings stood there"),
    ],
    ids=["changed", "deleted"],
)
async def test_raw_readings_that_were_changed_are_named_by_point_and_day(
    plant: Plant, tmp_path: Path, change: str, words: str
) -> None:
    code, verdict = await verified(tmp_path, "--raw")
    assert (code, verdict["raw"]["checked"], verdict["raw"]["complete"]) == (0, 31, True)
    await alter(plant, f"{change}{SOME} AND point_id = {plant.ids[ENERGY]}")
    code, verdict = await verified(tmp_path, "--raw", "--site", "BER1")
    assert (code, verdict["ok"]) == (1, True)  # the trail itself holds
    bad = verdict["raw"]["first_bad"]
    assert (bad["point"], bad["day_start"]) == (ENERGY, "2026-03-14T23:00:00Z")
    assert words in bad["reason"]
    async with open_clients(plant) as clients:
        asked = {"raw": "true", "site": "BER1", "from": MARCH.isoformat(), "to": APRIL.isoformat()}
        over_rest = (await clients.auditor.get("/api/v1/audit/verify", params=asked)).json()
        assert (over_rest["ok"], over_rest["raw"]["first_bad"]) == (False, bad)
        before = {"raw": "true", "to": "2026-03-14T23:00:00Z"}
        assert (await clients.auditor.get("/api/v1/audit/verify", params=before)).json()["ok"] is True
    assert (await verified(tmp_path, "--raw", "--from", "2026-03-15T23:00:00Z"))[0] == 0


async def test_what_came_late_or_whose_retention_ended_is_not_called_changed(plant: Plant, tmp_path: Path) -> None:
    late = "INSERT INTO readings (time, point_id, value, received_at, quality) VALUES ('{}', {}, 1, '{}', 192)"
    point = plant.ids[ENERGY]
    await alter(plant, late.format("2026-03-10T10:30Z", point, CLOSED + timedelta(days=1)))
    await alter(plant, late.format("2026-03-11T10:30Z", point, MARCH))  # received before its digest, stored after it
    await alter(plant, "DELETE FROM readings WHERE time < '2026-03-02T23:00Z'")
    code, verdict = await verified(tmp_path, "--raw")
    told = verdict["raw"]
    assert (code, told["checked"], told["late"], told["dropped"]) == (0, 28, 1, 2)
