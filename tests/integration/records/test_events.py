"""What webhooks are told of exceedances and due checks: once, in the transaction of what happened, whatever restarts."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from permits import close_day, day, permit
from record_api import Clients, open_clients
from record_plant import BOB, ENERGY, MARCH, NOX, PH, POWER, Plant

from ems_telemetry.records.keeping.making import void
from ems_telemetry.records.keeping.reminding import EVERY, Reminder
from ems_telemetry.shipped import shipped
from ems_telemetry.storage.outbox import DeliveryFilter, DeliveryRow, list_deliveries

API = "/api/v1"
EXCEEDANCES = ["exceedance.opened", "exceedance.withdrawn", "exceedance.reinstated"]
CHECKED = MARCH + timedelta(days=1)
DUE_AT = CHECKED + timedelta(days=100)


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def want(clients: Clients, events: Sequence[str], id_: str = "ems", site: str | None = "BER1") -> None:
    body = {"url": "https://ems.example.com/plant", "events": list(events)}
    answer = await clients.admin.post(f"{API}/webhooks", json={"id": id_, "site": site, "reason": "asked for", "body": body})
    assert answer.status_code == 201, answer.text


async def deliveries(plant: Plant, webhook: str = "ems") -> list[DeliveryRow]:
    async with plant.database.connection() as connection:
        return await list_deliveries(connection, DeliveryFilter(webhook=webhook), 0, 1_000)


async def told(plant: Plant) -> list[tuple[str, str | int]]:
    return [(row.event, row.data["peak"]) for row in await deliveries(plant)]


async def amend(plant: Plant, values: Sequence[str | None]) -> None:
    plant.clock.turn(3600)
    await plant.show(NOX, MARCH, values)
    assert await plant.catch_up() == 1


async def expect_migrating_to_find_the_same(plant: Plant) -> None:
    """Finds out of the records that are kept, as the migration does, what was noted as they were kept."""
    migration = (shipped("migrations") / "0013_exceedances_told.sql").read_text()
    read = "SELECT id, record_id, stands FROM exceedances_told ORDER BY id, record_id"
    async with plant.database.connection() as connection:
        noted = await (await connection.execute(read)).fetchall()
        await connection.execute("DELETE FROM exceedances_told")
        await connection.execute(migration[migration.index("INSERT INTO") :].encode())
        assert await (await connection.execute(read)).fetchall() == noted != []


async def check_instrument(plant: Plant, id_: str = "K-1", **said: Any) -> None:  # noqa: ANN401  # any field
    body: Mapping[str, Any] = {"instrument": "A123", "at": CHECKED.isoformat(), "result": "pass", "due": DUE_AT.isoformat()}
    await plant.state("calibration", id_, {**body, **said})


async def test_an_exceedance_is_told_once_withdrawn_when_nothing_tells_of_it_and_reinstated_under_its_id(
    plant: Plant, clients: Clients
) -> None:
    await want(clients, EXCEEDANCES)
    await permit(plant)
    await plant.show(NOX, MARCH, day("187", "233"))
    await close_day(plant)
    (opened,) = await deliveries(plant)
    (record,) = await plant.records("compliance_evaluation")
    (event,) = record.envelope["details"]["exceedances"]
    assert (opened.event, opened.site, opened.seq) == ("exceedance.opened", "BER1", record.seq)
    assert opened.data == {
        "id": event["id"], "site": "BER1", "limit_id": "L-1", "obligations": ["O-1"], "parameter": "NOx", "point": NOX,
        "plan": None, "statistic": "half_hour_mean", "unit": "mg/Nm3", "criterion": None, "start": "2026-02-28T23:30:00Z",
        "end": "2026-03-01T00:00:00Z", "duration_minutes": 30, "limit": "200", "peak": "233",
        "peak_at": "2026-02-28T23:30:00Z", "mean": "233", "count": 1, "cut": False, "continues": None, "open_at_end": False,
        "record_id": str(record.id), "revision": 1, "path": f"/api/v1/exceedances/{event['id']}",
    }  # fmt: skip
    await amend(plant, day("187", "240"))
    await amend(plant, day("187", "199", "250"))
    await amend(plant, day("187", "244", "250"))
    await amend(plant, day("187", "244"))
    assert await told(plant) == [
        ("exceedance.opened", "233"), ("exceedance.withdrawn", "240"), ("exceedance.opened", "250"),
        ("exceedance.reinstated", "250"), ("exceedance.withdrawn", "250"),
    ]  # fmt: skip
    assert [row.data["id"] == event["id"] for row in await deliveries(plant)] == [True, True, False, True, False]
    await expect_migrating_to_find_the_same(plant)


async def test_an_exceedance_that_two_evaluations_tell_of_is_withdrawn_with_the_last(plant: Plant, clients: Clients) -> None:
    await want(clients, EXCEEDANCES)
    await permit(plant)
    item = {"method": "compliance@1", "scope": "L-1", "period": "1d", "params": {"limit": "L-1"}}
    await plant.state("plan", "P-2", item, since=MARCH)
    await plant.show(NOX, MARCH, day("233"))
    await close_day(plant)
    first, second = await plant.records("compliance_evaluation")
    assert await told(plant) == [("exceedance.opened", "233")]
    for row, events in ((first, 1), (second, 2)):
        async with plant.database.connection() as connection:
            await void(connection, row, "wrong", plant.clock.now(), BOB)
        assert len(await deliveries(plant)) == events
    withdrawn = (await deliveries(plant))[-1]
    assert (withdrawn.event, withdrawn.data["record_id"]) == ("exceedance.withdrawn", str(second.id))
    answer = await clients.alice.get(f"{API}/exceedances/{withdrawn.data['id']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    await expect_migrating_to_find_the_same(plant)


async def test_an_exceedance_can_be_got_by_who_may_see_its_site(plant: Plant, clients: Clients) -> None:
    await permit(plant)
    await plant.show(NOX, MARCH, [*day("233")[:-2], "210", "210"])
    await close_day(plant)
    listed = (await clients.alice.get(f"{API}/exceedances")).json()["items"]
    assert [(each["open_at_end"], each["continues"]) for each in listed] == [(False, None), (True, None)]
    for each in listed:
        answer = await clients.alice.get(f"{API}/exceedances/{each['id']}")
        assert (answer.status_code, answer.json()) == (200, each)
        assert (await clients.munich.get(f"{API}/exceedances/{each['id']}")).status_code == 404
    assert (await clients.alice.get(f"{API}/exceedances/{uuid4()}")).status_code == 404


async def test_an_exceedance_of_ph_is_told_in_the_unit_of_its_limit(plant: Plant, clients: Clients) -> None:
    await want(clients, EXCEEDANCES)
    said: dict[str, Any] = {
        "value": None,
        "values": {"low": "6", "high": "9"},
        "ph_profile": "ph_401_17@1",
        "block_validity": None,
    }
    await permit(plant, **said, statistic="ph_excursions", point=PH, unit="pH", parameter="pH")
    await plant.show(PH, MARCH, day("5", "5", "5", fill="8"))
    await close_day(plant)
    (opened,) = await deliveries(plant)
    assert [opened.data[name] for name in ("peak", "limit", "unit", "duration_minutes")] == ["5", "6", "pH", 90]
    (listed,) = (await clients.alice.get(f"{API}/exceedances")).json()["items"]
    assert (listed["unit"], listed["peak"], listed["limit"]) == ("pH", "5", "6")


async def test_what_is_due_is_told_once_before_and_once_after_although_the_service_restarts(
    plant: Plant, clients: Clients
) -> None:
    await want(clients, ["calibration.due"])
    await want(clients, ["calibration.due"], "munich", "MUC1")
    body = {"serial": "S-7", "meters": ["EM-01"], "notice_days": 10}
    await plant.state("instrument", "A123", body, since=MARCH)
    await check_instrument(plant)
    plant.go_to(DUE_AT - timedelta(days=11))
    assert await Reminder(plant.database, plant.clock).catch_up() == 0
    plant.go_to(DUE_AT - timedelta(days=10))
    counts = [await Reminder(plant.database, plant.clock).catch_up() for _ in range(3)]
    plant.go_to(DUE_AT + timedelta(seconds=1))
    counts += [await Reminder(plant.database, plant.clock).catch_up() for _ in range(3)]
    assert counts == [1, 0, 0, 1, 0, 0]
    due, overdue = await deliveries(plant)
    assert (due.event, due.site, due.seq, due.data["status"]) == ("calibration.due", "BER1", None, "due")
    told_at = DUE_AT.isoformat().replace("+00:00", "Z")
    assert overdue.data == {
        "instrument": "A123", "serial": "S-7", "site": "BER1", "status": "overdue", "due": told_at,
        "last_check": {
            "id": "K-1", "at": CHECKED.isoformat().replace("+00:00", "Z"), "found_good": True, "left_good": True,
        },
        "meters": ["EM-01"], "points": [ENERGY, POWER], "path": "/api/v1/instruments/A123/status",
    }  # fmt: skip
    assert (await clients.alice.get(overdue.data["path"])).json()["status"] == "overdue"
    assert await deliveries(plant, "munich") == []


async def test_a_new_date_is_told_anew_and_who_asks_late_is_told_what_is_overdue(plant: Plant, clients: Clients) -> None:
    await plant.state("instrument", "A123", {"serial": "S-7", "meters": ["EM-01"]}, since=MARCH)
    await check_instrument(plant)
    plant.go_to(DUE_AT + timedelta(days=40))
    reminder = Reminder(plant.database, plant.clock)
    assert await reminder.catch_up() == 0
    await want(clients, ["calibration.due"])
    assert await reminder.catch_up() == 0  # not looked yet
    plant.clock.turn(EVERY.total_seconds())
    assert await reminder.catch_up() == 1
    again = DUE_AT + timedelta(days=30)
    await check_instrument(plant, "K-2", at=again.isoformat(), due=(again + timedelta(days=40)).isoformat())
    plant.clock.turn(EVERY.total_seconds())
    assert await reminder.catch_up() == 1
    assert [(row.data["status"], row.data["last_check"]["id"]) for row in await deliveries(plant)] == [
        ("overdue", "K-1"), ("due", "K-2"),
    ]  # fmt: skip
