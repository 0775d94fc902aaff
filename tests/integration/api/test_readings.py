"""Readings over REST: spans, pages, formats, and that nothing is skipped, doubled or made up."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from ems_telemetry.model import Flag

from .conftest import START, Plant

READINGS = "/api/v1/points/EM-01.energy_import/readings"
KEY = "EM-01.energy_import"


def values(answer: httpx.Response) -> list[float | None]:
    assert answer.status_code == 200, answer.text
    return [item["value"] for item in answer.json()["items"]]


async def test_a_reading_is_given_whole(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    await any_plant.store(KEY, 1.5, at_s=0.000123, flags=int(Flag.NO_SOURCE_TIME | Flag.RETAINED))
    assert (await any_api.get(READINGS)).json()["items"] == [
        {
            "time": "2026-03-02T10:00:00.000123Z",
            "value": 1.5,
            "exact": None,
            "raw": None,
            "quality": 192,
            "flags": ["no_source_time", "retained"],
            "source_status": 0,
            "received_at": "2026-03-02T10:00:00.000123Z",
        }
    ]


async def test_a_missing_value_is_null_with_its_reason_and_never_zero(plant: Plant, api: httpx.AsyncClient) -> None:
    await plant.store(KEY, None, flags=int(Flag.BAD_STATUS))
    (item,) = (await api.get(READINGS)).json()["items"]
    assert (item["value"], item["quality"], item["flags"], item["source_status"]) == (None, 0, ["bad_status"], 0x80310000)


async def test_a_counter_beyond_a_double_is_exact_as_a_word(plant: Plant, api: httpx.AsyncClient) -> None:
    await plant.store(KEY, 9007199254740992.0, exact=Decimal(9007199254740993))
    (item,) = (await api.get(READINGS)).json()["items"]
    assert (item["value"], item["exact"]) == (9007199254740992.0, "9007199254740993")


async def test_the_span_holds_its_beginning_and_not_its_end(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    for second in range(5):
        await any_plant.store(KEY, float(second), at_s=second)
    answer = await any_api.get(f"{READINGS}?from=2026-03-02T10:00:01Z&to=2026-03-02T11:00:03%2B01:00")
    assert values(answer) == [1.0, 2.0]


async def test_the_newest_come_first_when_asked(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    for second in range(5):
        await any_plant.store(KEY, float(second), at_s=second)
    first = await any_api.get(f"{READINGS}?order=desc&limit=3")
    assert values(first) == [4.0, 3.0, 2.0]
    assert values(await any_api.get(f"{READINGS}?order=desc&limit=3&cursor={first.json()['next']}")) == [1.0, 0.0]


async def test_a_thousand_are_given_unless_more_are_asked_for(plant: Plant, api: httpx.AsyncClient) -> None:
    await plant.store_many(KEY, [(START + timedelta(seconds=second), float(second)) for second in range(1_005)])
    assert len(values(await api.get(READINGS))) == 1_000
    assert len(values(await api.get(f"{READINGS}?limit=10000"))) == 1_005


async def test_paging_while_rows_arrive_neither_skips_nor_doubles(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    there_before = [START + timedelta(seconds=2 * number) for number in range(2_000)]
    await any_plant.store_many(KEY, [(time, 1.0) for time in there_before])
    seen: list[str] = []
    cursor: str | None = None
    for page_number in range(200):
        page = (await any_api.get(READINGS, params={"limit": 37} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["time"] for item in page["items"]]
        late = START + timedelta(seconds=2 * page_number + 1)
        newest = START + timedelta(days=1, seconds=page_number)
        await any_plant.store_many(KEY, [(late, 2.0), (newest, 3.0)])
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)), "a reading was given twice"
    assert seen == sorted(seen)
    assert not {time.isoformat().replace("+00:00", "Z") for time in there_before} - set(seen), "a reading was skipped"


async def test_a_cursor_holds_only_for_the_request_it_came_from(plant: Plant, api: httpx.AsyncClient) -> None:
    for second in range(3):
        await plant.store(KEY, float(second), at_s=second)
    cursor = (await api.get(f"{READINGS}?limit=1")).json()["next"]
    for other in (f"{READINGS}?order=desc", "/api/v1/points/EM-01.power/readings?", f"{READINGS}?from=2026-03-02T10:00:01Z"):
        answer = await api.get(f"{other}&cursor={cursor}")
        assert answer.status_code == 422
        assert "another path or other filters" in answer.json()["detail"]
    # How many, and written how, may change on the way.
    assert values(await api.get(f"{READINGS}?limit=7&format=json&cursor={cursor}")) == [1.0, 2.0]


async def test_csv_has_a_head_line_and_names_the_next_page_in_a_header(plant: Plant, api: httpx.AsyncClient) -> None:
    await plant.store(KEY, 1.25, flags=int(Flag.MANUAL | Flag.SERVER_TIME))
    await plant.store(KEY, None, at_s=1, flags=int(Flag.BAD_STATUS))
    await plant.store(KEY, 3.0, at_s=2, exact=Decimal(-9007199254740993))
    first = await api.get(f"{READINGS}?limit=2", headers={"Accept": "text/csv"})
    assert first.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert first.text == (
        "time,value,exact,raw,quality,flags,source_status,received_at\r\n"
        "2026-03-02T10:00:00Z,1.25,,,192,server_time manual,0,2026-03-02T10:00:00Z\r\n"
        "2026-03-02T10:00:01Z,,,,0,bad_status,2150694912,2026-03-02T10:00:01Z\r\n"
    )
    second = await api.get(first.links["next"]["url"], headers={"Accept": "text/csv"})
    (row,) = csv.DictReader(io.StringIO(second.text))
    assert (row["value"], row["exact"]) == ("3.0", "-9007199254740993")
    assert "link" not in second.headers


async def test_ndjson_has_one_item_per_line(plant: Plant, api: httpx.AsyncClient) -> None:
    for second in range(3):
        await plant.store(KEY, float(second), at_s=second)
    answer = await api.get(f"{READINGS}?format=ndjson&limit=2")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["value"] for line in answer.text.splitlines()] == [0.0, 1.0]
    assert [json.loads(line)["value"] for line in (await api.get(answer.links["next"]["url"])).text.splitlines()] == [2.0]


async def test_the_parameter_wins_over_the_header(plant: Plant, api: httpx.AsyncClient) -> None:
    await plant.store(KEY, 1.0)
    answer = await api.get(f"{READINGS}?format=json", headers={"Accept": "text/csv"})
    assert values(answer) == [1.0]


async def test_a_point_without_readings_has_an_empty_history(any_api: httpx.AsyncClient) -> None:
    assert (await any_api.get(READINGS)).json() == {"items": [], "next": None}


async def test_latest_lists_every_active_point_also_one_that_never_said_anything(
    any_plant: Plant, any_api: httpx.AsyncClient
) -> None:
    await any_plant.store(KEY, 1.0)
    await any_plant.store(KEY, 2.0, at_s=10)
    items = {item["point"]: item for item in (await any_api.get("/api/v1/readings/latest?site=BER1")).json()["items"]}
    assert set(items) == {KEY, "EM-01.power", "WM-02.volume"}
    newest, silent = items[KEY], items["WM-02.volume"]
    assert (newest["value"], newest["time"], newest["unit"]) == (2.0, "2026-03-02T10:00:10Z", "kWh")
    assert (newest["meter_name"], newest["area"], newest["expected_interval_s"]) == ("Main meter", "hall-1", 10.0)
    assert [silent[name] for name in ("time", "value", "quality", "flags", "received_at")] == [None] * 5


async def test_latest_of_one_meter(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/readings/latest?meter=EM-90&format=csv")
    assert [row["point"] for row in csv.DictReader(io.StringIO(answer.text))] == ["EM-90.energy_import"]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_the_whole_history_comes_in_one_answer_where_that_is_asked_for(
    plant: Plant, api: httpx.AsyncClient, order: str
) -> None:
    await plant.store_many(KEY, [(START + timedelta(seconds=second), float(second)) for second in range(10_005)])
    answer = await api.get(f"{READINGS}?all=true&format=ndjson&order={order}")
    found = [json.loads(line)["value"] for line in answer.text.splitlines()]
    expected = [float(second) for second in range(10_005)]
    assert found == (expected if order == "asc" else expected[::-1])
    assert (await api.get(f"{READINGS}?all=true")).status_code == 422
