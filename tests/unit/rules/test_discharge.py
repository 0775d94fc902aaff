"""Discharge figures by the worked examples: means, what is below detection, and days beyond a limit."""

from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import mean
from ems_telemetry.rules.discharge import (
    MonthlyMean,
    NonDetects,
    Qualifier,
    Reporting,
    Result,
    Statistic,
    average_of,
    discharge_of,
    geometric_mean,
    substitute,
)
from ems_telemetry.rules.limits import Comparator, Limit

pytestmark = pytest.mark.unit

ZERO = Reporting(NonDetects.ZERO)
MEDIAN = Reporting(NonDetects.MEDIAN)
ONE_BELOW = [Result(Decimal(4)), Result(Decimal(2), Qualifier.BELOW), Result(Decimal(6))]


def exact(*values: str) -> list[Result | None]:
    return [Result(Decimal(value)) for value in values]


def results(*words: str) -> list[Result]:
    made = {
        "<": lambda word: Result(Decimal(word), Qualifier.BELOW),
        "N": lambda word: Result(None, Qualifier.NOT_DETECTED, Decimal(word)),
    }
    made["D"] = lambda word: Result(Decimal(word), Qualifier.NOT_QUANTIFIED)
    return [made[word[0]](word[1:]) if word[0] in made else Result(Decimal(word)) for word in words]


def rounded(number: Decimal | None, places: str) -> Decimal:
    assert number is not None
    return number.quantize(Decimal(places), ROUND_HALF_EVEN)


def test_cr32_monthly_average_is_5_90() -> None:
    month = discharge_of(exact("5.30", "6.21", "4.00", "5.25", "8.72"), ZERO)
    assert (month.average.value, month.average.text) == (Decimal("5.896"), "5.896")
    assert rounded(month.average.value, "0.01") == Decimal("5.90")
    assert (month.minimum.text, month.maximum.text, month.days) == ("4", "8.72", 5)


def test_cr32_bacteria_are_averaged_geometrically() -> None:
    bacteria = Reporting(NonDetects.LOD, MonthlyMean.GEOMETRIC)
    month = discharge_of(exact("50", "100", "150", "200"), bacteria)
    assert rounded(month.average.value, "0.01") == Decimal("110.67")


def test_cr32_two_days_exceed_a_daily_maximum_of_30() -> None:
    days = exact("28", "31", "30", "35")
    assert discharge_of(days, ZERO, Limit(Decimal(30))).exceedances == 2
    assert discharge_of(days, ZERO, Limit(Decimal(30), Comparator.AT_OR_OVER)).exceedances == 3
    assert discharge_of(days, ZERO).exceedances == 0


def test_days_that_are_not_there_are_counted_and_not_averaged() -> None:
    month = discharge_of([*exact("4", "6"), None], ZERO)
    assert (month.average.value, month.days, month.missing) == (Decimal(5), 2, 1)


@pytest.mark.parametrize(
    ("policy", "average"), [(NonDetects.ZERO, "3.333"), (NonDetects.HALF, "3.667"), (NonDetects.LOD, "4.000")]
)
def test_cr33_a_result_below_2_by_each_policy(policy: NonDetects, average: str) -> None:
    assert rounded(average_of(ONE_BELOW, Reporting(policy)).value, "0.001") == Decimal(average)


@pytest.mark.parametrize("policy", NonDetects)
def test_cr33_nothing_but_non_detects_is_below_the_detection_limit(policy: NonDetects) -> None:
    assert average_of(results("<2", "<2", "N2"), Reporting(policy)) == Statistic(None, "<2", Decimal(2))
    month = discharge_of(results("<0.5", "N2"), Reporting(policy), Limit(Decimal(1)))
    assert {month.average.text, month.minimum.text, month.maximum.text} == {"<2"}
    assert month.exceedances == 0


@pytest.mark.parametrize(
    ("words", "median"),
    [
        (("4", "<2", "6"), "4"),
        (("4", "<2", "6", "9"), "5"),
        (("<2", "D3", "6", "9"), "DNQ"),
        (("<2", "N1", "D3", "9"), "<2"),
        (("<2", "N1", "9"), "<2"),
        (("D3", "<5", "9"), "DNQ"),
        (("4", "5", "9"), "6"),
    ],
)
def test_cr33_median_ranks_nd_below_dnq_below_values(words: tuple[str, ...], median: str) -> None:
    assert average_of(results(*words), MEDIAN).text == median


def test_an_estimate_goes_into_means_and_counts_as_found() -> None:
    month = discharge_of(results("<2", "D3", "6"), ZERO, Limit(Decimal("2.5")))
    assert (month.average.value, month.exceedances, month.minimum.text, month.maximum.text) == (Decimal(3), 2, "<2", "6")
    assert discharge_of(results("D3"), ZERO).maximum == Statistic(Decimal(3), "DNQ")


def test_what_was_not_detected_ranks_below_what_was() -> None:
    month = discharge_of(results("<10", "4"), ZERO, Limit(Decimal(5)))
    assert (month.minimum.text, month.maximum.text, month.exceedances) == ("<10", "4", 0)


def test_results_that_lack_something_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="no result to average"):
        discharge_of([None, None], ZERO)
    with pytest.raises(CannotComputeError, match='"ND" has no detection limit'):
        average_of([Result(None, Qualifier.NOT_DETECTED), Result(Decimal(1))], Reporting(NonDetects.HALF))
    with pytest.raises(CannotComputeError, match='"<" has no detection limit'):
        average_of([Result(Decimal(-1), Qualifier.BELOW)], ZERO)
    with pytest.raises(CannotComputeError, match='"=" has no value'):
        average_of([Result(Decimal("NaN"))], ZERO)
    with pytest.raises(CannotComputeError, match='"DNQ" has no value'):
        average_of([Result(None, Qualifier.NOT_QUANTIFIED)], ZERO)
    with pytest.raises(CannotComputeError, match="choose zero, half or lod"):
        substitute(ONE_BELOW[1], NonDetects.MEDIAN)


def test_zero_needs_something_that_stands_for_it_in_a_geometric_mean() -> None:
    assert geometric_mean([Decimal(0), Decimal(100)], Decimal(1)) == 10
    assert geometric_mean([Decimal(2), Decimal(8)]) == 4
    for values in ([Decimal(0), Decimal(100)], [Decimal(-1), Decimal(100)]):
        with pytest.raises(CannotComputeError, match="has no place in a geometric mean"):
            geometric_mean(values)


amounts = st.decimals(min_value=Decimal("0.001"), max_value=10**6, places=3)
found = amounts.map(Result)
below = amounts.map(lambda lod: Result(lod, Qualifier.BELOW))


@given(st.lists(found | below, max_size=20), found)
def test_zero_is_at_most_half_is_at_most_the_detection_limit(drawn: list[Result], one: Result) -> None:
    policies = (NonDetects.ZERO, NonDetects.HALF, NonDetects.LOD)
    averages = [average_of([*drawn, one], Reporting(policy)).value or Decimal(0) for policy in policies]
    assert averages == sorted(averages)
    if all(each.is_detected for each in drawn):
        assert len(set(averages)) == 1


@given(st.lists(amounts, min_size=1, max_size=20))
def test_a_geometric_mean_lies_between_the_least_and_the_arithmetic_mean(values: list[Decimal]) -> None:
    geometric = geometric_mean(values)
    assert min(values) <= geometric <= max(values)
    assert geometric <= mean(values) + Decimal("1e-15")


@given(st.lists(found | below, min_size=1, max_size=20), st.randoms())
def test_a_median_does_not_depend_on_the_order(drawn: list[Result], random: Random) -> None:
    shuffled = drawn[:]
    random.shuffle(shuffled)
    assert average_of(shuffled, MEDIAN).text == average_of(drawn, MEDIAN).text
