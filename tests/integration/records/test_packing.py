"""Evidence packs of a real database: whole, verified elsewhere, and as they were after everything went on."""

import asyncio
import csv
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from record_api import open_clients
from record_plant import ALICE, APRIL, ENERGY, MARCH, SUB, Plant, make_plant

from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.evidence.verifying import PackVerdict, verify_pack
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.packing.asked import PackAsked
from ems_telemetry.records.packing.maker import PackMaker, PackRoom
from ems_telemetry.records.packing.making import GATHERING, MadePack, PackBench
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.audit import AuditFilter, AuditRow, list_events
from ems_telemetry.storage.database import Database

API = "/api/v1"
CLOSED = APRIL + timedelta(days=12)
CORRECTION = {
    "point": ENERGY, "from": "2026-03-11T00:00:00Z", "to": "2026-03-12T00:00:00Z", "value": "2500", "class": "typing_error",
}  # fmt: skip
SEED = "2026-Q1-audit"
TOTALS = (RecordType.PERIOD_TOTAL,)


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url) as database:
        plant = await make_plant(database)
        for key, total in ((ENERGY, "74300"), (SUB, "2976")):
            await plant.measure(key, MARCH, APRIL, total)
            await plant.read_hourly(key, MARCH, APRIL)
        plant.go_to(CLOSED)
        await plant.state("correction", "C-1", CORRECTION)
        await plant.catch_up()
        yield plant


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.make(tmp_path / "key.pem")


def asked(**other: Any) -> PackAsked:  # noqa: ANN401  # whatever it takes
    given = {
        "site": "BER1",
        "since": MARCH,
        "until": APRIL,
        "as_of": CLOSED + timedelta(hours=1),
        "sample": 2,
        "seed": SEED,
        "types": TOTALS,
    }
    return PackAsked(**{**given, **other})


async def make(plant: Plant, key: SigningKey, target: Path, **other: Any) -> MadePack:  # noqa: ANN401
    bench = PackBench(plant.database, key, most_raw_rows=other.pop("most_raw_rows", 100_000))
    made = await bench.make(target, "P-1", asked(**other), plant.clock.now())
    async with plant.database.connection() as connection:
        await made.tell(connection, ALICE, plant.clock.now())
    return made


def verify(pack: Path, key: SigningKey) -> PackVerdict:
    return verify_pack(pack, key.public.raw)


def verify_elsewhere(pack: Path, key: SigningKey, folder: Path) -> dict[str, Any]:
    """Verifies a pack as an auditor does: another process, another folder, nothing but the file and the public key."""
    command = [sys.executable, "-m", "ems_telemetry.cli.main", "evidence", "verify", str(pack), "--json"]
    command += ["--key", key.public.raw.hex()]
    done = subprocess.run(  # noqa: S603  # this program
        command, cwd=folder, env={"PATH": ""}, capture_output=True, text=True, timeout=120, check=True
    )
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def files_of(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_a_pack_holds_records_what_they_stand_on_and_the_trail(plant: Plant, key: SigningKey, tmp_path: Path) -> None:
    await make(plant, key, tmp_path / "pack.zip")
    verdict = verify_elsewhere(tmp_path / "pack.zip", key, tmp_path)
    assert (verdict["sound"], verdict["trusted"], verdict["records"]) == (True, True, 2), verdict
    files = files_of(tmp_path / "pack.zip")
    records = [json.loads(line) for line in files["records.ndjson"].splitlines()]
    assert sorted(each["value"] for each in records) == ["2976", "74400"]
    (fact,) = [json.loads(line) for line in files["registers.ndjson"].splitlines()]
    assert (fact["id"], fact["body"]["value"], fact["author_name"]) == ("C-1", "2500", "Alice")
    assert [(each["decision"], each["actor_name"], each["reason"]) for each in fact["decisions"]] == [
        ("approved", "Bob", "looks right")
    ]
    (method,) = json.loads(files["methods.json"])
    assert method["id"] == "period_total@1"
    assert method["formula"]
    trail = [json.loads(line) for line in files["audit.ndjson"].splitlines()]
    assert [each["action"] for each in trail][:2] == ["correction.added", "correction.approved"]
    assert {each["action"] for each in trail[2:]} == {"record.finalised"}
    assert {each["hash"] for each in records} <= {each["after_hash"] for each in trail}
    for each in records:
        assert sha256(files[f"inputs/{each['record_id']}-r1.json"]).hexdigest() == each["snapshot"]
    assert json.loads(files["manifest.json"])["scope"]["seed"] == SEED


async def test_raw_readings_lead_to_the_hash_in_the_record_by_the_words_of_the_pack(
    plant: Plant, key: SigningKey, tmp_path: Path
) -> None:
    await make(plant, key, tmp_path / "pack.zip")
    assert run_readme(tmp_path / "pack.zip", tmp_path / "unpacked") == ["as the record says"] * 2
    assert by_hand(tmp_path / "unpacked") == f"2 records and {len(await events(plant)) - 1} entries are as they were signed\n"
    index = json.loads((tmp_path / "unpacked" / "raw" / "index.json").read_text())
    told = {each["point"]: each for each in index["files"]}
    assert set(told) == {ENERGY, SUB}
    hours = int((APRIL - MARCH) / timedelta(hours=1))  # 743: the clocks go forward
    assert sum(day["readings"] for day in told[ENERGY]["days"]) == hours == 743
    with (tmp_path / "unpacked" / told[ENERGY]["path"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == hours
    assert datetime.fromtimestamp(int(rows[0]["time_us"]) / 1e6, UTC) == MARCH
    changed = tmp_path / "unpacked" / told[ENERGY]["path"]
    changed.write_bytes(changed.read_bytes().replace(b",100,", b",101,", 1))
    assert sorted(run_code(tmp_path / "unpacked")) == ["OTHER THAN THE RECORD SAYS", "as the record says"]


async def events(plant: Plant) -> list[AuditRow]:
    return await list_events(plant.database, AuditFilter(), 0, 1_000)


def by_hand(folder: Path) -> str:
    """Does by hand what docs/evidence.md says of records, root and chain."""
    page = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text()
    code = page.partition("python3 - <<'END'\n")[2].partition("END\n")[0]
    done = subprocess.run(  # our own page
        [sys.executable, "-"], input=code, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def run_readme(pack: Path, folder: Path) -> list[str]:
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(folder)  # our own pack
    return run_code(folder)


def run_code(folder: Path) -> list[str]:
    """Does what README.txt says."""
    found = re.search(r"python3 - <<'END'\n(.*)END\n", (folder / "README.txt").read_text(), re.DOTALL)
    assert found is not None
    done = subprocess.run(
        [sys.executable, "-"], input=found[1], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return [line.split(" ", 2)[2] for line in done.stdout.splitlines()]


async def test_one_byte_changed_in_any_file_is_found_with_its_name(plant: Plant, key: SigningKey, tmp_path: Path) -> None:
    await make(plant, key, tmp_path / "pack.zip")
    files = files_of(tmp_path / "pack.zip")
    assert {name.split("/")[0] for name in files} == {
        "manifest.json", "manifest.sig", "records.ndjson", "registers.ndjson", "methods.json", "checkpoints.ndjson",
        "audit.ndjson", "README.txt", "inputs", "raw",
    }  # fmt: skip
    expected = {}
    for number, (name, content) in enumerate(files.items()):
        place = len(content) // 2
        flipped = content[:place] + bytes([content[place] ^ 1 if content else 1]) + content[place + 1 :]
        write(tmp_path / f"{number}.zip", {**files, name: flipped})
        expected[f"{number}.zip"] = name
    found = subprocess.run(  # noqa: S603, ASYNC221  # words of this file, and nothing else goes on
        [sys.executable, "-c", VERIFY_ALL, key.public.raw.hex(), *expected],
        cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    verdicts: dict[str, list[str]] = json.loads(found.stdout)
    assert len(verdicts) == len(files)
    unnamed = [name for pack, name in expected.items() if not any(name in words for words in verdicts[pack])]
    assert unnamed == []


VERIFY_ALL = """
import json, sys
from pathlib import Path
from ems_telemetry.evidence.verifying import verify_pack
key, *packs = sys.argv[1:]
verdicts = {pack: verify_pack(Path(pack), bytes.fromhex(key)) for pack in packs}
assert "psycopg" not in sys.modules
print(json.dumps({pack: [str(finding) for finding in verdict.findings] for pack, verdict in verdicts.items()}))
"""


def write(path: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


async def test_cr_51_a_pack_still_verifies_after_its_records_were_amended_and_as_of_gives_it_again(
    plant: Plant, key: SigningKey, tmp_path: Path
) -> None:
    await make(plant, key, tmp_path / "old.zip")
    plant.go_to(CLOSED + timedelta(days=1))
    await plant.measure(SUB, MARCH, APRIL, "3719")
    await plant.catch_up()
    assert verify(tmp_path / "old.zip", key).ok
    await make(plant, key, tmp_path / "as_of.zip")
    await make(plant, key, tmp_path / "now.zip", as_of=plant.clock.now())
    await make(plant, key, tmp_path / "all.zip", as_of=plant.clock.now(), all_revisions=True)
    for name in ("as_of", "now", "all"):
        assert verify(tmp_path / f"{name}.zip", key).ok
    old, same, now, all_ = (files_of(tmp_path / f"{name}.zip") for name in ("old", "as_of", "now", "all"))
    for name in ("records.ndjson", "registers.ndjson", "methods.json", "raw/index.json"):
        assert same[name] == old[name], name
    assert same["audit.ndjson"].startswith(old["audit.ndjson"])
    assert sorted(json.loads(line)["value"] for line in now["records.ndjson"].splitlines()) == ["3719", "74400"]
    told = [(json.loads(line)["revision"], json.loads(line)["value"]) for line in all_["records.ndjson"].splitlines()]
    assert sorted(told) == [(1, "2976"), (1, "74400"), (2, "3719")]


async def test_what_does_not_go_in_is_told(plant: Plant, key: SigningKey, tmp_path: Path) -> None:
    async with plant.database.connection() as connection:
        await connection.execute("SET LOCAL ems_telemetry.purging = 'on'")
        await connection.execute("DELETE FROM record_snapshots WHERE hash IN (SELECT snapshot FROM records WHERE value = 2976)")
    await make(plant, key, tmp_path / "pack.zip", most_raw_rows=800)
    assert verify(tmp_path / "pack.zip", key).ok
    files = files_of(tmp_path / "pack.zip")
    told = files["README.txt"].decode().partition("WHAT IS NOT IN IT")[2].partition("HOW TO")[0]
    (gone,) = [json.loads(line) for line in files["records.ndjson"].splitlines() if b'"2976"' in line]
    assert f"inputs/{gone['record_id']}-r1.json" in told
    cut = [each for each in json.loads(files["raw/index.json"])["files"] if each["left_out"]]
    assert len(cut) == 1
    assert cut[0]["path"] in told
    assert len(cut[0]["days"]) == 2  # 743 hours are those of the other point, and 48 go into 57


async def test_packs_are_asked_for_made_and_fetched_over_rest(plant: Plant, key: SigningKey, tmp_path: Path) -> None:
    room = PackRoom(tmp_path / "packs", 2, key)
    (room.directory / f"{GATHERING}left").mkdir(parents=True)
    maker = PackMaker(plant.database, room, clock=plant.clock, backoff=Backoff())
    body = {"site": "BER1", "from": MARCH.isoformat(), "to": APRIL.isoformat(), "sample": 2, "seed": SEED, "types": TOTALS}
    async with open_clients(plant) as clients:
        refused = await clients.auditor.post(f"{API}/audit-packs", json=body)
        assert refused.status_code == 409
        assert "evidence key make" in refused.json()["detail"]
    async with open_clients(plant, packs=room) as clients:
        assert (await clients.alice.post(f"{API}/audit-packs", json=body)).status_code == 403
        assert (await clients.munich.post(f"{API}/audit-packs", json=body | {"site": "MUC1"})).status_code == 403
        assert (await clients.auditor.post(f"{API}/audit-packs", json=body | {"site": "BER9"})).status_code == 404
        for wrong in ({"to": body["from"]}, {"sample": 2_000}, {"as_of": "2099-01-01T00:00:00Z"}, {"types": ["poem"]}):
            assert (await clients.auditor.post(f"{API}/audit-packs", json=body | wrong)).status_code == 422, wrong
        once = {"Idempotency-Key": "audit of March"}
        pending = [await clients.auditor.post(f"{API}/audit-packs", json=body, headers=once) for _ in range(2)]
        assert [answer.status_code for answer in pending] == [202, 202]
        assert pending[0].json() == pending[1].json()
        assert room.asked.is_set()
        url = f"{API}/audit-packs/{pending[0].json()['id']}"
        assert (await clients.auditor.get(f"{url}/file")).status_code == 409
        assert [await maker.make_next(), await maker.make_next()] == [True, False]
        pack = (await clients.auditor.get(url)).json()
        assert (pack["status"], pack["requested_by"]) == ("done", "auditor")
        assert (await clients.auditor.get(f"{API}/audit-packs")).json()["items"] == [pack]
        answer = await clients.auditor.get(f"{url}/file")
        assert (answer.headers["content-type"], len(answer.content)) == ("application/zip", pack["size_bytes"])
        assert sha256(answer.content).hexdigest() == pack["sha256"]
        events = (await clients.auditor.get(f"{API}/audit/events", params={"object_id": pack["id"]})).json()["items"]
        assert [(each["action"], each["actor_name"], each["after_hash"]) for each in events] == [
            ("audit_pack.made", "auditor", pack["sha256"])
        ]
        assert (await clients.auditor.get(f"{API}/audit/verify")).json()["ok"] is True
        running = asyncio.create_task(maker.run())
        await asyncio.sleep(0.5)
        second = (await clients.auditor.post(f"{API}/audit-packs", json=body | {"all_revisions": True})).json()
        assert (await finished(clients.auditor, second["id"]))["status"] == "done"
        running.cancel()
        assert sorted(path.suffix for path in room.directory.iterdir()) == [".zip", ".zip"]
        full = await clients.auditor.post(f"{API}/audit-packs", json=body)
        assert full.status_code == 409
        assert "evidence.max_packs" in full.json()["detail"]
        room.file_of(UUID(pack["id"])).unlink()
        assert pack["sha256"] in (await clients.auditor.get(f"{url}/file")).json()["detail"]
    (tmp_path / "fetched.zip").write_bytes(answer.content)
    assert verify(tmp_path / "fetched.zip", key).ok


async def finished(client: httpx.AsyncClient, id_: str) -> dict[str, Any]:
    for _ in range(600):
        pack: dict[str, Any] = (await client.get(f"{API}/audit-packs/{id_}")).json()
        if pack["status"] != "pending":
            return pack
        await asyncio.sleep(0.1)
    raise AssertionError("the pack is not made")


async def test_a_pack_that_cannot_be_made_says_why(plant: Plant, key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    room = PackRoom(tmp_path / "packs", 1, key)
    body = {"site": "BER1", "from": MARCH.isoformat(), "to": APRIL.isoformat(), "seed": SEED, "types": TOTALS}
    async with plant.database.connection() as connection:
        await connection.execute("ALTER TABLE records DISABLE TRIGGER USER")
        await connection.execute("""UPDATE records SET envelope = jsonb_set(envelope, '{value}', '"1"') WHERE value = 2976""")
    async with open_clients(plant, packs=room) as clients:
        for _ in range(3):
            assert (await clients.auditor.post(f"{API}/audit-packs", json=body)).status_code == 202
        assert await PackMaker(plant.database, room, clock=plant.clock, backoff=Backoff()).make_next()
        async with plant.database.connection() as connection:
            changed = (
                """UPDATE records SET hash = %(hash)s, envelope = envelope || jsonb_build_object('hash', %(hash)s::text)"""
            )
            await connection.execute(changed, {"hash": "0" * 64})
        assert await PackMaker(plant.database, room, clock=plant.clock, backoff=Backoff()).make_next()
        nowhere = PackRoom(tmp_path / "file" / "packs", 1, key)
        assert await PackMaker(plant.database, nowhere, clock=plant.clock, backoff=Backoff()).make_next()
        reasons = [each["reason"] for each in (await clients.auditor.get(f"{API}/audit-packs")).json()["items"]]
    assert any("its content gives" in reason for reason in reasons), reasons
    assert any("other than the audit trail tells" in reason for reason in reasons), reasons
    assert any("cannot be made" in reason for reason in reasons), reasons
    assert room.count() == 0
