"""Evaluations from their inputs on: the worked examples of the rules, as a whole limit sees them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_inputs import JANUARY, computed, daily_records, hours, judged, limit, part, quarters

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.compliance.events import exceedance_id
from ems_telemetry.records.kinds import RecordQuality

DAY = {"statistic": "daily_mean", "block_validity": "eu_cems_half_hour@1", "day_validity": "de_half_hour_day@1"}


def padded(*values: str | int | None, fill: str | None = "100") -> list[str | None]:
    """Fills the day with hours that keep the limit."""
    known = hours(*values)
    return known + [fill] * (96 - len(known))


def test_cr_28_exceeding_half_hours_in_a_row_are_one_event() -> None:
    values = ["210", "210", "225", "225", "199", "199", "230", "230"] + ["100"] * 88
    figure = judged(limit(statistic="half_hour_mean", block_validity="eu_cems_half_hour@1"), quarters(values))
    first, second = figure.details["exceedances"]
    assert (first["duration_minutes"], first["peak"], first["count"], first["mean"]) == (60, 225, 2, Decimal("217.5"))
    assert (second["duration_minutes"], second["peak"], second["count"]) == (30, 230, 1)
    assert first["id"] == exceedance_id("L-1", JANUARY)
    assert (figure.value, figure.details["result"], figure.details["margin_percent"]) == (Decimal(230), "non_compliant", -15)


def test_cr_28_what_exceeds_in_an_excluded_state_is_told_and_not_counted() -> None:
    codes = [[2, 2]] * 4 + [[1, 1]] * 92
    body = limit(state_point="BO-2.state", states={"off": [0], "run": [1], "startup": [2]}, exclude_states=["startup"])
    figure = judged(body, quarters(padded(300, 199), codes=codes))
    assert figure.details["exceedances"] == []
    (told,) = figure.details["excluded_exceedances"]
    assert (told["value"], told["state"], told["start"]) == (300, "startup", JANUARY)
    assert (figure.details["result"], figure.value) == ("compliant", Decimal(199))
    assert (figure.details["valid"], figure.details["excluded"]) == (23, 1)


def test_an_hour_in_which_the_state_changes_is_not_excused() -> None:
    codes = [[2, 2]] * 3 + [[1, 2]] + [[1, 1]] * 92
    body = limit(state_point="BO-2.state", states={"run": [1], "startup": [2]}, exclude_states=["startup"])
    figure = judged(body, quarters(padded(300), codes=codes))
    assert (figure.details["result"], len(figure.details["exceedances"])) == ("non_compliant", 1)


def test_cr_28_an_exceedance_goes_on_from_the_period_before_and_is_open_at_the_end_of_its_own() -> None:
    end = JANUARY + timedelta(days=1)
    series = quarters([*hours(210, 210), *hours(*[100] * 20), *hours(230, 230)])
    before: list[dict[str, Any]] = [{"id": "5d1f", "criterion": None}, {"id": "6e20", "criterion": "hour 2 b 95 %"}]
    figure = computed([part(limit(), series, JANUARY, end)], JANUARY, end, former=before)
    first, last = figure.details["exceedances"]
    assert (first["continues"], "open_at_end" in first) == ("5d1f", False)
    assert ("continues" in last, last["open_at_end"], last["end"]) == (False, True, end)


def test_inputs_that_were_kept_without_the_period_before_tell_what_they_told_then() -> None:
    end = JANUARY + timedelta(days=1)
    values = [part(limit(), quarters(hours(*[210] * 24)), JANUARY, end)]
    before, now = computed(values, JANUARY, end), computed(values, JANUARY, end, former=[])
    (event,) = before.details["exceedances"]
    assert set(event) == {
        "id", "criterion", "start", "end", "duration_minutes", "limit", "peak", "peak_at", "mean", "count", "cut",
    }  # fmt: skip
    assert now.details == {**before.details, "exceedances": [{**event, "open_at_end": True}]}


def test_an_exceedance_goes_on_where_the_limit_was_revised() -> None:
    middle, end = JANUARY + timedelta(hours=12), JANUARY + timedelta(days=1)
    series = quarters(hours(*[210] * 24))
    parts = [part(limit(), series, JANUARY, middle), part(limit(value="190"), series, middle, end, 2)]
    first, second = computed(parts, JANUARY, end, former=[]).details["exceedances"]
    assert ("open_at_end" in first, second["continues"], second["open_at_end"]) == (False, first["id"], True)


@pytest.mark.parametrize(
    ("value", "mode", "ties", "exceeds"),
    [
        ("50.4", "rounding", "half_even", False),
        ("50.4", "absolute", "half_even", True),
        ("50.5", "rounding", "half_even", False),
        ("50.5", "rounding", "half_up", True),
        ("51.5", "rounding", "half_even", True),
        ("51.5", "rounding", "half_up", True),
    ],
)
def test_cr_29_a_value_is_rounded_only_as_the_limit_says(value: str, mode: str, ties: str, *, exceeds: bool) -> None:
    body = limit(value="50", rounding={"mode": mode, "ties": ties})
    figure = judged(body, quarters([value] * 96))
    assert figure.details["result"] == ("non_compliant" if exceeds else "compliant")
    assert figure.value == Decimal(value)


def test_cr_30_forty_percent_valid_and_below_the_limit_is_indeterminate() -> None:
    hours_valid, of = 240, 600
    series = quarters(hours(*[187] * hours_valid, *[None] * (of - hours_valid)))
    figure = judged(limit(), series, days=25)
    details = figure.details
    assert (details["result"], details["valid"], details["invalid"], details["required"]) == ("indeterminate", 240, 360, 450)
    assert (figure.value, details["parts"][0]["complete_percent"]) == (Decimal(187), 40)
    assert figure.measured == 40


def test_cr_30_forty_percent_valid_with_one_exceedance_is_non_compliant() -> None:
    series = quarters(hours(*[187] * 239, 201, *[None] * 360))
    figure = judged(limit(), series, days=25)
    assert (figure.details["result"], figure.value) == ("non_compliant", Decimal(201))
    assert [each["count"] for each in figure.details["exceedances"]] == [1]
    assert figure.details["exceedances"][0]["cut"] is True


def test_cr_30_without_operation_a_limit_is_not_applicable() -> None:
    body = limit(state_point="BO-2.state", states={"off": [0]}, off_states=["off"])
    figure = judged(body, quarters([None] * 96, codes=[[0, 0]] * 96))
    assert (figure.details["result"], figure.value, figure.quality) == ("not_applicable", None, RecordQuality.MISSING)
    figure = judged(body, quarters([None] * 96, codes=[None] * 96))
    assert figure.details["result"] == "indeterminate"


@pytest.mark.parametrize(("minutes", "profile", "valid"), [(48, "eu_ets_hour@1", 1), (47, "eu_ets_hour@1", 0)])
def test_cr_13_an_hour_counts_by_the_profile_of_the_limit(minutes: int, profile: str, valid: int) -> None:
    left = [15, 15, 15, minutes - 45]
    series = quarters(padded(150, fill=None), covered_s=[str(60 * each) for each in left] + ["0"] * 92)
    figure = judged(limit(block_validity=profile), series)
    assert (figure.details["valid"], figure.details["invalid"]) == (valid, 24 - valid)


def test_cr_12_an_hour_needs_a_valid_minute_in_each_quadrant() -> None:
    series = quarters(padded(150, 150, fill=None), covered_s=["60", "0", "900", "900", "60", "60", "900", "900"] + ["0"] * 88)
    figure = judged(limit(block_validity="us_hour@1"), series)
    assert (figure.details["valid"], figure.value) == (1, Decimal(150))


def test_the_mean_of_an_hour_is_over_the_time_that_was_measured() -> None:
    covered = ["900", "900", "900", "180"] + ["0"] * 92
    figure = judged(limit(), quarters(["100", "100", "100", "420", *[None] * 92], covered_s=covered))
    assert figure.value == 120


@pytest.mark.parametrize(("lost", "result"), [(6, "compliant"), (7, "indeterminate")])
def test_cr_15_a_day_counts_by_its_profile(lost: int, result: str) -> None:
    values = [None] * (2 * lost) + ["150"] * (96 - 2 * lost)
    figure = judged(limit(**DAY), quarters(values))
    assert figure.details["result"] == result
    assert figure.details["parts"][0]["invalid_days"] == (result == "indeterminate")


def test_cr_15_the_eleventh_invalid_day_of_a_year_is_told() -> None:
    bad, good = [None] * 96, ["150"] * 96
    series = quarters([*(bad * 11), *(good * 89)])
    (told,) = judged(limit(**DAY), series, days=100).details["parts"]
    assert (told["valid_days"], told["invalid_days"], str(told["notify_on"])) == (89, 11, "2026-01-11")


@pytest.mark.parametrize(("valid", "result"), [(15, True), (14, False)])
def test_cr_19_a_day_is_available_with_75_percent_of_its_operating_hours(valid: int, *, result: bool) -> None:
    codes = [[1, 1]] * 80 + [[0, 0]] * 16
    body = limit(availability="us_cems_75_90@1", state_point="S", states={"off": [0]}, off_states=["off"])
    series = quarters([*["150"] * (4 * valid), *[None] * (96 - 4 * valid)], codes=codes)
    (told,) = judged(body, series).details["parts"][0]["availability"]
    assert (told["operating_days"], told["days_met"], told["meets"]) == (1, int(result), result)


def test_cr_19_a_quarter_is_available_with_90_percent_of_its_operating_days() -> None:
    good, bad = ["150"] * 96, [None] * 96
    for met, meets, percent in ((81, True, Decimal(90)), (80, False, Decimal("88.89"))):
        series = quarters([*good * met, *bad * (90 - met)])
        (told,) = judged(limit(availability="us_cems_75_90@1"), series, days=90).details["parts"][0]["availability"]
        assert (told["days_met"], told["meets"], round(told["percent"], 2)) == (met, meets, percent)


@pytest.mark.parametrize(("valid", "value"), [(18, Decimal(150)), (17, None)])
def test_cr_22_a_mean_of_24_hours_needs_18_valid_ones(valid: int, value: Decimal | None) -> None:
    body = limit(statistic="daily_mean", block_validity="ambient_hour@1", day_validity="de_39bimschv_24h@1")
    figure = judged(body, quarters(padded(*[150] * valid, fill=None)))
    assert (figure.value, figure.details["result"]) == (value, "compliant" if value else "indeterminate")


def test_cr_21_a_rolling_mean_is_of_all_valid_hours() -> None:
    body = limit(statistic="rolling_mean", rolling_days=2, value="110", required_percent="10")
    series = quarters([*hours(*[100] * 24), *hours(*[200] * 6), *[None] * 72])
    end = JANUARY + timedelta(days=2)
    figure = computed([part(body, series, JANUARY + timedelta(days=1), end)], JANUARY, end)
    assert (figure.value, figure.details["result"]) == (Decimal(120), "non_compliant")


def test_cr_25_the_confidence_interval_is_taken_off_before_comparing() -> None:
    figure = judged(limit(ci_percent="20"), quarters(padded(215, fill="30")))
    assert (figure.value, figure.details["result"]) == (Decimal(175), "compliant")


@pytest.mark.parametrize(("day", "holds"), [("187", True), ("219", True), ("221", False)])
def test_cr_26_a_day_may_reach_1_1_times_the_limit(day: str, *, holds: bool) -> None:
    series = quarters([day] * 96 + ["150"] * 96 * 30)
    body = limit(statistic="lcp@1", value=None, values={"elv": "200"}, day_validity="lcp_day@1")
    figure = judged(body, series, days=31)
    assert figure.details["result"] == ("compliant" if holds else "non_compliant")
    if not holds:
        (event,) = figure.details["exceedances"]
        assert (event["criterion"], event["peak"], event["limit"]) == ("day 1.1 elv 100 %", 221, 220)
        assert event["id"] == exceedance_id("L-1", JANUARY, "day 1.1 elv 100 %")


@pytest.mark.parametrize(("above", "percent", "holds"), [(390, "95.125", True), (401, "94.9875", False)])
def test_cr_26_five_percent_of_the_hours_may_exceed_twice_the_limit(above: int, percent: str, *, holds: bool) -> None:
    values = [*hours(100) * (8000 - above), *hours(401) * above]
    values += [None] * (334 * 96 - len(values))
    body = limit(statistic="lcp@1", value=None, values={"elv": "200"}, day_validity="lcp_day@1", required_percent="95")
    figure = judged(body, quarters(values), days=334)
    shares = {each["criterion"]: each for clause in figure.details["parts"][0]["criteria"] for each in clause}
    told = shares["hour 2 elv 95 %"]
    assert (told["valid"], told["percent"], told["holds"]) == (8000, Decimal(percent), holds)


def test_cr_27_one_half_hour_over_a_passes_where_97_percent_keep_b() -> None:
    body = limit(
        statistic="wi@1", value=None, values={"elv": "200", "a": "400", "b": "210"}, block_validity="eu_cems_half_hour@1",
        day_validity="wi_day@1",
    )  # fmt: skip
    values = ["401"] * 2 + ["100"] * (96 * 30 - 2)
    figure = judged(body, quarters(values), days=30)
    assert (figure.details["result"], figure.details["exceedances"]) == ("compliant", [])
    figure = judged(body, quarters(["401"] * 100 + values[100:]), days=30)
    assert figure.details["result"] == "non_compliant"


OF_RECORDS: dict[str, Any] = {
    "point": None, "plan": "samples", "block_validity": None, "statistic": "monthly_avg", "unit": "mg/L",
    "required_percent": "10",
}  # fmt: skip


def test_cr_32_a_monthly_average_is_that_of_the_daily_values() -> None:
    figure = judged(limit(**OF_RECORDS | {"value": "5.9"}), daily_records("5.30", "6.21", "4.00", "5.25", "8.72"), days=31)
    assert (figure.value, figure.details["result"]) == (Decimal("5.896"), "compliant")


def test_cr_32_bacteria_have_a_geometric_mean() -> None:
    body = limit(**OF_RECORDS | {"statistic": "geometric_mean", "value": "110"})
    figure = judged(body, daily_records("50", "100", "150", "200"), days=31)
    assert figure.value is not None
    assert (round(figure.value, 2), figure.details["result"]) == (Decimal("110.67"), "non_compliant")


def test_cr_32_days_beyond_a_daily_maximum_are_counted() -> None:
    body = limit(**OF_RECORDS | {"statistic": "daily_max", "value": "30"})
    figure = judged(body, daily_records("28", "31", "30", "35"), days=31)
    assert sum(each["count"] for each in figure.details["exceedances"]) == 2
    assert (figure.value, figure.details["required"], figure.details["invalid"]) == (Decimal(35), 4, 27)


@pytest.mark.parametrize(("policy", "mean"), [("zero", "3.333"), ("half", "3.667"), ("lod", "4.000")])
def test_cr_33_what_is_below_detection_stands_as_the_limit_says(policy: str, mean: str) -> None:
    figure = judged(limit(**OF_RECORDS | {"nd_policy": policy}), daily_records("4", "<2", "6"), days=31)
    assert figure.value is not None
    assert round(figure.value, 3) == Decimal(mean)


def test_cr_33_of_non_detects_alone_the_average_is_below_detection() -> None:
    figure = judged(limit(**OF_RECORDS | {"nd_policy": "half"}), daily_records("<2", "<2"), days=3)
    assert (figure.details["value_text"], figure.details["result"]) == ("<2", "compliant")
    figure = judged(limit(**OF_RECORDS | {"nd_policy": "half", "value": "1"}), daily_records("<2", "<2"), days=3)
    assert (figure.details["result"], figure.value) == ("indeterminate", None)
    with pytest.raises(CannotComputeError, match="nd_policy"):
        judged(limit(**OF_RECORDS), daily_records("4", "<2", "6"), days=31)


@pytest.mark.parametrize(("kept", "result"), [(19, "compliant"), (18, "non_compliant")])
def test_cr_35_of_suspended_solids_95_percent_keep_a_and_all_keep_b(kept: int, result: str) -> None:
    body = limit(**OF_RECORDS | {"statistic": "tss_95_100@1", "value": None, "values": {"a": "30", "b": "45"}})
    figure = judged(body, daily_records(*["30"] * kept, *["44"] * (20 - kept)), days=20)
    assert figure.details["result"] == result


def test_cr_35_ph_may_be_outside_for_446_minutes_a_month_and_for_60_at_a_stretch() -> None:
    body = limit(
        statistic="ph_excursions", value=None, values={"low": "6", "high": "9"}, ph_profile="ph_401_17@1", unit="pH",
        block_validity=None,
    )  # fmt: skip
    inside, low, high = ["7", "8"], ["5.4", "7"], ["7", "9.5"]
    ranges = [low] * 4 + [inside] + [high] * 3 + [inside] * (96 * 31 - 8)
    figure = judged(body, quarters([None] * (96 * 31), range=ranges, covered_s=["900"] * (96 * 31)), days=31)
    assert (figure.details["result"], figure.value, figure.unit) == ("compliant", Decimal(60), "min")
    ranges[4] = low
    figure = judged(body, quarters([None] * (96 * 31), range=ranges, covered_s=["900"] * (96 * 31)), days=31)
    (event,) = figure.details["exceedances"]
    assert (figure.details["result"], event["duration_minutes"], event["peak"], event["limit"]) == (
        "non_compliant", 120, Decimal("5.4"), 6,
    )  # fmt: skip
    assert event["mean"] is None


def test_a_total_is_judged_by_what_is_known_only_where_that_exceeds() -> None:
    body = limit(statistic="total", value="100", unit="m3", block_validity=None)
    assert judged(body, quarters(["1"] * 96, additive=True)).details["result"] == "compliant"
    short = judged(body, quarters([None, *["1"] * 95], additive=True))
    assert (short.details["result"], short.value, short.details["parts"][0]["known"]) == ("indeterminate", None, 95)
    over = judged(body, quarters([None, *["2"] * 95], additive=True))
    assert (over.details["result"], over.value) == ("non_compliant", Decimal(190))


def test_what_was_substituted_counts_in_a_total_and_is_never_valid() -> None:
    body = limit(statistic="total", value="100", unit="m3", block_validity=None, required_percent="90")
    series = quarters(["1"] * 96, additive=True, substituted=range(20))
    figure = judged(body, series)
    assert (figure.value, figure.details["result"], figure.quality) == (Decimal(96), "indeterminate", RecordQuality.ESTIMATED)
    assert figure.details["substituted_quarters"] == 20
    assert judged(limit(), quarters(padded(150), substituted=range(4))).details["invalid"] == 1


def test_each_part_is_judged_by_the_revision_in_force_in_it() -> None:
    noon = JANUARY + timedelta(hours=12)
    end = JANUARY + timedelta(days=1)
    series = quarters(padded(150, fill="150"))
    parts = [part(limit(), series, JANUARY, noon, 1), part(limit(value="140"), series, noon, end, 2)]
    figure = computed(parts, JANUARY, end)
    assert [(each["limit_revision"], each["result"]) for each in figure.details["parts"]] == [
        (1, "compliant"),
        (2, "non_compliant"),
    ]
    assert figure.details["result"] == "non_compliant"
    (event,) = figure.details["exceedances"]
    assert (event["start"], event["duration_minutes"], event["limit"]) == (noon, 720, 140)
    assert (figure.details["valid"], figure.details["limit"]) == (24, 140)


def test_a_part_in_which_no_statistic_begins_changes_nothing() -> None:
    noon, end = JANUARY + timedelta(hours=12), JANUARY + timedelta(days=1)
    series = quarters(["150"] * 96)
    parts = [part(limit(**DAY), series, JANUARY, noon, 1), part(limit(**DAY | {"value": "140"}), series, noon, end, 2)]
    figure = computed(parts, JANUARY, end)
    assert [each["result"] for each in figure.details["parts"]] == ["compliant", "not_applicable"]
    assert (figure.details["result"], figure.value) == ("compliant", Decimal(150))


def test_a_record_that_reaches_over_a_revision_is_judged_by_the_one_it_begins_in() -> None:
    body, end = (
        limit(**OF_RECORDS | {"statistic": "total", "value": "5", "required_percent": "100"}),
        JANUARY + timedelta(days=1),
    )
    noon = JANUARY + timedelta(hours=12)
    figure = computed(
        [part(body, daily_records("4"), JANUARY, noon, 1), part(body, daily_records("4"), noon, end, 2)], JANUARY, end
    )
    assert [each["result"] for each in figure.details["parts"]] == ["compliant", "not_applicable"]
    missing = computed([part(body, daily_records("4"), JANUARY, end + timedelta(days=1))], JANUARY, end + timedelta(days=1))
    assert (missing.details["result"], missing.value) == ("indeterminate", None)


def test_of_a_minimum_what_is_below_exceeds() -> None:
    figure = judged(limit(value="850", comparator="<", unit="Cel"), quarters(padded(849, 850, fill="900")))
    (event,) = figure.details["exceedances"]
    assert (figure.details["result"], figure.value, event["count"], event["peak"]) == ("non_compliant", Decimal(849), 1, 849)


def test_a_limit_may_be_compared_with_a_multiple_of_it() -> None:
    assert judged(limit(factor_of_limit="1.1"), quarters(padded(220))).details["result"] == "compliant"
    figure = judged(limit(factor_of_limit="1.1"), quarters(padded(221)))
    assert (figure.details["result"], figure.details["limit"]) == ("non_compliant", 220)


@pytest.mark.parametrize(("valid", "value", "result"), [(24, Decimal(150), "compliant"), (23, None, "indeterminate")])
def test_a_monthly_mean_of_too_few_hours_is_not_valid(valid: int, value: Decimal | None, result: str) -> None:
    body = limit(statistic="monthly_mean", required_percent="50")
    figure = judged(body, quarters(hours(*[150] * valid, *[None] * (48 - valid))), days=2)
    assert (figure.details["valid"], figure.value, figure.details["result"]) == (valid, value, result)


def test_hours_of_a_day_that_is_not_valid_are_left_out_of_a_monthly_mean() -> None:
    body = limit(statistic="monthly_mean", day_validity="lcp_day@1", required_percent="50")
    figure = judged(body, quarters([*["100"] * 96, *["300"] * 80, *[None] * 16]), days=2)
    assert (figure.value, figure.details["valid"], figure.details["invalid"]) == (Decimal(100), 24, 24)


def test_each_month_of_a_longer_period_is_a_statistic_of_its_own() -> None:
    body = limit(statistic="monthly_mean", value="120")
    figure = judged(body, quarters([*["100"] * 96 * 31, *["130"] * 96 * 28]), days=59)
    (event,) = figure.details["exceedances"]
    assert (event["start"], event["count"], figure.value) == (JANUARY + timedelta(days=31), 1, Decimal(130))


def test_cr_27_the_swiss_set_allows_3_percent_of_the_hours_up_to_twice_the_limit() -> None:
    body = limit(statistic="ch_lrv15@1", value=None, values={"elv": "200"}, day_validity="lcp_day@1")
    assert judged(body, quarters([*hours(*[390] * 3), *["100"] * (96 * 4 - 12)]), days=4).details["result"] == "non_compliant"
    assert judged(body, quarters([*hours(*[390] * 3), *["100"] * (96 * 5 - 12)]), days=5).details["result"] == "compliant"
    over = judged(body, quarters([*hours(401), *["100"] * (96 * 5 - 4)]), days=5)
    assert [each["criterion"] for each in over.details["exceedances"]] == ["hour 2 elv 100 %"]


def test_days_are_those_of_the_place_when_the_clocks_change() -> None:
    start, end = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    body = limit(**DAY | {"block_validity": "eu_cems_half_hour@1"})
    figure = computed([part(body, quarters(["150"] * 92, start=start), start, end)], start, end, "Europe/Berlin")
    assert (figure.details["valid"], figure.details["parts"][0]["valid_days"], figure.value) == (1, 1, Decimal(150))


@given(st.lists(st.none() | st.decimals(0, 199, places=2), min_size=96, max_size=96), st.integers(1, 100))
def test_too_little_that_is_valid_is_never_compliant(values: list[Decimal | None], required: int) -> None:
    figure = judged(limit(required_percent=required), quarters(values))
    details = figure.details
    is_enough = details["valid"] >= details["required"] and details["valid"] > 0
    assert details["result"] == ("compliant" if is_enough else "indeterminate")
    assert details["valid"] + details["invalid"] == 24
    assert figure.value is None or figure.value <= 199
