"""Dead letters and gaps over REST."""

import base64
import csv
import io

import httpx

from .conftest import Plant


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
