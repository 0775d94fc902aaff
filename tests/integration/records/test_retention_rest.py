"""Retention over REST: who needs readings, and purging them."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from record_api import Clients, open_clients
from record_plant import APRIL, ENERGY, MARCH, Plant

API = "/api/v1"
DAY = {"point": ENERGY, "day": "2026-03-12"}


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def test_cr_53_who_needs_readings_is_told_and_an_earlier_purge_is_409(plant: Plant, clients: Clients) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    hold = {"id": "H-1", "site": "BER1", "reason": "court order", "body": {"scope": "site"}}
    assert (await clients.alice.post(f"{API}/holds", json=hold)).status_code == 403
    assert (await clients.auditor.post(f"{API}/holds", json=hold)).status_code == 201
    told = (await clients.alice.get(f"{API}/retention", params=DAY)).json()
    assert (told["needed"], told["not_before"]) == (True, "2036-03-31")
    needing = {record["record_id"] for record in told["records"]}
    assert {record["scope"] for record in told["records"]} == {ENERGY}
    assert [(each["id"], each["reason"]) for each in told["holds"]] == [("H-1", "court order")]
    body = {"before": "2026-04-10T00:00:00Z", "reason": "no room"}
    refused = await clients.admin.post(f"{API}/retention:purge", json=body)
    assert refused.status_code == 409
    problem = refused.json()
    assert {record["record_id"] for record in problem["records"]} == needing
    assert [each["id"] for each in problem["holds"]] == ["H-1"]
    lifted = await clients.auditor.post(f"{API}/holds/H-1/revisions/1:void", json={"reason": "settled"})
    assert lifted.status_code == 200, lifted.text
    purged = await clients.admin.post(f"{API}/retention:purge", json={**body, "before": "2026-02-01T00:00:00Z"})
    assert (purged.status_code, purged.json()["dropped"]) == (200, [])
    assert (await clients.alice.post(f"{API}/retention:purge", json=body)).status_code == 403
    assert (await clients.munich.post(f"{API}/retention:purge", json=body)).status_code == 403
    assert (
        await clients.admin.post(f"{API}/retention:purge", json={**body, "before": "2030-01-01T00:00:00Z"})
    ).status_code == 422
    assert (await clients.munich.get(f"{API}/retention", params=DAY)).status_code == 404
    events = (await clients.auditor.get(f"{API}/audit/events", params={"object_type": "readings"})).json()["items"]
    assert [(each["action"], each["actor_name"]) for each in events] == [("readings.purged", "admin")]
    assert (await clients.auditor.get(f"{API}/audit/verify")).json()["ok"] is True
