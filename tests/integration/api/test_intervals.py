"""Interval data of one point over REST."""

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from ems_telemetry.intervals.interval import IntervalFlag

from .conftest import START, Plant

KEY = "EM-01.energy_import"
INTERVALS = f"/api/v1/points/{KEY}/intervals"
QUARTER = timedelta(minutes=15)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["items"]
    return listed


def values(answer: httpx.Response) -> list[float | None]:
    return [item["value"] for item in items(answer)]


async def test_a_quarter_tells_all_that_is_known_of_it(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    any_plant.clock.turn(3600)
    await any_plant.put_quarters(KEY, START, ["15.4"], min=1000.0, max=1015.0, flags=int(IntervalFlag.ESTIMATED))
    (first, *_) = items(await any_api.get(INTERVALS))
    assert first == {
        "start": "2026-03-02T10:00:00Z",
        "end": "2026-03-02T10:15:00Z",
        "value": 15.4,
        "exact": "15.4",
        "min": 1000.0,
        "max": 1015.0,
        "samples": 90,
        "expected": 90,
        "coverage": 1.0,
        "quality": 192,
        "flags": ["estimated"],
        "revision": 1,
    }


async def test_what_is_not_there_is_null_and_never_zero(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    any_plant.clock.turn(3600 + 60)
    await any_plant.put_quarters(KEY, START, ["10"])
    await any_plant.put_quarters(KEY, START + 3 * QUARTER, ["12"])
    listed = items(await any_api.get(f"{INTERVALS}?from=2020-01-01&to=2030-01-01"))
    assert [item["value"] for item in listed] == [10.0, None, None, 12.0, None]
    gap, running = listed[1], listed[-1]
    assert (gap["coverage"], gap["quality"], gap["flags"], gap["exact"]) == (0.0, 0, ["missing"], None)
    assert (running["start"], running["flags"]) == ("2026-03-02T11:00:00Z", []), "what lasts is not missing yet"


async def test_a_point_that_has_readings_and_was_never_computed_is_listed_as_missing(
    plant: Plant, api: httpx.AsyncClient
) -> None:
    await plant.store(KEY, 1.0, at_s=100)
    plant.clock.turn(1800)
    assert [(item["start"], item["flags"]) for item in items(await api.get(INTERVALS))] == [
        ("2026-03-02T10:00:00Z", ["missing"]),
        ("2026-03-02T10:15:00Z", ["missing"]),
    ]


async def test_a_point_without_readings_has_no_intervals(any_api: httpx.AsyncClient) -> None:
    assert (await any_api.get(INTERVALS)).json() == {"items": [], "next": None}


async def test_the_span_is_half_open(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(86_400)
    await plant.put_quarters(KEY, START, ["1", "2", "3", "4"])
    span = "from=2026-03-02T10:15:00Z&to=2026-03-02T10:45:00Z"
    assert values(await api.get(f"{INTERVALS}?{span}")) == [2.0, 3.0]
    assert values(await api.get(f"{INTERVALS}?from=2026-03-02T10:15:00.001Z&to=2026-03-02T10:30:00.001Z")) == [3.0]


async def test_pages_laid_end_to_end_hold_every_interval_once(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(100 * 900)
    await plant.put_quarters(KEY, START, [None if n % 7 == 3 else str(n) for n in range(100)])
    whole = items(await api.get(INTERVALS))
    assert len(whole) == 100
    pages, cursor = [], None
    for _ in range(20):
        page = (await api.get(INTERVALS, params={"limit": 13} | ({"cursor": cursor} if cursor else {}))).json()
        pages += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == whole
    assert all(one["end"] == following["start"] for one, following in pairwise(whole))


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-06-01", 96)])
async def test_days_of_another_zone_are_composed_of_quarters(
    plant: Plant, api: httpx.AsyncClient, day: str, quarters: int
) -> None:
    plant.clock.turn((at("2026-12-01") - START).total_seconds())
    begin = at(day) - timedelta(days=2)
    await plant.put_quarters(KEY, begin, ["0.1"] * 96 * 5)
    (item,) = items(await api.get(f"{INTERVALS}?period=1d&from={day}&to={next_day(day)}&tz=Europe/Paris"))
    assert item["exact"] == f"{quarters / 10:g}"
    assert item["samples"] == 90 * quarters
    assert item["coverage"] == 1.0
    assert datetime.fromisoformat(item["end"]) - datetime.fromisoformat(item["start"]) == quarters * QUARTER


def next_day(day: str) -> str:
    return (at(day) + timedelta(days=1)).date().isoformat()


async def test_days_of_the_site_are_those_that_are_kept(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(30 * 86_400)
    await plant.put_quarters(KEY, at("2026-03-01T23:00"), ["1"])
    await plant.put(KEY, "1d", [(at("2026-03-01T23:00"), "96"), (at("2026-03-02T23:00"), None)])
    listed = items(await api.get(f"{INTERVALS}?period=1d&from=2026-03-02&to=2026-03-04"))
    assert [(item["start"], item["value"]) for item in listed] == [
        ("2026-03-01T23:00:00Z", 96.0),
        ("2026-03-02T23:00:00Z", None),
    ]


async def test_a_year_is_composed_of_its_months(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(400 * 86_400)
    await plant.put_quarters(KEY, at("2025-12-31T23:00"), ["1"])
    months = [
        *(
            "2025-12-31T23:00",
            "2026-01-31T23:00",
            "2026-02-28T23:00",
            "2026-03-31T22:00",
            "2026-04-30T22:00",
            "2026-05-31T22:00",
        ),
        *(
            "2026-06-30T22:00",
            "2026-07-31T22:00",
            "2026-08-31T22:00",
            "2026-09-30T22:00",
            "2026-10-31T23:00",
            "2026-11-30T23:00",
        ),
    ]
    await plant.put(KEY, "1mo", [(at(month), "100.01") for month in months])
    (year,) = items(await api.get(f"{INTERVALS}?period=1y&from=2026-01-01&to=2027-01-01"))
    assert (year["exact"], year["start"], year["end"]) == ("1200.12", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z")


async def test_a_sum_with_a_null_child_is_null_unless_partial_is_asked_for(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(7200)
    await plant.put_quarters(KEY, START, ["10", "10", None, "10"])
    await plant.put(KEY, "1h", [(START, None)])
    hour = f"{INTERVALS}?period=1h&from=2026-03-02T10:00:00Z&to=2026-03-02T11:00:00Z"
    (whole,) = items(await api.get(hour))
    assert (whole["value"], whole["flags"]) == (None, ["missing"])
    (partial,) = items(await api.get(f"{hour}&partial=true"))
    assert (partial["value"], partial["exact"], partial["coverage"]) == (30.0, "30", 0.75)
    assert partial["flags"] == ["incomplete"]


async def test_columns_hold_the_same_as_rows(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(3600)
    await plant.put_quarters(KEY, START, ["1", None, "3"])
    rows = items(await api.get(INTERVALS))
    answer = (await api.get(f"{INTERVALS}?layout=columns")).json()
    assert answer["columns"] == {name: [row[name] for row in rows] for name in rows[0]}
    refused = await api.get(f"{INTERVALS}?layout=columns&format=csv")
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "layout")


async def test_csv_has_empty_cells_for_null(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(1800)
    await plant.put_quarters(KEY, START, ["15.4"])
    answer = await api.get(f"{INTERVALS}?format=csv")
    known, missing = csv.DictReader(io.StringIO(answer.text))
    assert (known["value"], known["exact"], known["flags"]) == ("15.4", "15.4", "")
    assert (missing["value"], missing["flags"]) == ("", "missing")


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("tz=Europe/Berln", "tz", 'did you mean "Europe/Berlin"?'),
        ("period=30m", "period", "15m"),
        ("from=2026-02-30", "from", "names no day there is"),
        ("from=2026-03-02&to=2026-03-02", "from", "is not before `to`"),
        ("from=2026-03-02T10:00:00", "from", "does not say its zone"),
        ("limit=10001", "limit", "10000"),
        ("perid=1d", "perid", 'did you mean "period"?'),
    ],
)
async def test_what_a_client_gets_wrong_is_told(api: httpx.AsyncClient, query: str, parameter: str, words: str) -> None:
    answer = await api.get(f"{INTERVALS}?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == parameter
    assert words in answer.json()["detail"]


async def test_the_nearest_point_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/points/EM-01.energy_imprt/intervals")
    assert answer.status_code == 404
    assert 'did you mean "EM-01.energy_import"?' in answer.json()["detail"]


async def test_the_ends_of_the_calendar_do_no_harm(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(900)
    await plant.put_quarters(KEY, START, ["1"])
    for period in ("15m", "1h", "1d", "1mo", "1y"):
        for span in ("from=0001-01-01&to=9999-12-31", "from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&tz=Pacific/Auckland"):
            answer = await api.get(f"{INTERVALS}?period={period}&{span}")
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["items"]) == 1


async def test_a_year_by_quarters_comes_in_four_pages(plant: Plant, api: httpx.AsyncClient) -> None:
    begin = at("2025-01-01")
    await plant.put_quarters(KEY, begin, [f"{n % 50}.25" for n in range(35_040)])
    seen, cursor = 0, None
    for _ in range(5):
        asked: dict[str, str | int] = {"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "limit": 10_000}
        page = (await api.get(INTERVALS, params=asked | ({"cursor": cursor} if cursor else {}))).json()
        seen += len(page["items"])
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == 35_040


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
async def test_the_whole_span_comes_in_one_answer_where_that_is_asked_for(
    plant: Plant, api: httpx.AsyncClient, format_: str
) -> None:
    await plant.put_quarters(KEY, at("2025-01-01"), [f"{n % 50}.25" for n in range(35_040)])
    asked = {"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "format": format_}
    whole = await api.get(INTERVALS, params={**asked, "all": "true"})
    lines = whole.text.splitlines()
    assert len(lines) == 35_040 + (format_ == "csv")
    assert "link" not in whole.headers
    page = (await api.get(INTERVALS, params={**asked, "limit": "10000"})).text.splitlines()
    assert lines[: len(page)] == page
    assert len(set(lines)) == len(lines), "an interval was given twice"
    refused = await api.get(INTERVALS, params={"all": "true"})
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "all")
