"""Limits, evaluations and exceedances over REST."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from permits import HALF_HOURS, PERMIT, close_day, day, permit
from record_api import Clients, open_clients
from record_plant import MARCH, NOX, Plant

API = "/api/v1"
DAY = {"from": "2026-03-01T00:00:00+01:00", "to": "2026-03-02T00:00:00+01:00"}


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def listed(client: httpx.AsyncClient, what: str, **asked: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{API}/{what}", params=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_a_permit_becomes_an_obligation_a_limit_and_an_evaluation(plant: Plant, clients: Clients) -> None:
    since = {"site": "BER1", "valid_from": "2026-02-28T23:00:00Z", "reason": "permit received"}
    item = {"method": "compliance@1", "scope": "L-1", "period": "1d", "params": {"limit": "L-1"}}
    for path, id_, body in (("obligations", "O-1", PERMIT), ("limits", "L-1", HALF_HOURS), ("monitoring-plan", "P-1", item)):
        stated = await clients.alice.post(f"{API}/{path}", json={"id": id_, **since, "body": body})
        assert stated.status_code == 201, stated.text
        if path == "limits":
            assert (await clients.alice.post(f"{API}/evaluations", json={"limit": "L-1", **DAY})).json()["refused"]
        approved = await clients.bob.post(f"{API}/{path}/{id_}/revisions/1:approve", json={"reason": "as in the permit"})
        assert approved.status_code == 200, approved.text
    wrong = {"id": "L-2", **since, "body": HALF_HOURS | {"unit": "ppm"}}
    refused = await clients.alice.post(f"{API}/limits", json=wrong)
    assert (refused.status_code, "is not the unit of ST-01.nox" in refused.json()["detail"]) == (422, True)

    await plant.show(NOX, MARCH, day("187", "233", "210"))
    preliminary = (await clients.alice.post(f"{API}/evaluations", json={"limit": "L-1", **DAY})).json()
    assert (preliminary["status"], preliminary["revision"], preliminary["result"]) == ("preliminary", 0, "non_compliant")
    assert await listed(clients.alice, "evaluations") == []
    await close_day(plant)
    (kept,) = await listed(clients.alice, "evaluations", site="BER1", obligation="O-1", result="non_compliant")
    told = ("result", "value", "limit", "unit", "margin_percent", "valid", "invalid", "required", "statistic", "comparator")
    assert [kept[name] for name in told] == [
        "non_compliant", "233", "200", "mg/Nm3", "-16.5", 48, 0, 36, "half_hour_mean", ">",
    ]  # fmt: skip
    assert {name: preliminary[name] for name in told} == {name: kept[name] for name in told}
    assert await listed(clients.alice, "evaluations", result="compliant") == []
    assert await listed(clients.alice, "evaluations", obligation="O-2") == []
    assert await listed(clients.munich, "evaluations") == []
    assert (await clients.munich.post(f"{API}/evaluations", json={"limit": "L-1", **DAY})).status_code == 404

    plant.go_to(MARCH + timedelta(days=8))
    then = plant.clock.now()
    plant.go_to(MARCH + timedelta(days=9))
    await plant.show(NOX, MARCH, day())
    await plant.catch_up()
    as_of = {"limit": "L-1", **DAY, "as_of": then.isoformat()}
    assert (await clients.alice.post(f"{API}/evaluations", json=as_of)).json()["revision"] == 1
    as_of["as_of"] = MARCH.isoformat()
    assert (await clients.alice.post(f"{API}/evaluations", json=as_of)).status_code == 404
    assert [each["result"] for each in await listed(clients.alice, "evaluations")] == ["compliant"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"from": "2026-03-01T01:00:00+01:00"}, 422, "is not a midnight of Europe/Berlin"),
        ({"from": "2026-03-03T00:00:00+01:00"}, 422, "nothing lies between"),
        ({"to": "2028-03-03T00:00:00+01:00"}, 422, "a year at most"),
        ({"from": "0001-01-01T00:00:00Z"}, 422, "is not between 1970 and 2200"),
        ({"limit": "L-9"}, 404, 'no limit "L-9"'),
        ({"colour": "red"}, 422, "colour"),
    ],
)
async def test_what_cannot_be_evaluated_is_refused_in_words(
    plant: Plant, clients: Clients, change: dict[str, str], status: int, words: str
) -> None:
    await permit(plant)
    refused = await clients.alice.post(f"{API}/evaluations", json={"limit": "L-1", **DAY, **change})
    assert (refused.status_code, words in refused.json()["detail"]) == (status, True), refused.text


async def test_an_exceedance_is_annotated_linked_and_withdrawn_and_never_lost(plant: Plant, clients: Clients) -> None:
    await permit(plant)
    await plant.show(NOX, MARCH, day("187", "210", "225", "150", "230"))
    await close_day(plant)
    first, second = await listed(clients.alice, "exceedances", site="BER1", status="open")
    assert [(each["duration_minutes"], each["peak"], each["limit_id"]) for each in (first, second)] == [
        (60, "225", "L-1"),
        (30, "230", "L-1"),
    ]
    note = {"cause": "burner out of tune", "state": "full load", "measures": "burner tuned"}
    path = f"{API}/exceedances/{first['id']}"
    assert (await clients.bob.post(f"{path}:annotate", json=note)).status_code == 403
    assert (await clients.munich.post(f"{path}:annotate", json=note)).status_code == 404
    annotated = await clients.alice.post(f"{path}:annotate", json=note)
    assert annotated.status_code == 200, annotated.text
    told = (await clients.alice.post(f"{path}:annotate", json=note)).json()
    assert told == annotated.json()
    assert (told["status"], told["note"]["cause"], told["note_author"]) == ("annotated", "burner out of tune", "alice")
    revisions = (await clients.alice.get(f"{API}/exceedance-notes/{first['id']}/revisions")).json()["items"]
    assert [each["revision"] for each in revisions] == [1]
    linked = await clients.alice.post(f"{path}:link-nc", json={"nc_id": "NC-17", "url": "https://ems.example/nc/17"})
    assert (linked.json()["status"], linked.json()["nonconformity"]["nc_id"]) == ("linked", "NC-17")
    assert (await clients.alice.post(f"{path}:link-nc", json={"nc_id": "N", "url": "javascript:x"})).status_code == 422

    await plant.show(NOX, MARCH, day("187", "190", "190", "150", "240"))
    await plant.catch_up()
    gone, left = await listed(clients.alice, "exceedances")
    assert (gone["id"], gone["status"], gone["note"]["cause"], gone["record_revision"]) == (
        first["id"], "withdrawn", "burner out of tune", 1,
    )  # fmt: skip
    assert gone["nonconformity"]["nc_id"] == "NC-17"
    assert (left["id"], left["status"], left["peak"], left["record_revision"]) == (second["id"], "open", "240", 2)
    page = (await clients.alice.get(f"{API}/exceedances", params={"limit": 1})).json()
    more = await listed(clients.alice, "exceedances", limit="1", cursor=page["next"])
    assert [each["id"] for each in [*page["items"], *more]] == [first["id"], second["id"]]
    assert await listed(clients.alice, "exceedances", to=first["start"]) == []
    assert [each["id"] for each in await listed(clients.alice, "exceedances", **{"from": first["end"]})] == [second["id"]]
    await clients.alice.post(f"{API}/exceedance-notes/{first['id']}/revisions/1:void", json={"reason": "of another stack"})
    assert (await listed(clients.alice, "exceedances"))[0]["note"] is None
