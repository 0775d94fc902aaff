"""Checkpoints: one root per site and day that proves each record to whoever kept it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from record_api import open_clients
from record_plant import APRIL, ENERGY, MARCH, Plant

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.evidence.envelope import record_leaf
from ems_telemetry.evidence.merkle import verify_audit
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.records.proving.checkpoints import MOST_DAYS, SETTLED, Checkpointer
from ems_telemetry.storage.audit import lock_trail

API = "/api/v1"
DOCUMENT = Path(__file__).parents[3] / "docs" / "evidence.md"
CLOSED = APRIL + timedelta(days=12)
DAY = timedelta(days=1)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.make(tmp_path / "key.pem")


async def close_march(plant: Plant, total: str = "74300") -> None:
    await plant.measure(ENERGY, MARCH, APRIL, total)
    await plant.catch_up()


async def test_whoever_kept_a_root_verifies_a_record_by_it(plant: Plant, key: SigningKey) -> None:
    plant.go_to(CLOSED)
    await close_march(plant)
    checkpoints = Checkpointer(plant.database, plant.clock, key)
    assert await checkpoints.catch_up() == 0
    async with open_clients(plant) as clients:
        (record,) = (await clients.alice.get(f"{API}/records", params={"type": "period_total"})).json()["items"]
        kept = len((await clients.alice.get(f"{API}/records")).json()["items"])
        proof_of = f"{API}/records/{record['record_id']}/proof"
        assert (await clients.alice.get(proof_of)).json()["inclusion"] is None
        plant.go_to(CLOSED + DAY + SETTLED)
        assert await checkpoints.catch_up() == 1
        assert await checkpoints.catch_up() == 0
        listed = await clients.auditor.get(f"{API}/audit/checkpoints", params={"site": "BER1"})
        (checkpoint,) = listed.json()["items"]
        assert (await clients.munich.get(f"{API}/audit/checkpoints")).json()["items"] == []
        assert (await clients.alice.get(f"{API}/audit/checkpoints")).status_code == 403
        inclusion = (await clients.alice.get(proof_of)).json()["inclusion"]
        assert (await clients.auditor.get(f"{API}/audit/verify")).json()["ok"] is True
    assert (checkpoint["records"], checkpoint["size"]) == (kept, kept + checkpoint["digests"])
    assert checkpoint["digests"] == 31  # one of each day of the month's raw readings
    assert inclusion["checkpoint"] == checkpoint
    documented: dict[str, Any] = {}
    exec(DOCUMENT.read_text().partition("```python inclusion\n")[2].partition("```")[0], documented)  # noqa: S102  # our own page
    assert documented["holds"](record, inclusion, checkpoint["root"]) is True
    assert documented["holds"](record | {"value": "74301"}, inclusion, checkpoint["root"]) is False
    own = record_leaf({name: value for name, value in record.items() if name != "seq"})
    assert own.hex() == inclusion["leaf"]
    path, root = [bytes.fromhex(part) for part in inclusion["path"]], bytes.fromhex(checkpoint["root"])
    assert verify_audit(own, inclusion["index"], checkpoint["size"], path, root)
    assert not verify_audit(record_leaf({**record, "value": "1"}), inclusion["index"], checkpoint["size"], path, root)
    assert key.public.verifies(bytes.fromhex(checkpoint["signature"]), canonical(signed_part(checkpoint)))
    assert not key.public.verifies(bytes.fromhex(checkpoint["signature"]), canonical(signed_part(checkpoint | {"size": 1})))


def signed_part(checkpoint: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in checkpoint.items() if name not in {"seq", "key_id", "signature"}}


async def test_each_revision_is_in_one_checkpoint_also_what_was_committed_late(plant: Plant) -> None:
    plant.go_to(CLOSED)
    await close_march(plant)
    checkpoints = Checkpointer(plant.database, plant.clock)
    plant.go_to(CLOSED + DAY + SETTLED)
    await checkpoints.catch_up()
    plant.clock.turn(-(DAY + SETTLED).total_seconds())  # a revision whose time is that of a day that has its checkpoint
    await close_march(plant, "75043")
    plant.clock.turn((3 * DAY + SETTLED).total_seconds())
    assert await checkpoints.catch_up() == 2
    async with plant.database.connection() as connection:
        await lock_trail(connection)
        cursor = await connection.execute("SELECT records, signature FROM checkpoints ORDER BY day_start")
        (first, *unsigned), (late, _), (last, _) = await cursor.fetchall()
        cursor = await connection.execute("SELECT count(*) FILTER (WHERE revision = 1), count(*) FROM records")
        counts = await cursor.fetchone()
    assert unsigned == [None]
    assert (first, first + late, last) == (*(counts or ()), 0)
    assert late > 0


async def test_after_a_long_pause_one_pass_makes_no_more_than_its_share(plant: Plant) -> None:
    plant.go_to(CLOSED)
    await close_march(plant)
    plant.go_to(CLOSED + (MOST_DAYS + 20) * DAY)
    checkpoints = Checkpointer(plant.database, plant.clock)
    assert await checkpoints.catch_up() == MOST_DAYS
    assert 15 < await checkpoints.catch_up() <= 20
    assert await checkpoints.catch_up() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("root = repeat('0', 64)", "its content is not what its hash was taken of"),
        ("leaves = decode(repeat('00', 32), 'hex')", "its content is not what its hash was taken of"),
        ("leaves = decode(repeat('00', 32 * (records + digests)::int), 'hex')", "do not lead to its root"),
    ],
)
async def test_a_changed_checkpoint_is_found(plant: Plant, change: str, words: str) -> None:
    plant.go_to(CLOSED)
    await close_march(plant)
    plant.go_to(CLOSED + DAY + SETTLED)
    await Checkpointer(plant.database, plant.clock).catch_up()
    async with plant.database.connection() as connection:
        await connection.execute("ALTER TABLE checkpoints DISABLE TRIGGER USER")
        await connection.execute(f"UPDATE checkpoints SET {change}".encode())  # noqa: S608  # of the table above
    async with open_clients(plant) as clients:
        verdict = (await clients.auditor.get(f"{API}/audit/verify")).json()
    assert verdict["ok"] is False
    assert words in verdict["reason"]
