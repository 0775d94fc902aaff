"""Balances of water and of meters."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from record_inputs import Value, point_inputs, snapshot_of

from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.meter_balance import MeterBalance, MeterBalanceParams
from ems_telemetry.records.methods.water_balance import WaterBalanced

pytestmark = pytest.mark.unit


def stream(*values: Value, source: str | None = None, m3: str = "1") -> dict[str, Any]:
    told = {"name": None} if source is None else {"source": source}
    return {**point_inputs("W.volume", values, unit="m3", quantity="water_volume"), **told, "m3_per_unit": m3}


def water(
    withdrawal: list[dict[str, Any]], discharge: list[dict[str, Any]], reuse: list[dict[str, Any]], *, stress: bool = False
) -> Figure:
    inputs = {"withdrawal": withdrawal, "discharge": discharge, "reuse": reuse, "stress_area": stress}
    return WaterBalanced().compute(snapshot_of(inputs))


def metered(*values: Value, percent: str | None = None) -> dict[str, Any]:
    return {**point_inputs("M.total", values), "uncertainty_percent": percent}


def balance(main: list[dict[str, Any]], subs: list[dict[str, Any]], tolerance: str | None = None) -> Figure:
    return MeterBalance().compute(snapshot_of({"main": main, "submeters": subs, "tolerance_percent": tolerance}))


def rounded(value: Decimal, places: str) -> Decimal:
    return value.quantize(Decimal(places))


def test_cr_36_consumption_is_withdrawal_less_discharge() -> None:
    sources = [stream(10000, 1200, source="municipal"), stream(4000, source="ground")]
    figure = water(sources, [stream(11900)], [stream(2400)])
    assert (figure.value, figure.unit) == (Decimal(3300), "m3")
    assert rounded(figure.details["reuse_percent"], "0.001") == Decimal("13.636")
    assert figure.details["by_source"] == {"municipal": 11200, "ground": 4000}
    assert figure.details["withdrawal_m3"] == 15200
    assert figure.flags == ()


def test_a_missing_withdrawal_or_discharge_leaves_no_balance() -> None:
    for withdrawal, discharge in ((None, 11900), (15200, None)):
        figure = water([stream(withdrawal, source="rain")], [stream(discharge)], [stream(2400)])
        assert (figure.value, figure.quality) == (None, "missing")
        assert "missing" in figure.flags


def test_missing_reuse_leaves_the_balance_and_takes_the_share() -> None:
    figure = water([stream(15200, source="surface")], [stream(11900)], [stream(None)])
    assert [figure.value, figure.quality, figure.flags] == [3300, "good", ("reuse_missing",)]
    assert figure.details["reuse_percent"] is None


def test_a_stressed_area_is_told_and_litres_become_cubic_metres() -> None:
    figure = water([stream(1500, source="reclaimed", m3="0.001")], [stream(1)], [], stress=True)
    assert figure.value == Decimal("0.5")
    assert (figure.details["stress_area"], figure.flags) == (True, ("water_stress_area",))
    assert figure.details["reuse_m3"] is None


def test_cr_41_a_residual_beyond_twice_its_uncertainty_is_unmetered() -> None:
    subs = [metered(each, percent="2") for each in (400, 350, 200)]
    figure = balance([metered(1000, percent="1")], subs)
    details = figure.details
    assert (figure.value, details["residual_percent"], details["verdict"]) == (Decimal(50), Decimal("5.0"), "unmetered")
    assert (rounded(details["u"], "0.01"), rounded(details["limit"], "0.01")) == (Decimal("15.13"), Decimal("30.27"))


def test_cr_41_a_missing_sub_meter_leaves_no_balance() -> None:
    figure = balance([metered(1000, percent="1")], [metered(400, percent="2"), metered(200, None, percent="2")])
    assert (figure.value, figure.quality) == (None, "missing")
    assert [figure.details[name] for name in ("main", "submeters", "residual_percent", "u", "verdict")] == [1000] + [None] * 4


def test_a_tolerance_takes_the_place_of_uncertainties() -> None:
    subs = [metered(950)]
    assert balance([metered(1000)], subs, "5").details["verdict"] == "ok"
    assert balance([metered(1000)], subs, "4.999").details["verdict"] == "unmetered"
    assert balance([metered(900)], subs, "5").details["verdict"] == "negative"
    assert balance([metered(1000)], subs, "5").details["u"] is None


def test_without_uncertainties_and_tolerance_nothing_is_judged() -> None:
    figure = balance([metered(1000, percent="1")], [metered(950)])
    assert figure.value == 50
    assert (figure.details["verdict"], figure.flags) == (None, ("no_uncertainty",))


def test_several_registers_of_a_main_meter_count_as_one() -> None:
    figure = balance([metered(600, percent="1"), metered(400, percent="1")], [metered(1000, percent="0")])
    assert (figure.value, figure.details["main"]) == (Decimal(0), 1000)
    assert rounded(figure.details["u"], "0.0001") == Decimal("7.2111")


@pytest.mark.parametrize("params", [{}, {"meter": "EM-01", "main": [{"point": "a"}]}, {"main": [{"point": "a"}]}])
def test_a_balance_is_of_a_meter_or_of_points(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="name a `meter`, or `main` and `submeters`"):
        MeterBalanceParams.model_validate(params)


@given(st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=8), st.decimals(0, 10**7, places=3))
def test_main_is_sub_meters_and_residual(subs: list[Decimal], main: Decimal) -> None:
    figure = balance([metered(main, percent="1")], [metered(each, percent="1") for each in subs])
    assert figure.value is not None
    assert figure.details["submeters"] + figure.value == main
