"""Totals over meters and periods over REST."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import Kind
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise

from .conftest import METERS, POINTS, SITES, START, Plant, client_of, point

MARCH, APRIL = datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)
CONSUMPTION = "/api/v1/consumption"
MONTH = f"{CONSUMPTION}?from=2026-03-01&to=2026-04-01&period=1mo"
IMPORT = "active_energy_import"


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["items"]
    return listed


async def add(plant: Plant, meters: list[MeterRow], points: list[PointRow], sites: list[SiteRow] | None = None) -> None:
    """Makes more meters known, and lets it be May."""
    known = {row.id: row for row in [*METERS, *meters]}
    plant.ids |= await synchronise(plant.database, [*SITES, *(sites or [])], list(known.values()), [*POINTS, *points])
    plant.clock.turn((datetime(2026, 5, 1, tzinfo=UTC) - plant.clock.now()).total_seconds())


def behind(id_: str, parent: str | None, site: str = "BER1", area: str | None = "hall-1") -> MeterRow:
    return MeterRow(id_, site, area, id_, "electricity", "hall-1", parent_id=parent)


async def month(plant: Plant, key: str, value: str | None, start: datetime = MARCH, **other: float) -> None:
    await plant.put_quarters(key, start, ["1" if value is not None else None])
    await plant.put(key, "1mo", [(start, value)], **other)


async def test_a_month_of_a_sites_electricity_in_one_call(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    await add(any_plant, [behind("EM-02", None)], [point("EM-02.energy_import", IMPORT, "kWh")])
    await month(any_plant, "EM-01.energy_import", "70000.05")
    await month(any_plant, "EM-02.energy_import", "1499.95")
    await month(any_plant, "EM-90.energy_import", "1e9")
    (item,) = items(await any_api.get(f"{MONTH}&site=BER1&medium=electricity"))
    assert item == {
        "start": "2026-02-28T23:00:00Z",
        "end": "2026-03-31T22:00:00Z",
        "open": False,
        "site": None,
        "area": None,
        "medium": None,
        "meter": None,
        "point": None,
        "quantity": IMPORT,
        "unit": "kWh",
        "value": 71500.0,
        "exact": "71500",
        "coverage": 1.0,
        "measured_percent": 100.0,
        "estimated_percent": 0.0,
        "quality": 192,
        "flags": [],
        "points": 2,
        "points_missing": 0,
    }


async def test_what_stands_behind_a_counted_meter_is_not_counted_twice(plant: Plant, api: httpx.AsyncClient) -> None:
    meters = [behind("EM-02", "EM-01"), behind("EM-03", "EM-02"), behind("EM-04", "EM-01", area="utilities")]
    await add(plant, meters, [point(f"{meter.id}.energy_import", IMPORT, "kWh") for meter in meters])
    for number, meter in enumerate(["EM-01", "EM-02", "EM-03", "EM-04"]):
        await month(plant, f"{meter}.energy_import", ["1000", "100", "10", "7"][number])
    site = f"{MONTH}&site=BER1"
    assert [(item["exact"], item["points"]) for item in items(await api.get(site))] == [("1000", 1)]
    both = items(await api.get(f"{site}&include_submeters=true"))
    assert [(item["exact"], item["points"]) for item in both] == [("1117", 4)]
    # EM-03 stands behind EM-01, though the meter between them is of another selection.
    (hall,) = items(await api.get(f"{site}&area=hall-1"))
    assert hall["exact"] == "1000"
    (utilities,) = items(await api.get(f"{site}&area=utilities"))
    assert utilities["exact"] == "7"
    by_meter = {item["meter"]: item["exact"] for item in items(await api.get(f"{site}&group_by=meter"))}
    assert by_meter == {"EM-01": "1000", "EM-02": "100", "EM-03": "10", "EM-04": "7"}


async def test_phases_and_tariffs_of_a_meter_are_parts_of_its_total(plant: Plant, api: httpx.AsyncClient) -> None:
    parts = [point(f"EM-01.energy_import_{part}", IMPORT, "kWh") for part in ("l1", "l2", "l3", "t1", "t2")]
    await add(plant, [], parts)
    await month(plant, "EM-01.energy_import", "90")
    for part in parts:
        await month(plant, part.key, "30")
    assert [item["exact"] for item in items(await api.get(f"{MONTH}&site=BER1"))] == ["90"]
    assert len(items(await api.get(f"{MONTH}&site=BER1&group_by=point"))) == 6


async def test_virtual_meters_count_only_where_they_are_named(plant: Plant, api: httpx.AsyncClient) -> None:
    virtual = replace(point("VM-1.energy_import", IMPORT, "kWh", Kind.INTERVAL_TOTAL), expression="EM-01.energy_import * 2")
    await add(plant, [behind("VM-1", None)], [virtual])
    await month(plant, "EM-01.energy_import", "90")
    await month(plant, "VM-1.energy_import", "180")
    assert [item["exact"] for item in items(await api.get(f"{MONTH}&site=BER1"))] == ["90"]
    assert [item["exact"] for item in items(await api.get(f"{MONTH}&meter=VM-1"))] == ["180"]
    assert len(items(await api.get(f"{MONTH}&site=BER1&group_by=meter"))) == 2


async def test_export_never_lessens_import(plant: Plant, api: httpx.AsyncClient) -> None:
    await add(plant, [], [point("EM-01.energy_export", "active_energy_export", "kWh")])
    await month(plant, "EM-01.energy_import", "100")
    await month(plant, "EM-01.energy_export", "30")
    listed = items(await api.get(f"{MONTH}&site=BER1"))
    assert {item["quantity"]: item["exact"] for item in listed} == {"active_energy_export": "30", IMPORT: "100"}


async def test_a_total_with_a_missing_part_is_null_unless_partial(plant: Plant, api: httpx.AsyncClient) -> None:
    await add(plant, [behind("EM-02", None)], [point("EM-02.energy_import", IMPORT, "kWh")])
    await month(plant, "EM-01.energy_import", "100", flags=int(IntervalFlag.ESTIMATED), coverage=0.75)
    quarters = ["10" if n % 4 != 2 else None for n in range(4 * 743)]
    await plant.put_quarters("EM-02.energy_import", MARCH, quarters)
    await plant.put("EM-02.energy_import", "1mo", [(MARCH, None)])
    (whole,) = items(await api.get(f"{MONTH}&site=BER1"))
    assert (whole["value"], whole["exact"], whole["quality"]) == (None, None, 0)
    assert "missing" in whole["flags"]
    assert (whole["points"], whole["points_missing"]) == (2, 1)
    (partial,) = items(await api.get(f"{MONTH}&site=BER1&partial=true"))
    assert partial["exact"] == str(100 + 10 * 3 * 743)
    assert partial["coverage"] == 0.75
    assert (partial["measured_percent"], partial["estimated_percent"]) == (75.0, 12.5)
    assert partial["flags"] == ["estimated", "incomplete"]
    assert (partial["quality"], partial["points_missing"]) == (64, 1)


async def test_a_point_counts_from_its_first_reading_on(plant: Plant, api: httpx.AsyncClient) -> None:
    await add(plant, [behind("EM-02", None)], [point("EM-02.energy_import", IMPORT, "kWh")])
    await month(plant, "EM-01.energy_import", "1")
    await month(plant, "EM-01.energy_import", "2", APRIL)
    await month(plant, "EM-02.energy_import", "10", APRIL)
    listed = items(await api.get(f"{CONSUMPTION}?site=BER1&from=2026-01-01&to=2026-05-01"))
    assert [(item["exact"], item["points"]) for item in listed] == [("1", 1), ("12", 2)]


async def test_groups_in_the_order_of_time_and_name(plant: Plant, api: httpx.AsyncClient) -> None:
    await add(plant, [], [])
    for start in (MARCH, APRIL):
        for key in ("EM-01.energy_import", "WM-02.volume", "EM-90.energy_import", "WM-91.volume"):
            await month(plant, key, "1", start)
    asked = {"from": "2026-03-01", "to": "2026-05-01", "group_by": "site,medium"}
    whole = items(await api.get(CONSUMPTION, params=asked))
    expected = [("BER1", "electricity"), ("BER1", "water"), ("MUC1", "electricity"), ("MUC1", "water")] * 2
    assert [(item["site"], item["medium"]) for item in whole] == expected
    pages, cursor = [], None
    for _ in range(10):
        page = (await api.get(CONSUMPTION, params={**asked, "limit": "3", **({"cursor": cursor} if cursor else {})})).json()
        pages += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == whole


async def test_sites_of_several_zones_need_one_to_be_named(plant: Plant, api: httpx.AsyncClient) -> None:
    site = SiteRow("DEL1", "Delhi works", "Asia/Kolkata")
    await add(plant, [behind("EM-70", None, "DEL1", None)], [point("EM-70.energy_import", IMPORT, "kWh")], [site])
    await plant.put_quarters("EM-70.energy_import", datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=2), ["1"] * 96 * 4)
    refused = await api.get(f"{CONSUMPTION}?period=1d&from=2026-03-01&to=2026-03-02")
    assert refused.status_code == 422
    assert "Asia/Kolkata, Europe/Berlin" in refused.json()["detail"]
    day = f"{CONSUMPTION}?period=1d&site=DEL1&from=2026-03-01&to=2026-03-02&tz=UTC"
    assert [(item["exact"], item["start"]) for item in items(await api.get(day))] == [("96", "2026-03-01T00:00:00Z")]


async def test_a_year_is_the_sum_of_its_months_weighed_by_their_length(plant: Plant, api: httpx.AsyncClient) -> None:
    await add(plant, [], [])
    await plant.put_quarters("EM-01.energy_import", datetime(2024, 12, 31, 23, tzinfo=UTC), ["1"])
    starts = [datetime(2025, n, 1, tzinfo=UTC) for n in range(1, 13)]
    local = [start - timedelta(hours=2 if 4 <= start.month <= 10 else 1) for start in starts]
    await plant.put("EM-01.energy_import", "1mo", [(start, "0.1") for start in local])
    (year,) = items(await api.get(f"{CONSUMPTION}?period=1y&from=2025-01-01&to=2026-01-01&site=BER1"))
    assert (year["exact"], year["coverage"]) == ("1.2", 1.0)


async def test_a_key_for_a_site_adds_up_that_site_alone(plant: Plant) -> None:
    await add(plant, [], [])
    await month(plant, "EM-01.energy_import", "1")
    await month(plant, "EM-90.energy_import", "10")
    async with client_of(plant.app(), await plant.key(sites=["MUC1"])) as client:
        assert [item["exact"] for item in items(await client.get(MONTH))] == ["10"]
        assert (await client.get(f"{MONTH}&site=BER1")).status_code == 403


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("group_by=sites", 'did you mean "site"?'),
        ("site=BER2", 'did you mean "BER1"?'),
        ("quantity=active_energy_imprt", f'did you mean "{IMPORT}"?'),
        ("medium=elektrisch", "electricity"),
    ],
)
async def test_what_a_client_gets_wrong_is_told(api: httpx.AsyncClient, query: str, words: str) -> None:
    answer = await api.get(f"{CONSUMPTION}?{query}")
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


async def test_nothing_known_is_an_empty_list(api: httpx.AsyncClient) -> None:
    assert items(await api.get(f"{CONSUMPTION}?site=BER1")) == []


async def test_csv_names_the_columns(plant: Plant, api: httpx.AsyncClient) -> None:
    await add(plant, [], [])
    await month(plant, "EM-01.energy_import", "0.30")
    (row,) = csv.DictReader(io.StringIO((await api.get(f"{MONTH}&site=BER1&format=csv")).text))
    assert (row["exact"], row["unit"], row["open"]) == ("0.3", "kWh", "false")


async def test_a_day_that_lasts_is_open(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(1800)
    await plant.put_quarters("EM-01.energy_import", START, ["1", "2"])
    await plant.put("EM-01.energy_import", "1d", [(datetime(2026, 3, 1, 23, tzinfo=UTC), "3")], has_ended=False)
    (day,) = items(await api.get(f"{CONSUMPTION}?period=1d&site=BER1"))
    assert (day["open"], day["exact"]) == (True, "3")
