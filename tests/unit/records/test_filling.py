from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from emission_inputs import places

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.filling import Course, FillMethod, FillParams, Hour, fill
from ems_telemetry.records.inputs.quarters import Quarter
from ems_telemetry.rules.substitution import Substitute
from ems_telemetry.rules.validity import Standing

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
Told = int | str | None
OFF = "off"
MEASURED = Quarter(Decimal(100))
MISSING = Quarter(None, Decimal(0))


def hours_of(*values: Told) -> list[Hour]:
    """Gives hours in a row: measured, missing (None), or without operation."""
    hours = []
    for place, value in enumerate(values):
        at = START + place * HOUR
        if value is None:
            hours.append(Hour(at, at + HOUR, Standing.INVALID, None))
        elif value == OFF:
            hours.append(Hour(at, at + HOUR, Standing.NOT_OPERATING, None))
        else:
            hours.append(Hour(at, at + HOUR, Standing.VALID, Decimal(value)))
    return hours


def course(*values: Told) -> Course:
    hours = hours_of(*values)
    quarters = [MEASURED if hour.mean is not None else MISSING for hour in hours for _ in range(4)]
    return Course(START, quarters, hours)


def filled(values: Sequence[Told], method: FillMethod, **params: str) -> Substitute:
    """Fills the first gap there is."""
    known = course(*values)
    ((start, end), *_) = known.missing(START, START + len(values) * HOUR)
    return fill(known, start, end, method, FillParams.model_validate(params), BERLIN)


def test_cr_16_a_missing_hour_is_the_mean_and_two_standard_deviations() -> None:
    found = filled([100, 110, 90, None, 105, 95], FillMethod.MRR45)
    assert places(found.value, 6) == Decimal("115.811388")
    assert found.flag == "substituted:mrr45"
    assert found.inputs[0] == "5 valid hours of the reporting period"


def test_cr_16_the_sixth_day_out_in_a_row_is_told() -> None:
    before, after = [100] * 23, [110] * 24
    six = filled([*before, *[None] * 24 * 6, *after], FillMethod.MRR45)
    assert "2026-03-08 is one day too many" in six.inputs[-1]
    five = filled([*before, *[None] * 24 * 5, *after], FillMethod.MRR45)
    assert "too many" not in five.inputs[-1]


def ladder(gap_h: int, *, valid_h: int, lost_h: int = 0, values: Sequence[Told] = (200,), after: Told = 230) -> Substitute:
    """Fills a gap after hours of which some were lost at the beginning; 210 is the hour before, 230 the one after."""
    latest = [values[place % len(values)] for place in range(valid_h - 1)]
    told = [*[None] * lost_h, 199, *latest[1:], 210, *[None] * gap_h, after]
    known = course(*told)
    start = START + (lost_h + valid_h) * HOUR
    params = FillParams(maximum_potential=Decimal(500))
    return fill(known, start, start + gap_h * HOUR, FillMethod.PART75_SO2, params, BERLIN)


def test_cr_17_a_short_gap_of_a_monitor_of_96_percent_is_the_mean_of_the_hours_around_it() -> None:
    found = ladder(6, valid_h=8410, lost_h=344)
    assert found.inputs[0] == "8410 valid hours of the last 8760 operating hours"
    assert [found.value, found.flag] == [220, "substituted:part75_so2"]


def test_cr_17_a_long_gap_is_at_least_the_90th_percentile_of_the_latest_720_hours() -> None:
    values = [260 if place % 8 == 0 else 200 for place in range(720)]
    assert ladder(30, valid_h=8410, lost_h=320, values=values).value == 260


@pytest.mark.parametrize(
    ("available", "gap_h", "values", "value"), [("92", 9, [275, 200], 275), ("85", 9, [310, 200], 310), ("78", 9, [200], 500)]
)
def test_cr_17_the_lower_rungs(available: str, gap_h: int, values: Sequence[int], value: int) -> None:
    told = [*list(values) * 400, 210, *[None] * gap_h, 230]
    found = filled(told, FillMethod.PART75_SO2, availability_percent=available, maximum_potential="500")
    assert found.value == value
    assert found.inputs[0] == f"availability as stated: {available} %"


def test_cr_17_hours_without_operation_are_no_part_of_a_gap() -> None:
    known = filled([210, None, OFF, OFF, None, 230], FillMethod.PART75_SO2, availability_percent="96")
    assert known.value == 220
    assert "a gap of 2 h" in known.inputs


def test_cr_17_a_gap_that_still_lasts_has_no_mean() -> None:
    with pytest.raises(CannotComputeError, match="when it has ended"):
        filled([210, None, None], FillMethod.PART75_SO2, availability_percent="96")


def test_cr_18_a_property_is_the_mean_of_the_values_before_and_after() -> None:
    def property_between(before: str | None, after: str | None) -> Decimal:
        known = [MISSING if value is None else Quarter(Decimal(value)) for value in (before, None, after)]
        at = START + timedelta(minutes=15)
        between = Course(START, known, [])
        return fill(between, at, at + HOUR / 4, FillMethod.PART98_PROPERTY, FillParams(), BERLIN).value

    assert property_between("0.001026", "0.001034") == Decimal("0.00103")
    assert property_between("0.001026", None) == Decimal("0.001026")
    assert property_between(None, "0.001034") == Decimal("0.001034")


def test_each_missing_stretch_is_found_and_what_was_measured_is_left() -> None:
    known = course(100, None, 100, None, None)
    end = START + 5 * HOUR
    assert known.missing(START, end) == [(START + HOUR, START + 2 * HOUR), (START + 3 * HOUR, end)]
    assert known.missing(START + 1.25 * HOUR, START + 1.5 * HOUR) == [(START + 1.25 * HOUR, START + 1.5 * HOUR)]


@pytest.mark.parametrize(
    ("quarter", "standing", "why"),
    [
        (MEASURED, Standing.INVALID, "something was measured in all of it"),
        (Quarter(None, Decimal(0), Decimal(5)), Standing.INVALID, "substituted already"),
        (MISSING, Standing.NOT_OPERATING, "the unit did not run"),
    ],
)
def test_a_gap_at_which_something_is_known_is_refused(quarter: Quarter, standing: Standing, why: str) -> None:
    known = Course(START, [quarter] * 4, [Hour(START, START + HOUR, standing, None)])
    with pytest.raises(CannotComputeError, match=why):
        known.missing(START, START + HOUR)
