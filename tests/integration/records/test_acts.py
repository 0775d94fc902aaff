"""Everything that somebody changes stands in the audit trail: in the same transaction, with who it was, and without secrets."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from record_api import open_clients
from record_plant import ALICE, APRIL, BOB, ENERGY, MARCH, METERS, POINTS, SITES, Plant
from small_plant import letter, write

from ems_telemetry.config.content import WrittenFile
from ems_telemetry.model import Batch
from ems_telemetry.observe import Metrics
from ems_telemetry.records.proving.verifying import verify_audit
from ems_telemetry.service.pausing import WritePause
from ems_telemetry.service.switch_file import Switch, write_switch
from ems_telemetry.storage.audit import Act, Actor, AuditFilter, AuditRow, append_now, list_events
from ems_telemetry.storage.gate import Gate
from ems_telemetry.storage.keys import create_key, revoke_key
from ems_telemetry.storage.letters import begin_retry, end_retry, fail_retry
from ems_telemetry.storage.recomputing import Chosen, mark_anew
from ems_telemetry.storage.registry import synchronise
from ems_telemetry.storage.revising import Accepted

ADMIN = Actor("command:root", "root")
EVENT = {"type": "reset", "at": "2026-03-02T10:00:00Z", "reason": "power failure", "registers": [{"point": ENERGY}]}


async def trail(plant: Plant) -> list[AuditRow]:
    async with plant.database.connection() as connection:
        assert (await verify_audit(connection)).ok
    return await list_events(plant.database, AuditFilter(), 0, 1_000)


def detail_of(row: AuditRow) -> Mapping[str, Any]:
    assert row.detail is not None
    return row.detail


async def test_keys_are_told_without_their_secrets_and_a_revocation_once(plant: Plant) -> None:
    issued = await create_key(plant.database, "dashboard", ["read"], ["BER1"], by=ADMIN)
    for _ in range(2):
        await revoke_key(plant.database, issued.id, by=ADMIN)
    assert await revoke_key(plant.database, "000000000000", by=ADMIN) is None
    rows = await trail(plant)
    assert [(row.action, row.object_id, row.actor) for row in rows] == [
        ("api_key.created", issued.id, "command:root"),
        ("api_key.revoked", issued.id, "command:root"),
    ]
    assert detail_of(rows[0]) == {"name": "dashboard", "scopes": ["read"], "sites": ["BER1"], "expires_at": None}
    secret = issued.key.get_secret_value().rpartition("_")[2]
    words = str(rows)
    assert secret not in words
    assert sha256(secret.encode()).hexdigest() not in words


async def test_events_of_meters_are_told_with_the_address_they_came_from(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL)
    async with open_clients(plant) as clients:
        again = {"Idempotency-Key": "one"}
        added = [await clients.alice.post("/api/v1/meters/EM-01/events", json=EVENT, headers=again) for _ in range(2)]
        event = added[1].json()["id"]
        url = f"/api/v1/meters/EM-01/events/{event}:void"
        assert (await clients.alice.post(url, json={"reason": "another one"})).status_code == 200
        assert (await clients.alice.post(url, json={"reason": "another one"})).status_code == 409
    rows = [row for row in await trail(plant) if row.object_type == "meter_event"]
    assert [(row.action, row.object_id, row.actor_name, row.client, row.site, row.reason) for row in rows] == [
        ("meter_event.added", event, "alice", "127.0.0.1", "BER1", "power failure"),
        ("meter_event.voided", event, "alice", "127.0.0.1", "BER1", "another one"),
    ]
    assert detail_of(rows[0])["registers"] == [{"point": ENERGY, "final": None, "initial": None, "multiplier": None}]


async def test_a_configuration_is_told_once_with_its_hash_before_and_after(plant: Plant) -> None:
    def accepted(text: str, minute: int, **other: Any) -> Accepted:  # noqa: ANN401  # whatever it takes
        file = WrittenFile(Path("plant.yaml"), "plant.yaml", text)
        return Accepted(sha256(text.encode()).hexdigest(), MARCH + timedelta(minutes=minute), [file], **other)

    first, second = accepted("a: 1", 0), accepted("a: 2", 1, by=ALICE, cause="request", reason="new hall")
    for each in (first, first, second, second):
        await synchronise(plant.database, SITES, METERS, POINTS, accepted=each)
    rows = await trail(plant)
    assert [(row.action, row.actor, row.reason, row.before_hash, row.after_hash) for row in rows] == [
        ("configuration.accepted", "service:ems-telemetry", None, None, first.hash),
        ("configuration.accepted", "key:alice", "new hall", first.hash, second.hash),
    ]
    assert detail_of(rows[1])["cause"] == "request"
    assert detail_of(rows[1])["files"][0]["name"] == "plant.yaml"


async def test_retries_and_recomputing_are_told(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await write(plant.database, Batch("water-broker", dead_letters=[letter(1)]))
    await fail_retry(plant.database, UUID(int=1), "still no JSON", by=BOB)
    await begin_retry(plant.database, UUID(int=1), MARCH, by=BOB)
    await end_retry(plant.database, UUID(int=1), MARCH, "1 reading")
    await begin_retry(plant.database, UUID(int=99), MARCH, by=BOB)
    await mark_anew(plant.database, Chosen(point=ENERGY), MARCH, MARCH + timedelta(days=1), by=ADMIN)
    await mark_anew(plant.database, Chosen(point="EM-77.power"), MARCH, APRIL, by=ADMIN)
    rows = await trail(plant)
    assert [(row.action, row.object_id, row.actor) for row in rows] == [
        ("dead_letter.retried_in_vain", str(UUID(int=1)), "key:bob"),
        ("dead_letter.retried", str(UUID(int=1)), "key:bob"),
        ("intervals.recompute_requested", ENERGY, "command:root"),
    ]
    assert detail_of(rows[2])["points"] == 1


async def test_a_pause_is_told_by_whomever_and_a_database_that_is_away_keeps_nobody_from_it(
    plant: Plant, tmp_path: Path
) -> None:
    async def tell(actor: Actor, act: Act) -> None:
        async with plant.database.connection() as connection:
            await append_now(connection, actor, act)

    gate = Gate()
    pause = WritePause(tmp_path, gate, metrics=Metrics(), clock=plant.clock, tell=tell)
    for _ in range(2):
        await pause.pause("key alice", ALICE)
    write_switch(tmp_path, Switch(paused=False, by="root", at=plant.clock.now()))
    await pause.look()
    await pause.look()
    rows = await trail(plant)
    assert [(row.action, row.actor) for row in rows] == [("writes.paused", "key:alice"), ("writes.resumed", "command:root")]
    await plant.database.close()
    assert (await pause.pause("key alice", ALICE)).paused is not None
