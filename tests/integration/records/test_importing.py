"""Facts from CSV over REST: all of a file or nothing, once however often, and each mistake at its place."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from record_api import Clients, open_clients
from record_plant import ALICE, Plant

from ems_telemetry.storage.entries import NewEntry, append_entry

PATH = "/api/v1/samples"
HEAD = "id,site,taken_at,taken_by,place,parameter,method,value,unit,reason\n"
ONE = "LAB-1,BER1,2026-03-02T08:30:00+01:00,M. Schulz,outfall-1,COD,DIN 38409-41,42.5,mg/L,report 7\n"
TWO = ONE.replace("LAB-1", "LAB-2").replace("report 7", "")


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def send(client: httpx.AsyncClient, text: str | bytes, **how: str) -> httpx.Response:
    headers = {"Content-Type": "text/csv"}
    return await client.post(f"{PATH}:import", content=text, params=how, headers=headers)


async def outcome(client: httpx.AsyncClient, text: str, **how: str) -> dict[str, Any]:
    answer = await send(client, text, **how)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_file_is_imported_once_and_stands_in_the_audit_trail(clients: Clients) -> None:
    tried = await outcome(clients.alice, HEAD + ONE + TWO, dry_run="true")
    assert (tried["stored"], tried["accepted"]) == (False, ["LAB-1", "LAB-2"])
    assert (await clients.alice.get(PATH)).json()["items"] == []
    stored = await outcome(clients.alice, HEAD + ONE + TWO, reason="March")
    assert (stored["stored"], stored["accepted"], stored["duplicates"]) == (True, ["LAB-1", "LAB-2"], [])
    again = await outcome(clients.alice, HEAD + ONE + TWO)
    assert (again["accepted"], again["duplicates"]) == ([], ["LAB-1", "LAB-2"])
    items = (await clients.alice.get(PATH)).json()["items"]
    assert [(item["id"], item["reason"], item["body"]["value"], item["status"]) for item in items] == [
        ("LAB-1", "report 7", "42.5", "in_force"), ("LAB-2", "March", "42.5", "in_force"),
    ]  # fmt: skip
    events = (await clients.auditor.get("/api/v1/audit/events", params={"object_type": "sample"})).json()["items"]
    assert [event["action"] for event in events] == ["sample.added"] * 2
    earlier = await clients.alice.get(PATH, params={"from": "2026-03-03T00:00:00Z"})
    assert earlier.json()["items"] == []  # a sample does not last


async def test_nothing_of_a_file_with_a_mistake_is_stored_unless_parts_are_asked_for(clients: Clients) -> None:
    await outcome(clients.alice, HEAD + ONE)
    other = ONE.replace("42.5", "43")
    wrong = TWO.replace("LAB-2", "LAB-3").replace("42.5", "much")
    text = HEAD + other + TWO + wrong + TWO.replace("42.5", "1") + TWO.replace("LAB-2", "LAB-4").replace("BER1", "BER9")
    refused = await send(clients.alice, text)
    assert refused.status_code == 422, refused.text
    problem = refused.json()
    assert problem["detail"].startswith("nothing was stored: line 2: id")
    assert [(each["parameter"], each["value"]) for each in problem["errors"]] == [
        ("line 2, id", "LAB-1"), ("line 4, value", "much"), ("line 5, id", "LAB-2"), ("line 6, site", "BER9"),
    ]  # fmt: skip
    assert "revise it with PUT" in problem["errors"][0]["detail"]
    parts = await outcome(clients.alice, text, partial="true")
    assert (parts["stored"], parts["accepted"]) == (True, ["LAB-2"])
    assert [each["line"] for each in parts["conflicts"]] == [2, 5]
    assert [each["line"] for each in parts["refused"]] == [4, 6]


async def test_who_may_not_state_it_may_not_import_it(clients: Clients) -> None:
    assert (await send(clients.bob, HEAD + ONE)).status_code == 403
    refused = await send(clients.munich, HEAD + ONE)
    assert refused.status_code == 422
    assert "is not among the sites of this key: MUC1" in refused.json()["detail"]
    assert "is not UTF-8" in (await send(clients.alice, HEAD.encode() + b"\xff")).json()["detail"]
    assert "the first line names the columns" in (await send(clients.alice, "")).json()["detail"]


async def test_a_fact_that_was_declared_void_does_not_come_back_by_its_file(clients: Clients) -> None:
    await outcome(clients.alice, HEAD + ONE)
    voided = await clients.alice.post(f"{PATH}/LAB-1/revisions/1:void", json={"reason": "another bottle"})
    assert voided.status_code == 200, voided.text
    again = await outcome(clients.alice, HEAD + ONE, dry_run="true")
    assert "was declared void" in again["conflicts"][0]["detail"]


async def test_a_character_that_no_database_keeps_is_refused_and_not_a_failure(clients: Clients) -> None:
    text = "id,site,method,scope,params.point\nP-1,BER1,period_total@1,x,a\x00b\n"
    headers = {"Content-Type": "text/csv"}
    refused = await clients.alice.post("/api/v1/monitoring-plan:import", content=text, headers=headers)
    assert refused.status_code == 422
    assert "line 2: params: holds the character NUL" in refused.json()["detail"]


async def test_lines_that_name_no_retention_class_or_make_a_record_of_itself_are_refused_at_their_place(
    clients: Clients,
) -> None:
    head = "id,site,valid_from,method,scope,retention_class,params.flow.point,params.emission,reason\n"
    line = "{},BER1,2026-03-01T00:00:00Z,emission_mass@1,BER1,{},ST-01.flow,{},as agreed\n"
    text = head + line.format("P-1", "eu_ets", "P-2") + line.format("P-2", "eu_ets", "P-1") + line.format("P-3", "10y", "P-1")
    path = "/api/v1/monitoring-plan:import"
    answer = await clients.alice.post(path, content=text, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert [(each["parameter"], each["value"]) for each in errors] == [
        ("line 3, params", None), ("line 4, retention_class", "10y"),
    ]  # fmt: skip
    assert errors[0]["detail"].startswith('no record can be made of itself: plan item "P-2" is made of plan item "P-1"')
    assert "there are ems_record, eu_ets" in errors[1]["detail"]


async def test_a_fact_kept_before_a_field_was_added_is_still_known_by_its_file(plant: Plant, clients: Clients) -> None:
    body = {"serial": "S-7", "meters": ["EM-01"], "points": []}
    async with plant.database.connection() as connection:
        await append_entry(
            connection, ALICE, NewEntry("instrument", "A123", "BER1", None, None, body, "bought"), plant.clock.now()
        )
    path, headers = "/api/v1/instruments:import", {"Content-Type": "text/csv"}
    head = "id,site,serial,meters,notice_days,reason\n"
    answers = [
        await clients.alice.post(path, content=f"{head}A123,BER1,S-7,EM-01,{days},bought\n", headers=headers)
        for days in ("", 10)
    ]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert answers[0].json()["duplicates"] == ["A123"]
    assert "is known with other content" in answers[1].text
