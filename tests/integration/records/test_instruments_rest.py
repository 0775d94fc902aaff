"""Instruments and their checks over REST."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from record_api import Clients, open_clients
from record_plant import APRIL, ENERGY, MARCH, Plant

API = "/api/v1"
AS_FOUND = {"reference": "250", "reading": "262", "full_scale": "500"}


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def install(client: httpx.AsyncClient, tolerance: str) -> None:
    body = {"serial": "A123", "meters": ["EM-01"], "calibration_interval_days": 30, "tolerance_percent": tolerance}
    new = {"id": "A123", "site": "BER1", "valid_from": "2026-02-01T00:00:00Z", "reason": "delivered", "body": body}
    answer = await client.post(f"{API}/instruments", json=new)
    assert answer.status_code == 201, answer.text


async def check(client: httpx.AsyncClient, id_: str, at: str, **other: object) -> httpx.Response:
    body = {"instrument": "A123", "at": at, **other}
    new = {"id": id_, "site": "BER1", "reason": "yearly check", "body": body}
    return await client.post(f"{API}/calibrations", json=new)


async def get(client: httpx.AsyncClient, path: str, **asked: str) -> dict[str, Any]:
    answer = await client.get(f"{API}{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_status_of_an_instrument_at_any_date(plant: Plant, clients: Clients) -> None:
    await install(clients.alice, "2")
    plant.go_to(MARCH + timedelta(days=1))
    passed = await check(clients.alice, "C-1", "2026-02-10T00:00:00Z", result="pass")
    assert passed.json()["body"]["due"] == "2026-03-12T00:00:00Z"
    plant.go_to(APRIL)
    assert (await check(clients.alice, "C-2", "2026-04-01T00:00:00Z", result="fail")).status_code == 201
    told = {
        day: (await get(clients.alice, "/instruments/A123/status", at=f"2026-{day}T00:00:00Z"))["status"]
        for day in ("02-05", "02-11", "03-12", "03-13", "04-02")
    }
    assert list(told.values()) == ["never_calibrated", "valid", "valid", "overdue", "failed"]
    now = await get(clients.alice, "/instruments/A123/status", at="2026-04-02T00:00:00Z")
    assert (now["last_check"]["id"], now["last_pass"]["id"], now["due"]) == ("C-2", "C-1", "2026-03-12T00:00:00Z")
    then = {"at": "2026-04-02T00:00:00Z", "as_of": "2026-03-05T00:00:00Z"}
    assert (await get(clients.alice, "/instruments/A123/status", **then))["status"] == "overdue"
    overdue = {"status": "overdue", "at": "2026-03-20T00:00:00Z"}
    assert [each["id"] for each in (await get(clients.alice, "/instruments", **overdue))["items"]] == ["A123"]
    assert (await get(clients.alice, "/instruments", status="overdue", at="2026-03-01T00:00:00Z"))["items"] == []
    assert (await get(clients.munich, "/instruments", **overdue))["items"] == []
    assert (await clients.munich.get(f"{API}/instruments/A123/status")).status_code == 404


async def test_cr_47_a_failed_check_lists_the_records_back_to_the_last_pass(plant: Plant, clients: Clients) -> None:
    await install(clients.alice, "2")
    await check(clients.alice, "C-1", "2026-02-10T00:00:00Z", result="pass", due="2027-02-10T00:00:00Z")
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    stated = await check(clients.alice, "C-2", "2026-04-10T00:00:00Z", as_found=AS_FOUND)
    assert stated.json()["body"]["result"] == "fail"
    await plant.catch_up()
    impact = await get(clients.alice, "/calibrations/C-2/impact")
    assert (impact["suspect"], impact["since"], impact["until"]) == (True, "2026-02-10T00:00:00Z", "2026-04-10T00:00:00Z")
    (record,) = [each for each in impact["items"] if each["type"] == "period_total"]
    assert (record["revision"], record["reason"], record["flags"]) == (2, "calibration_changed", ["suspect_calibration"])
    assert (await get(clients.alice, "/calibrations/C-1/impact"))["items"] == []
    voided = await clients.alice.post(f"{API}/calibrations/C-2/revisions/1:void", json={"reason": "another instrument"})
    assert voided.status_code == 200, voided.text
    await plant.catch_up()
    again = await get(clients.alice, f"/records/{record['record_id']}")
    assert (again["revision"], again["reason"], again["flags"]) == (3, "calibration_voided", [])
    assert (await get(clients.alice, "/calibrations/C-2/impact"))["suspect"] is False


async def test_what_contradicts_the_instrument_is_refused_in_words(clients: Clients) -> None:
    at = "2026-03-20T00:00:00Z"
    unknown = await check(clients.alice, "C-1", at, result="pass")
    assert (unknown.status_code, 'no instrument "A123" at BER1' in unknown.json()["detail"]) == (422, True)
    await install(clients.alice, "2")
    wrong = await check(clients.alice, "C-1", at, as_found=AS_FOUND, result="pass")
    assert wrong.status_code == 422
    assert "2.4 % of full scale, which is a fail at 2 %" in wrong.json()["detail"]
    assert "say it" in (await check(clients.alice, "C-1", at)).json()["detail"]
    assert (await check(clients.alice, "C-1", at, as_found=AS_FOUND, result="fail")).status_code == 201
    assert (await check(clients.alice, "C-1", at, as_found=AS_FOUND, result="fail")).status_code == 200
    assert '"C-1" of it is of the same moment' in (await check(clients.alice, "C-2", at, result="pass")).json()["detail"]
    nowhere = {"site": "BER1", "reason": "typo", "body": {"serial": "B7", "meters": ["EM-99"]}}
    refused = await clients.alice.post(f"{API}/instruments", json=nowhere)
    assert (refused.status_code, "no such meter at BER1" in refused.json()["detail"]) == (422, True)
    assert (await check(clients.bob, "C-3", "2026-03-21T00:00:00Z", result="pass")).status_code == 403
