"""The pH by its worked example: excursions in all and each, and no mean."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.limits import Evidence, Status
from ems_telemetry.rules.ph import PhOutcome, PhRange, PhSpan, ph_outcome, ph_profile

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALLOWED = PhRange(Decimal("6.0"), Decimal("9.0"))
PROFILE = ph_profile("ph_401_17@1")


def minutes(values: Iterable[str | None]) -> list[PhSpan]:
    numbers = [None if value is None else Decimal(value) for value in values]
    return [PhSpan(START + n * MINUTE, START + (n + 1) * MINUTE, number, number) for n, number in enumerate(numbers)]


def excursions(*lengths: int) -> PhOutcome:
    values = [value for length in lengths for value in (*["9.4"] * length, *["7.1"] * 30)]
    return ph_outcome(minutes(values), ALLOWED, PROFILE)


def test_cr35_excursions_of_55_45_and_61_minutes() -> None:
    outcome = excursions(55, 45, 61)
    assert (outcome.outside, outcome.total_holds) == (timedelta(minutes=161), True)
    assert [each.duration for each in outcome.too_long] == [timedelta(minutes=61)]
    assert outcome.holds is False
    assert (outcome.minimum, outcome.maximum, outcome.measured) == (Decimal("7.1"), Decimal("9.4"), timedelta(minutes=251))
    assert outcome.percent_in_range is not None
    assert round(outcome.percent_in_range, 3) == Decimal("35.857")


@pytest.mark.parametrize(
    ("lengths", "total", "each"),
    [([60], True, True), ([61], True, False), ([60] * 7 + [26], True, True), ([60] * 7 + [27], False, True)],
)
def test_both_sides_of_446_minutes_in_all_and_60_each(lengths: list[int], *, total: bool, each: bool) -> None:
    outcome = excursions(*lengths)
    assert (outcome.total_holds, not outcome.too_long, outcome.holds) == (total, each, total and each)


def test_the_ends_of_the_range_belong_to_it() -> None:
    assert ph_outcome(minutes(["6.0", "9.0"]), ALLOWED, PROFILE).excursions == ()
    outcome = ph_outcome(minutes(["5.99", "7", "9.01"]), ALLOWED, PROFILE)
    assert [(each.minimum, each.duration) for each in outcome.excursions] == [
        (Decimal("5.99"), MINUTE),
        (Decimal("9.01"), MINUTE),
    ]


def test_acid_followed_by_lye_is_one_excursion() -> None:
    (only,) = ph_outcome(minutes(["7", "3.2", "11.5", "7"]), ALLOWED, PROFILE).excursions
    assert (only.minimum, only.maximum, only.duration, only.cut) == (Decimal("3.2"), Decimal("11.5"), 2 * MINUTE, False)


def test_what_was_not_measured_ends_an_excursion_and_is_not_in_range() -> None:
    outcome = ph_outcome(minutes(["9.4", None, "9.4", "7"]), ALLOWED, PROFILE)
    assert [each.cut for each in outcome.excursions] == [True, True]
    assert (outcome.measured, outcome.outside) == (3 * MINUTE, 2 * MINUTE)


def test_a_longer_interval_with_one_value_outside_is_outside_as_a_whole() -> None:
    quarter = PhSpan(START, START + 15 * MINUTE, Decimal("5.9"), Decimal("7.2"))
    assert ph_outcome([quarter], ALLOWED, PROFILE).outside == 15 * MINUTE


def test_without_any_measurement_nothing_is_compliant() -> None:
    nothing = ph_outcome(minutes([None]), ALLOWED, PROFILE)
    assert (nothing.minimum, nothing.maximum, nothing.percent_in_range) == (None, None, None)
    assert nothing.status(Evidence(Decimal(100), Decimal(90))) is Status.INDETERMINATE


def test_status_follows_excursions_and_completeness() -> None:
    enough, short = Evidence(Decimal(95), Decimal(90)), Evidence(Decimal(40), Decimal(90))
    assert (excursions(60).status(enough), excursions(60).status(short)) == (Status.COMPLIANT, Status.INDETERMINATE)
    assert excursions(61).status(short) is Status.NON_COMPLIANT


def test_times_are_fields_that_a_permit_may_change() -> None:
    strict = replace(PROFILE, id="permit-7@1", each=timedelta(minutes=5))
    assert len(ph_outcome(minutes(["9.4"] * 6), ALLOWED, strict).too_long) == 1


def test_no_mean_is_told() -> None:
    assert {field.name for field in fields(PhOutcome)} == {"profile", "minimum", "maximum", "measured", "outside", "excursions"}


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(CannotComputeError, match=r"did you mean ph_401_17@1"):
        ph_profile("ph_401@1")
    with pytest.raises(CannotComputeError, match="the lower end comes first"):
        PhRange(Decimal(9), Decimal(6))
    with pytest.raises(CannotComputeError, match="least 8 lies above greatest 7"):
        ph_outcome([PhSpan(START, START + MINUTE, Decimal(8), Decimal(7))], ALLOWED, PROFILE)


readings = st.lists(st.none() | st.sampled_from(["5", "6", "7", "9", "10"]), max_size=60)


@given(readings)
def test_minutes_outside_are_those_of_the_excursions(values: list[str | None]) -> None:
    outcome = ph_outcome(minutes(values), ALLOWED, PROFILE)
    assert outcome.outside == sum(value in {"5", "10"} for value in values) * MINUTE
    assert outcome.measured == sum(value is not None for value in values) * MINUTE
    assert sum((each.duration for each in outcome.excursions), timedelta()) == outcome.outside
