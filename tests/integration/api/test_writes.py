"""Pausing and resuming of writing: who may, and what is answered."""

import asyncio
import re

import httpx
import pytest
from fakes import until

from ems_telemetry.api.pausing import READING_METHODS, WHILE_PAUSED
from ems_telemetry.model import Scope

from .conftest import Plant, client_of

VERBS = pytest.mark.parametrize("verb", ["pause", "resume"])


@VERBS
async def test_it_needs_an_administrator_for_all_sites(plant: Plant, verb: str) -> None:
    keys = [await plant.key(), await plant.key(scopes=("read", "admin"), sites=["BER1"])]
    for key in (*keys, None):
        async with client_of(plant.app(allow_anonymous=True), key) as client:
            assert (await client.post(f"/api/v1/writes/{verb}")).status_code == 403
    async with client_of(plant.app()) as client:
        assert (await client.post(f"/api/v1/writes/{verb}")).status_code == 401
    assert (plant.writes.paused, plant.resumed_by) == (None, "")


async def test_who_asks_is_handed_on_by_the_name_of_the_key(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key(scopes=("admin",))) as client:
        paused = (await client.post("/api/v1/writes/pause")).json()
        assert (paused["paused"]["by"], paused["at_rest"]) == ("key test", True)
        assert (await client.post("/api/v1/writes/resume")).json() == {"paused": None, "at_rest": False}
    assert plant.resumed_by == "key test"


COUNTED = (
    "audit_events",
    "register_entries",
    "register_decisions",
    "meter_events",
    "audit_packs",
    "idempotency_keys",
    "outbox",
)


def operations(plant: Plant) -> list[tuple[str, str, str]]:
    """Every operation that is no reading: its name, method and a path to it."""
    return [
        (operation["operationId"], method.upper(), re.sub(r"{[^}]*}", "00000000-0000-0000-0000-000000000001", path))
        for path, methods in plant.app().openapi()["paths"].items()
        for method, operation in methods.items()
        if method.upper() not in READING_METHODS
    ]


async def kept(plant: Plant) -> dict[str, object]:
    async with plant.database.connection() as connection:
        counts = {}
        for table in COUNTED:
            cursor = await connection.execute(f"SELECT count(*), max(t::text) FROM {table} t".encode())  # noqa: S608  # of the above
            counts[table] = await cursor.fetchone()
        return counts


async def send(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    return await client.request(method, path, json={})


async def test_while_writing_is_paused_no_operation_changes_a_table(plant: Plant) -> None:
    asked = operations(plant)
    assert {name for name, _, _ in asked} >= WHILE_PAUSED.keys() | {"purge_readings", "add_correction", "add_audit_pack"}
    every = await plant.key(scopes=tuple(Scope))
    async with client_of(plant.app(), every) as client:
        await client.post("/api/v1/writes/pause")
        before = await kept(plant)
        for name, method, path in asked:
            if name == "resume_writes":
                continue
            answer = await send(client, method, path)
            paused = answer.status_code == 503 and answer.json()["type"] == "urn:ems-telemetry:problem:writes-paused"
            assert paused == (name not in WHILE_PAUSED), (name, answer.status_code, answer.text)
        assert await kept(plant) == before
        assert (await client.get("/api/v1/points")).status_code == 200


async def test_who_is_refused_in_a_pause_is_told_who_paused(plant: Plant) -> None:
    body = {"before": "2020-01-01T00:00:00Z", "reason": "retention ended"}
    async with client_of(plant.app(), await plant.key(scopes=("admin",))) as client:
        await client.post("/api/v1/writes/pause")
        answer = await client.post("/api/v1/retention:purge", json=body)
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("writing to the database is paused by key test since ")
        await client.post("/api/v1/writes/resume")
        assert (await client.post("/api/v1/retention:purge", json=body)).json()["dropped"] == []


async def test_a_pause_waits_for_what_is_being_written_and_every_request_leaves(plant: Plant) -> None:
    """Also one that is refused, or fails."""
    plant.may_retry.clear()
    letter = await plant.lose("hall-1")
    async with client_of(plant.app(), await plant.key(scopes=tuple(Scope))) as client:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            group.create_task(client.post(f"/api/v1/dead-letters/{letter}/retry", json={}))
            await until(lambda: bool(plant.retried))
            plant.gate.shut()
            assert not plant.gate.at_rest.is_set()
            plant.may_retry.set()
        assert plant.gate.at_rest.is_set()
        for _, method, path in operations(plant):
            await send(client, method, path)
            assert plant.gate.at_rest.is_set(), path
