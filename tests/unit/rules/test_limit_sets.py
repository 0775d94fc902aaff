"""Sets of criteria by their worked examples, with both sides of every share."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.limit_sets import Averaging, SetOutcome, judge, limit_set
from ems_telemetry.rules.limits import Comparator, Evidence, Limit, Status

pytestmark = pytest.mark.unit

ELV = {"elv": Limit(Decimal(200))}
LCP = limit_set("lcp@1")
WI = limit_set("wi@1")
CH = limit_set("ch_lrv15@1")
TSS = limit_set("tss_95_100@1")
HALF_HOURS = {"elv": Limit(Decimal(10)), "a": Limit(Decimal(30)), "b": Limit(Decimal(10))}
SOLIDS = {"a": Limit(Decimal(30)), "b": Limit(Decimal(45))}
ENOUGH = Evidence(Decimal(100), Decimal(90))
SHORT = Evidence(Decimal(40), Decimal(90))


def numbers(*values: str) -> list[Decimal]:
    return [Decimal(value) for value in values]


def lcp(month: str = "187", day: str = "200", hours: Sequence[Decimal | None] = (Decimal(1),)) -> SetOutcome:
    return judge(LCP, {Averaging.MONTH: numbers(month), Averaging.DAY: numbers(day), Averaging.HOUR: hours}, ELV)


def hours(above: int, total: int, missing: int = 0) -> list[Decimal | None]:
    return [*[Decimal(401)] * above, *[Decimal(400)] * (total - above), *[None] * missing]


def test_cr26_month_and_day_against_200() -> None:
    assert lcp(month="187").holds
    assert lcp(day="219").holds
    broken = lcp(day="221").broken
    assert [outcome.criterion.averaging for clause in broken for outcome in clause] == [Averaging.DAY]
    worst = broken[0][0].worst
    assert worst is not None
    assert (worst.value, worst.limit) == (Decimal(221), Decimal(220))


@pytest.mark.parametrize(("month", "day", "holds"), [("200", "220", True), ("200.1", "220", False), ("200", "220.1", False)])
def test_both_sides_of_the_limits_of_month_and_day(month: str, day: str, *, holds: bool) -> None:
    assert lcp(month, day).holds is holds


@pytest.mark.parametrize(
    ("above", "percent", "holds"), [(390, "95.125", True), (400, "95", True), (401, "94.9875", False), (0, "100", True)]
)
def test_cr26_share_of_8000_hours_within_twice_the_limit(above: int, percent: str, *, holds: bool) -> None:
    outcome = lcp(hours=hours(above, 8000))
    assert outcome.clauses[2][0].percent == Decimal(percent)
    assert outcome.holds is holds


def incineration(half_hours: list[Decimal], day: str = "10") -> SetOutcome:
    return judge(WI, {Averaging.DAY: numbers(day), Averaging.HALF_HOUR: half_hours}, HALF_HOURS)


def test_cr27_one_half_hour_above_a_is_healed_by_enough_below_b() -> None:
    outcome = incineration([Decimal(31), *[Decimal(11)] * 84, *[Decimal(10)] * 16_915])
    below_a, below_b = outcome.clauses[1]
    assert (below_a.holds, below_b.holds, below_b.percent) == (False, True, Decimal("99.5"))
    assert outcome.holds
    assert outcome.status(ENOUGH) is Status.COMPLIANT


def test_cr27_either_column_is_enough_and_neither_is_not() -> None:
    assert incineration([Decimal(30)] * 100).holds
    assert incineration([Decimal(31)] * 3 + [Decimal(10)] * 97).holds
    assert incineration([Decimal(31)] * 4 + [Decimal(10)] * 96).holds is False
    assert incineration([Decimal(1)], day="10.1").holds is False


@pytest.mark.parametrize(
    ("day", "values", "holds"),
    [
        ("200", ["240"] * 97 + ["400"] * 3, True),
        ("200", ["240"] * 96 + ["240.1"] * 4, False),
        ("200", ["240"] * 99 + ["400.1"], False),
        ("200.1", ["1"], False),
    ],
)
def test_cr27_swiss_set(day: str, values: list[str], *, holds: bool) -> None:
    assert judge(CH, {Averaging.DAY: numbers(day), Averaging.HOUR: numbers(*values)}, ELV).holds is holds


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        (["30"] * 19 + ["45"], True),
        (["30"] * 18 + ["45"] * 2, False),
        (["30"] * 19 + ["45.1"], False),
    ],
)
def test_cr35_19_of_20_samples_of_suspended_solids_pass_and_18_fail(values: list[str], *, holds: bool) -> None:
    outcome = judge(TSS, {Averaging.SAMPLE: numbers(*values)}, SOLIDS)
    assert outcome.holds is holds
    assert outcome.status(ENOUGH) is (Status.COMPLIANT if holds else Status.NON_COMPLIANT)


def test_the_worst_is_the_one_nearest_to_the_limit_or_beyond() -> None:
    samples = {Averaging.SAMPLE: numbers("860", "900", "851")}
    at_least = {"a": Limit(Decimal(850), Comparator.UNDER), "b": Limit(Decimal(40))}
    minimum, maximum = (clause[0].worst for clause in judge(TSS, samples, at_least).clauses)
    assert minimum is not None
    assert maximum is not None
    assert (minimum.value, maximum.value) == (Decimal(851), Decimal(900))


def test_thresholds_are_fields_that_a_permit_may_change() -> None:
    daily = replace(LCP.clauses[1][0], factor=Decimal("1.5"))
    coal = replace(LCP, id="permit-7@1", clauses=(LCP.clauses[0], (daily,), LCP.clauses[2]))
    values = {Averaging.MONTH: numbers("187"), Averaging.DAY: numbers("290"), Averaging.HOUR: numbers("1")}
    assert judge(coal, values, ELV).holds
    assert judge(LCP, values, ELV).holds is False


def test_little_data_makes_a_kept_set_indeterminate() -> None:
    assert lcp().status(SHORT) is Status.INDETERMINATE
    assert lcp().status(ENOUGH) is Status.COMPLIANT
    assert lcp().status(Evidence(None, Decimal(90), operated=False)) is Status.NOT_APPLICABLE


def test_an_exceeded_day_counts_on_however_little_data() -> None:
    assert lcp(day="221").status(SHORT) is Status.NON_COMPLIANT


def test_a_share_is_broken_on_little_data_only_where_the_rest_cannot_mend_it() -> None:
    mendable = lcp(hours=hours(above=10, total=100, missing=100))
    assert mendable.holds is False
    assert mendable.status(SHORT) is Status.INDETERMINATE
    assert mendable.status(ENOUGH) is Status.NON_COMPLIANT
    assert lcp(hours=hours(above=11, total=100, missing=100)).status(SHORT) is Status.NON_COMPLIANT


def test_an_averaging_without_values_is_never_compliant() -> None:
    outcome = lcp(hours=[])
    assert (outcome.holds, outcome.clauses[2][0].percent) == (None, None)
    assert outcome.status(ENOUGH) is Status.INDETERMINATE


def test_unknown_sets_and_what_a_set_lacks_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="did you mean lcp@1"):
        limit_set("LCP@2")
    with pytest.raises(CannotComputeError, match="known are lcp@1, wi@1, ch_lrv15@1, tss_95_100@1"):
        limit_set("nothing")
    with pytest.raises(CannotComputeError, match="lcp@1 needs the averages month, hour; given are day"):
        judge(LCP, {Averaging.DAY: []}, ELV)
    with pytest.raises(CannotComputeError, match="tss_95_100@1 needs the limits b; given are a"):
        judge(TSS, {Averaging.SAMPLE: []}, {"a": SOLIDS["a"]})


values = st.lists(st.none() | st.decimals(min_value=0, max_value=50, places=0), max_size=40)


@given(values, st.decimals(min_value=0, max_value=100, places=0), st.decimals(min_value=0, max_value=100, places=0))
def test_a_set_is_never_compliant_where_completeness_is_short(
    drawn: list[Decimal | None], complete: Decimal, required: Decimal
) -> None:
    outcome = judge(TSS, {Averaging.SAMPLE: drawn}, SOLIDS)
    status = outcome.status(Evidence(complete, required))
    if complete < required:
        assert status in {Status.INDETERMINATE, Status.NON_COMPLIANT}
    if status is Status.COMPLIANT:
        assert outcome.holds
    if any(value is not None and value > 45 for value in drawn):
        assert status is Status.NON_COMPLIANT


@given(values, values)
def test_better_values_in_the_place_of_missing_ones_never_break_a_set(
    drawn: list[Decimal | None], other: list[Decimal | None]
) -> None:
    outcome = judge(TSS, {Averaging.SAMPLE: [*drawn, *other]}, SOLIDS)
    filled = [Decimal(0) if value is None else value for value in (*drawn, *other)]
    if judge(TSS, {Averaging.SAMPLE: filled}, SOLIDS).status(ENOUGH) is Status.COMPLIANT:
        assert outcome.status(SHORT) is Status.INDETERMINATE
