"""Limits on the hours and half-hours that an item of the plan made."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

import pytest
from limit_inputs import JANUARY, judged, limit

from ems_telemetry.records.averages.blocks import BlockLength, days_as_inputs
from ems_telemetry.records.method import Figure

pytestmark = pytest.mark.unit

LOST = ("invalid", False, "running", None)
OFF = ("not_operating", False, "off", None)
LENGTHS = {BlockLength.HOUR: timedelta(hours=1), BlockLength.HALF_HOUR: timedelta(minutes=30)}
Told = Sequence[Any]


def valid(value: str, *, times: int = 1) -> list[Told]:
    return [("valid", True, "running", value)] * times


def startup(value: str) -> Told:
    return "valid", False, "startup", value


def series(blocks: Sequence[Told], days: int, length: BlockLength, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "plan": "nox-1", "block": length, "unit": "mg/Nm3", "rows": [], "judged_days": [], "flags": [], "uncertain": False,
        "days": days_as_inputs(JANUARY, JANUARY + timedelta(days=days), length, UTC),
        "blocks": [[JANUARY + place * LENGTHS[length], *each] for place, each in enumerate(blocks)], **more,
    }  # fmt: skip


def on_plan(blocks: Sequence[Told], days: int, length: BlockLength = BlockLength.HOUR, **said: Any) -> Figure:  # noqa: ANN401
    body = limit(**{"point": None, "plan": "nox-1", "block_validity": None, **said})
    return judged(body, series(blocks, days, length), days=days)


LCP: dict[str, Any] = {"statistic": "lcp@1", "value": None, "values": {"elv": "200"}, "day_validity": "lcp_day@1"}
WI: dict[str, Any] = {
    "statistic": "wi@1",
    "value": None,
    "values": {"elv": "200", "a": "400", "b": "200"},
    "day_validity": "wi_day@1",
}


def year(above: int) -> list[Told]:
    """Gives 8000 hours, of which some are above twice 200, spread so that no day or month is above its limit."""
    days = [[*valid("401", times=1 if place < above % 334 else 0), *valid("401", times=above // 334)] for place in range(334)]
    hours = [hour for each in days for hour in [*each, *valid("150", times=24 - len(each))]]
    return hours[:8000]


@pytest.mark.parametrize(("above", "result", "percent"), [(390, "compliant", "95.125"), (401, "non_compliant", "94.9875")])
def test_cr_26_at_most_five_percent_of_the_hours_of_an_item_are_above_twice_the_limit(
    above: int, result: str, percent: str
) -> None:
    blocks = [*year(above), *[OFF] * 760]
    figure = on_plan(blocks, 365, **LCP)
    by_hour = figure.details["parts"][0]["criteria"][2][0]
    assert (figure.details["result"], str(by_hour["percent"]), by_hour["valid"]) == (result, percent, 8000)


@pytest.mark.parametrize(("value", "result"), [("187", "compliant"), ("219", "compliant"), ("221", "non_compliant")])
def test_cr_26_a_day_may_reach_1_1_times_the_limit_if_the_month_keeps_it(value: str, result: str) -> None:
    figure = on_plan([*valid(value, times=24), *valid("100", times=24 * 30)], 31, **LCP)
    assert figure.details["result"] == result


def test_cr_26_hours_days_and_months_are_judged_together() -> None:
    figure = on_plan(valid("201", times=24 * 31), 31, **LCP)
    told = {each["criterion"]: each["holds"] for clause in figure.details["parts"][0]["criteria"] for each in clause}
    assert told == {"month 1 elv 100 %": False, "day 1.1 elv 100 %": True, "hour 2 elv 95 %": True}
    assert figure.details["exceedances"][0]["peak"] == 201


def test_cr_27_one_half_hour_of_17_000_above_a_passes_where_97_percent_keep_b() -> None:
    blocks = [*valid("401"), *valid("201", times=84), *valid("100", times=17_000 - 85)]
    figure = on_plan([*blocks, *[OFF] * (48 * 365 - 17_000)], 365, BlockLength.HALF_HOUR, **WI)
    assert figure.details["result"] == "non_compliant"  # the 85 half-hours fill a day of their own
    spread = [each for place in range(85) for each in (*valid("401" if place == 0 else "201"), *valid("100", times=47))]
    spread += valid("100", times=17_000 - len(spread))
    figure = on_plan([*spread, *[OFF] * (48 * 365 - 17_000)], 365, BlockLength.HALF_HOUR, **WI)
    a, b = figure.details["parts"][0]["criteria"][1]
    assert (a["holds"], a["keeping"], str(b["percent"])) == (False, 16_999, "99.5")
    assert figure.details["result"] == "compliant"


def test_cr_27_the_swiss_set_lets_no_hour_be_above_twice_the_limit() -> None:
    said: dict[str, Any] = {"statistic": "ch_lrv15@1", "value": None, "values": {"elv": "200"}}
    assert on_plan([*valid("400"), *valid("100", times=719)], 30, **said).details["result"] == "compliant"
    assert on_plan([*valid("401"), *valid("100", times=719)], 30, **said).details["result"] == "non_compliant"


def test_cr_28_hours_in_a_start_up_of_the_item_are_told_and_not_counted() -> None:
    figure = on_plan([startup("300"), *valid("210"), *valid("225"), *valid("199"), *valid("230")], 1, required_percent="1")
    assert [(each["duration_minutes"], each["peak"]) for each in figure.details["exceedances"]] == [(120, 225), (60, 230)]
    assert [(each["value"], each["state"]) for each in figure.details["excluded_exceedances"]] == [(300, "startup")]
    assert (figure.details["valid"], figure.details["excluded"], figure.details["invalid"]) == (4, 1, 19)


def test_cr_25_the_confidence_interval_of_the_limit_is_taken_off_hours() -> None:
    assert on_plan(valid("215"), 1, ci_percent="20").value == 175


def test_cr_30_what_the_item_does_not_tell_is_not_valid() -> None:
    figure = on_plan(valid("187", times=9), 1)
    assert (figure.details["result"], figure.details["invalid"]) == ("indeterminate", 15)
    lost = on_plan([*valid("187", times=20), *[LOST] * 4], 1)
    assert (lost.details["result"], lost.details["invalid"]) == ("compliant", 4)


@pytest.mark.parametrize(("by_item", "said"), [(True, None), (False, "lcp_day@1")])
def test_days_are_judged_by_the_limit_and_else_as_the_item_judged_them(said: str | None, *, by_item: bool) -> None:
    body = limit(**{**LCP, "point": None, "plan": "nox-1", "block_validity": None, "day_validity": said})
    judged_days = [["2026-01-01", "invalid"]]
    told = judged(body, series(valid("300", times=24), 1, BlockLength.HOUR, judged_days=judged_days))
    by_day = told.details["parts"][0]["criteria"][1][0]
    assert (by_day["valid"], by_day["missing"]) == ((0, 1) if by_item else (1, 0))


def test_cr_21_a_rolling_mean_is_that_of_all_hours() -> None:
    figure = on_plan(
        [*valid("100", times=24), *valid("200", times=6), *[OFF] * 18], 2, statistic="rolling_mean", rolling_days=2
    )
    assert figure.value == 120
