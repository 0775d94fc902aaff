"""Limits: the worked examples of comparing, rounding and status, both sides of every boundary, and what always holds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.limits import Comparator, Comparison, Evidence, Limit, Mode, Status, Ties, compare, evaluate, status_of

pytestmark = pytest.mark.unit

ABSOLUTE = Limit(Decimal(50))
EVEN = Limit(Decimal(50), mode=Mode.ROUNDING)
UP = Limit(Decimal(50), mode=Mode.ROUNDING, ties=Ties.HALF_UP)
ENOUGH = Evidence(Decimal(100), Decimal(75))
SHORT = Evidence(Decimal(40), Decimal(75))
values = st.decimals(min_value=-100, max_value=1000, places=3)
percents = st.decimals(min_value=0, max_value=100, places=1)


@pytest.mark.parametrize(
    ("value", "absolute", "half_even", "half_up"),
    [("50.4", True, (50, False), (50, False)), ("50.5", True, (50, False), (51, True)), ("51.5", True, (52, True), (52, True))],
)
def test_cr29_limit_of_50(value: str, *, absolute: bool, half_even: tuple[int, bool], half_up: tuple[int, bool]) -> None:
    assert compare(Decimal(value), ABSOLUTE).exceeds is absolute
    for limit, expected in ((EVEN, half_even), (UP, half_up)):
        outcome = compare(Decimal(value), limit)
        assert (int(outcome.compared), outcome.exceeds) == expected
        assert outcome.value == Decimal(value)


@pytest.mark.parametrize(
    ("comparator", "below", "equal", "above"),
    [
        (Comparator.OVER, False, False, True),
        (Comparator.AT_OR_OVER, False, True, True),
        (Comparator.UNDER, True, False, False),
        (Comparator.AT_OR_UNDER, True, True, False),
    ],
)
def test_each_comparator_on_both_sides(comparator: Comparator, *, below: bool, equal: bool, above: bool) -> None:
    limit = Limit(Decimal(50), comparator)
    assert [compare(Decimal(value), limit).exceeds for value in ("49.999", "50.000", "50.001")] == [below, equal, above]


def test_values_are_rounded_to_the_decimals_the_limit_is_written_with() -> None:
    tenths = Limit(Decimal("0.50"), mode=Mode.ROUNDING)
    assert compare(Decimal("0.505"), tenths)[1::2] == (Decimal("0.50"), False)
    assert compare(Decimal("0.506"), tenths)[1::2] == (Decimal("0.51"), True)
    assert compare(Decimal("0.54"), Limit(Decimal("0.50"), mode=Mode.ROUNDING, decimals=1)).compared == Decimal("0.5")
    assert compare(Decimal(1499), Limit(Decimal("1E+3"), mode=Mode.ROUNDING)).compared == 1499


def test_a_multiple_of_a_limit_keeps_its_decimals() -> None:
    daily = Limit(Decimal(200), mode=Mode.ROUNDING).times(Decimal("1.10"))
    assert (daily.value, daily.places) == (Decimal(220), 0)
    assert compare(Decimal("220.4"), daily).exceeds is False


def test_a_margin_is_in_percent_of_the_limit() -> None:
    assert compare(Decimal(187), Limit(Decimal(220))).margin_percent == 15
    assert compare(Decimal(242), Limit(Decimal(220))).margin_percent == -10
    assert compare(Decimal(935), Limit(Decimal(850), Comparator.UNDER)).margin_percent == 10
    assert compare(Decimal(1), Limit(Decimal(0))) == Comparison(
        Decimal(1), Decimal(1), Decimal(0), exceeds=True, margin_percent=None
    )


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(CannotComputeError, match="a value that is not known is left out"):
        compare(Decimal("NaN"), ABSOLUTE)
    with pytest.raises(CannotComputeError, match="no number to compare with"):
        Limit(Decimal("Infinity"))


def test_cr30_little_coverage_below_the_limit_is_indeterminate() -> None:
    outcome = evaluate([Decimal(30), None, Decimal("49.9")], ABSOLUTE, SHORT)
    assert (outcome.status, outcome.valid, outcome.exceedances) == (Status.INDETERMINATE, 2, 0)
    assert outcome.worst is not None
    assert (outcome.worst.value, outcome.worst.margin_percent) == (Decimal("49.9"), Decimal("0.2"))


def test_cr30_one_valid_exceedance_counts_whatever_the_coverage() -> None:
    outcome = evaluate([Decimal(30), Decimal("50.1")], ABSOLUTE, SHORT)
    assert (outcome.status, outcome.exceedances) == (Status.NON_COMPLIANT, 1)


def test_cr30_no_operation_is_not_applicable() -> None:
    assert evaluate([], ABSOLUTE, Evidence(None, Decimal(75), operated=False)) == (
        Status.NOT_APPLICABLE,
        None,
        0,
        0,
        Evidence(None, Decimal(75), operated=False),
    )


def test_completeness_on_both_sides_of_what_is_required() -> None:
    assert evaluate([Decimal(30)], ABSOLUTE, Evidence(Decimal("75.0"), Decimal(75))).status is Status.COMPLIANT
    assert evaluate([Decimal(30)], ABSOLUTE, Evidence(Decimal("74.999"), Decimal(75))).status is Status.INDETERMINATE
    assert evaluate([Decimal(30)], ABSOLUTE, Evidence(None, Decimal(0))).status is Status.INDETERMINATE
    assert evaluate([None], ABSOLUTE, ENOUGH).status is Status.INDETERMINATE


def test_the_worst_of_a_minimum_is_the_least() -> None:
    outcome = evaluate([Decimal(900), Decimal(860)], Limit(Decimal(850), Comparator.UNDER), ENOUGH)
    assert outcome.worst is not None
    assert (outcome.status, outcome.worst.value) == (Status.COMPLIANT, Decimal(860))


@given(statistics=st.lists(st.none() | values), limit=values, complete=percents, required=percents, operated=st.booleans())
def test_status_is_never_compliant_where_completeness_is_short(
    statistics: list[Decimal | None], limit: Decimal, complete: Decimal, required: Decimal, *, operated: bool
) -> None:
    outcome = evaluate(statistics, Limit(limit), Evidence(complete, required, operated))
    if outcome.status is Status.COMPLIANT:
        assert complete >= required
        assert outcome.exceedances == 0 < outcome.valid
    assert (outcome.status is Status.NON_COMPLIANT) == (outcome.exceedances > 0)


@given(values, values, st.sampled_from(Comparator), st.integers(0, 3), st.sampled_from(Ties))
def test_nothing_is_rounded_in_absolute_mode(value: Decimal, limit: Decimal, sign: Comparator, places: int, ties: Ties) -> None:
    outcome = compare(value, Limit(limit, sign, Mode.ABSOLUTE, places, ties))
    exact = {">": value > limit, ">=": value >= limit, "<": value < limit, "<=": value <= limit}
    assert str(outcome.compared) == str(value)
    assert outcome.exceeds == exact[sign]


@given(values, st.integers(0, 100))
def test_rounding_modes_differ_at_ties_alone(value: Decimal, limit: int) -> None:
    outcomes = {compare(value, Limit(Decimal(limit), mode=Mode.ROUNDING, ties=ties)).exceeds for ties in Ties}
    assert len(outcomes) == 1 or abs(value % 1) == Decimal("0.5")


def test_an_exceedance_comes_before_everything() -> None:
    for operated in (True, False):
        assert status_of(Evidence(None, Decimal(90), operated), exceeds=True) is Status.NON_COMPLIANT
