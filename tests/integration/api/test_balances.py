"""Balances of meters, peaks and completeness over REST, with the worked examples of the rules they follow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.storage.registry import MeterRow, synchronise

from .conftest import METERS, POINTS, SITES, START, Plant, point
from .test_consumption import IMPORT, MARCH, behind, items, month

BALANCE = "/api/v1/meters/EM-01/balance?from=2026-03-01&to=2026-04-01"
PEAKS = "/api/v1/points/EM-01.power/peaks"
COMPLETENESS = "/api/v1/completeness?point=EM-01.power"
MAY = datetime(2026, 5, 1, tzinfo=UTC)


async def tree(plant: Plant, uncertainties: dict[str, str | None]) -> None:
    """EM-01 with the other meters behind it, and what each is uncertain by."""
    subs = [replace(behind(id_, "EM-01"), uncertainty=_decimal(text)) for id_, text in uncertainties.items() if id_ != "EM-01"]
    main: MeterRow = replace(METERS[0], uncertainty=_decimal(uncertainties["EM-01"]))
    points = [point(f"{meter.id}.energy_import", IMPORT, "kWh") for meter in subs]
    plant.ids |= await synchronise(plant.database, SITES, [main, *METERS[1:], *subs], [*POINTS, *points])
    plant.clock.turn((MAY - plant.clock.now()).total_seconds())


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


async def put_months(plant: Plant, **values: str | None) -> None:
    for meter, value in values.items():
        await month(plant, f"{meter.replace('_', '-')}.energy_import", value)


async def test_the_worked_example_of_a_balance(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    await tree(any_plant, {"EM-01": "1", "EM-02": "2", "EM-03": "2", "EM-04": "2"})
    await put_months(any_plant, EM_01="1000", EM_02="400", EM_03="350", EM_04="200")
    (item,) = items(await any_api.get(BALANCE))
    assert (item["main"], item["sum"], item["residual"], item["residual_percent"]) == ("1000", "950", "50", 5.0)
    assert item["u"] == pytest.approx(15.13, abs=0.005)
    assert (item["verdict"], item["submeters"], item["missing"]) == ("unmetered", 3, [])
    (tolerated,) = items(await any_api.get(f"{BALANCE}&tolerance=5"))
    assert tolerated["verdict"] == "ok"


@pytest.mark.parametrize(("main", "verdict"), [("970", "ok"), ("900", "negative")])
async def test_a_residual_within_twice_its_uncertainty_is_no_loss(
    plant: Plant, api: httpx.AsyncClient, main: str, verdict: str
) -> None:
    await tree(plant, {"EM-01": "1", "EM-02": "2"})
    await put_months(plant, EM_01=main, EM_02="950")
    assert [item["verdict"] for item in items(await api.get(BALANCE))] == [verdict]


async def test_a_balance_with_a_null_child_is_null(plant: Plant, api: httpx.AsyncClient) -> None:
    await tree(plant, {"EM-01": "1", "EM-02": "2", "EM-03": "2"})
    await put_months(plant, EM_01="1000", EM_02="400", EM_03=None)
    (item,) = items(await api.get(BALANCE))
    assert [item[name] for name in ("sum", "residual", "residual_percent", "u", "verdict")] == [None] * 5
    assert (item["main"], item["missing"]) == ("1000", ["EM-03.energy_import"])


async def test_without_uncertainties_only_a_tolerance_gives_a_verdict(plant: Plant, api: httpx.AsyncClient) -> None:
    await tree(plant, {"EM-01": None, "EM-02": None})
    await put_months(plant, EM_01="1000", EM_02="900")
    (item,) = items(await api.get(BALANCE))
    assert (item["residual"], item["u"], item["verdict"]) == ("100", None, None)
    (tolerated,) = items(await api.get(f"{BALANCE}&tolerance=5"))
    assert tolerated["verdict"] == "unmetered"


async def test_a_meter_that_counts_several_quantities_needs_one_to_be_named(plant: Plant, api: httpx.AsyncClient) -> None:
    export = point("EM-01.energy_export", "active_energy_export", "kWh")
    await synchronise(plant.database, SITES, METERS, [*POINTS, export])
    answer = await api.get(BALANCE)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "quantity")
    assert "active_energy_export, active_energy_import" in answer.json()["detail"]
    assert (await api.get(f"{BALANCE}&quantity={IMPORT}")).status_code == 200
    assert (await api.get("/api/v1/meters/EM-1/balance")).status_code == 404


async def peaks(api: httpx.AsyncClient, query: str = "", key: str = "EM-01.power") -> dict[str, Any]:
    answer = await api.get(f"/api/v1/points/{key}/peaks{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_worked_example_of_a_peak(any_plant: Plant, any_api: httpx.AsyncClient) -> None:
    any_plant.clock.turn(7200)
    await any_plant.put_quarters("EM-01.power", START, ["412.0", "455.6", "398.2", "455.6"])
    await any_plant.put_quarters("EM-01.power", START + timedelta(hours=1), ["600"], coverage=0.6)
    found = await peaks(any_api)
    assert [(peak["value"], peak["unit"], peak["start"]) for peak in found["peaks"]] == [(455.6, "kW", "2026-03-02T10:15:00Z")]
    assert (found["unconfirmed_peak"]["value"], found["unconfirmed_peak"]["coverage"]) == (600.0, 0.6)
    assert (found["blocks"], found["skipped"]) == (5, 1)
    partial = await peaks(any_api, "?partial=true&n=2")
    assert [peak["value"] for peak in partial["peaks"]] == [600.0, 455.6]
    assert partial["unconfirmed_peak"] is None


async def test_the_peak_of_a_counter_is_the_power_its_energy_comes_to(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(7200)
    await plant.put_quarters("EM-01.energy_import", START, ["100", "113.9", "50", "50"])
    found = await peaks(api, key="EM-01.energy_import")
    assert [(peak["value"], peak["unit"]) for peak in found["peaks"]] == [(455.6, "kW")]
    half = await peaks(api, "?block=30m", key="EM-01.energy_import")
    assert [(peak["value"], peak["end"]) for peak in half["peaks"]] == [(427.8, "2026-03-02T10:30:00Z")]


async def test_blocks_that_reach_beyond_the_span_do_not_count(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(7200)
    await plant.put_quarters("EM-01.power", START, ["1", "2", "3"])
    found = await peaks(api, "?from=2026-03-02T10:00:00Z&to=2026-03-02T10:40:00Z")
    assert [peak["value"] for peak in found["peaks"]] == [2.0]


async def test_what_was_expected_is_what_was_measured_substituted_or_missing(
    any_plant: Plant, any_api: httpx.AsyncClient
) -> None:
    any_plant.clock.turn((MAY - any_plant.clock.now()).total_seconds())
    await any_plant.put_quarters("EM-01.power", MARCH, ["1"] * (700 * 4))
    estimated = MARCH + timedelta(hours=700)
    await any_plant.put_quarters("EM-01.power", estimated, ["1"] * 20, coverage=0.0, flags=int(IntervalFlag.ESTIMATED))
    await any_plant.put_quarters("EM-01.power", estimated + timedelta(hours=5), [None] * (38 * 4))
    (march,) = items(await any_api.get(f"{COMPLETENESS}&from=2026-03-01&to=2026-04-01"))
    assert (march["expected"], march["measured"], march["substituted"]) == (743 * 4, 700 * 4, 0)
    assert march["missing"] == 43 * 4
    assert march["estimated"] == 20
    assert march["measured_percent"] == pytest.approx(100 * 700 / 743, abs=1e-6)
    assert march["measured_percent"] + march["substituted_percent"] + march["missing_percent"] == pytest.approx(100)
    assert (march["readings"], march["readings_expected"]) == (90 * 2820, 90 * 743 * 4)
    assert march["readings_missing"] == march["readings_expected"] - march["readings"]


async def test_quarters_that_were_never_computed_are_missing(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(14 * 3600)
    await plant.put_quarters("EM-01.power", START, ["1", "1"])
    (day,) = items(await api.get(f"{COMPLETENESS}&period=1d&from=2026-03-02&to=2026-03-03"))
    assert (day["expected"], day["measured"], day["missing"], day["open"]) == (13 * 4, 2, 50, False)


async def test_completeness_by_point_in_pages(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn((MAY - plant.clock.now()).total_seconds())
    for key in ("EM-01.power", "EM-01.energy_import", "WM-02.volume"):
        await plant.put_quarters(key, MARCH, ["1"])
    whole = items(await api.get("/api/v1/completeness", params={"site": "BER1"}))
    assert [(item["start"][:7], item["point"]) for item in whole[:4]] == [
        ("2026-02", "EM-01.energy_import"),
        ("2026-02", "EM-01.power"),
        ("2026-02", "WM-02.volume"),
        ("2026-03", "EM-01.energy_import"),
    ]
    pages, cursor = [], None
    for _ in range(10):
        asked = {"site": "BER1", "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await api.get("/api/v1/completeness", params=asked)).json()
        pages += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == whole
