"""Dead letters and gaps over REST."""

import base64
import csv
import io
from datetime import timedelta

import httpx

from ems_telemetry.api.retried import Retried
from ems_telemetry.storage.letters import begin_retry, end_retry

from .conftest import START, Plant, client_of


async def test_dead_letters_come_newest_first_and_without_their_payload(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    ids = [str(await any_plant.lose("shared", "WM-02.volume", at_s=second)) for second in range(3)]
    items = (await any_api.get("/api/v1/dead-letters")).json()["items"]
    assert [item["id"] for item in items] == ids[::-1]
    assert (items[0]["reason"], items[0]["size_bytes"], items[0]["point"]) == ("unreadable_payload", 4, "WM-02.volume")
    assert "payload" not in items[0]


async def test_pages_of_dead_letters_of_one_moment_neither_skip_nor_double(
    any_plant: Plant, any_api: httpx.AsyncClient
) -> None:
    ids = {str(await any_plant.lose("shared")) for _ in range(7)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await any_api.get("/api/v1/dead-letters", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["items"]]
        await any_plant.lose("shared", at_s=60)
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)


async def test_dead_letters_are_found_by_time_connector_and_reason(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    await any_plant.lose("hall-1", at_s=0)
    wanted = await any_plant.lose("hall-1", at_s=10)
    await any_plant.lose("shared", at_s=10)
    query = "from=2026-03-02T10:00:10Z&to=2026-03-02T10:00:11Z&connector=hall-1&reason=unreadable_payload"
    assert [item["id"] for item in (await any_api.get(f"/api/v1/dead-letters?{query}")).json()["items"]] == [str(wanted)]
    assert (await any_api.get("/api/v1/dead-letters?reason=other")).json()["items"] == []


async def test_one_dead_letter_is_given_with_its_payload(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    as_text = await any_plant.lose("shared", payload="Größe".encode())
    as_bytes = await any_plant.lose("shared", payload=b"\xff\x00")
    assert (await any_api.get(f"/api/v1/dead-letters/{as_text}")).json()["payload_text"] == "Größe"
    item = (await any_api.get(f"/api/v1/dead-letters/{as_bytes}")).json()
    assert (item["payload_text"], base64.b64decode(item["payload_base64"])) == (None, b"\xff\x00")


async def test_an_unknown_dead_letter_is_not_found(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/v1/dead-letters/8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10")).status_code == 404


async def test_words_of_a_device_are_no_formula_in_a_spreadsheet(plant: Plant, api: httpx.AsyncClient) -> None:
    await plant.lose("shared")
    (row,) = csv.DictReader(io.StringIO((await api.get("/api/v1/dead-letters?format=csv")).text))
    assert row["detail"] == "'=not JSON"


async def test_gaps_that_reach_into_the_span_are_listed(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    await any_plant.miss("hall-1", from_s=0, to_s=10)
    reaching_in = await any_plant.miss("hall-1", from_s=5, to_s=15)
    within = await any_plant.miss("hall-1", from_s=11, to_s=12)
    await any_plant.miss("hall-1", from_s=20, to_s=30)
    answer = await any_api.get("/api/v1/gaps?from=2026-03-02T10:00:10Z&to=2026-03-02T10:00:20Z")
    items = answer.json()["items"]
    assert [item["id"] for item in items] == [str(within), str(reaching_in)]
    assert (items[0]["start"], items[0]["end"], items[0]["refused"], items[0]["cause"]) == (
        "2026-03-02T10:00:11Z",
        "2026-03-02T10:00:12Z",
        3,
        "spool_full",
    )
    assert (await any_api.get("/api/v1/gaps?connector=shared")).json()["items"] == []


async def test_a_gap_tells_whether_it_lasts_and_what_came_of_it(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    await any_plant.miss("hall-1", "EM-01.energy_import", from_s=0, to_s=30)
    await any_plant.store_many("EM-01.energy_import", [(START + timedelta(seconds=second), 1.0) for second in (5, 10)])
    (item,) = (await any_api.get("/api/v1/gaps?point=EM-01.energy_import&cause=spool_full&open=false")).json()["items"]
    assert (item["open"], item["expected"], item["found"], item["filled"]) == (False, None, 2, True)
    assert (await any_api.get("/api/v1/gaps?open=true")).json()["items"] == []


async def test_dead_letters_are_counted_by_their_kind(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    for second in range(3):
        await any_plant.lose("shared", "WM-02.volume", at_s=second)
    await any_plant.lose("hall-1")
    items = (await any_api.get("/api/v1/dead-letters/summary")).json()["items"]
    assert [(item["connector"], item["point"], item["count"]) for item in items] == [
        ("shared", "WM-02.volume", 3),
        ("hall-1", None, 1),
    ]
    assert (items[0]["first"], items[0]["last"]) == ("2026-03-02T10:00:00Z", "2026-03-02T10:00:02Z")
    late = await any_api.get("/api/v1/dead-letters/summary?from=2026-03-02T10:00:02Z&connector=shared&format=csv")
    assert late.text.splitlines()[1:] == ["shared,WM-02.volume,unreadable_payload,1,2026-03-02T10:00:02Z,2026-03-02T10:00:02Z"]


async def test_an_administrator_retries_a_dead_letter(any_plant: Plant) -> None:
    id_ = await any_plant.lose("shared", "WM-02.volume", payload=b"42")
    async with client_of(any_plant.app(), await any_plant.key(["read", "admin"])) as admin:
        answer = await admin.post(f"/api/v1/dead-letters/{id_}/retry")
        assert (answer.status_code, answer.json()) == (
            200,
            {"id": str(id_), "retried": True, "readings": 1, "note": "1 reading"},
        )
        any_plant.outcome = Retried(0, "still no JSON")
        assert (await admin.post(f"/api/v1/dead-letters/{id_}/retry")).json()["retried"] is False
        assert (await admin.post("/api/v1/dead-letters/8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10/retry")).status_code == 404
    assert [(letter.id, letter.payload, letter.source) for letter in any_plant.retried] == [(id_, b"42", "plant/wm02")] * 2


async def test_a_letter_that_became_readings_is_retried_only_when_asked_again(plant: Plant) -> None:
    id_ = await plant.lose("shared")
    await begin_retry(plant.database, id_, START)
    await end_retry(plant.database, id_, START, "1 reading")
    async with client_of(plant.app(), await plant.key(["admin"])) as admin:
        refused = await admin.post(f"/api/v1/dead-letters/{id_}/retry")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:ems-telemetry:problem:conflict")
        assert "again=true" in refused.json()["detail"]
        assert plant.retried == []
        assert (await admin.post(f"/api/v1/dead-letters/{id_}/retry?again=true")).status_code == 200
        unknown = await admin.post(f"/api/v1/dead-letters/{id_}/retry?agian=true")
        assert (unknown.status_code, 'did you mean "again"' in unknown.json()["detail"]) == (422, True)


async def test_who_may_read_may_not_retry(plant: Plant, api: httpx.AsyncClient) -> None:
    id_ = await plant.lose("shared")
    assert (await api.post(f"/api/v1/dead-letters/{id_}/retry")).status_code == 403
    async with client_of(plant.app(allow_anonymous=True)) as anybody:
        assert (await anybody.post(f"/api/v1/dead-letters/{id_}/retry")).status_code == 403
    async with client_of(plant.app(), await plant.key(["admin"], ["MUC1"])) as elsewhere:
        assert (await elsewhere.post(f"/api/v1/dead-letters/{id_}/retry")).status_code == 404
    assert plant.retried == []
