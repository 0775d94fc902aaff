from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.factors import Emission, Factor, FactorKey, Source, emission_of, factors_in_force, superseded_by

pytestmark = pytest.mark.unit

KEY = FactorKey("electricity", "DE", "CO2")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
CHANGE = datetime(2026, 1, 1, tzinfo=UTC)
LAST = datetime(2027, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
SPAN_US = (LAST - BEGIN) // MICROSECOND
OLD = Factor("grid-2025", 1, *KEY, Decimal("0.40"), "kg/kWh", BEGIN, CHANGE, Source("grid report", "2025", "1", "page 3"))
NEW = replace(OLD, id="grid-2026", value=Decimal("0.36"), valid_from=CHANGE, valid_to=None)
moments = st.integers(0, SPAN_US).map(lambda after_us: BEGIN + after_us * MICROSECOND)
values = st.decimals(min_value=0, max_value=1000, places=4)


def emitted(amount: Decimal, start: datetime, end: datetime, *factors: Factor) -> Emission:
    return emission_of(amount, "kWh", KEY, (start, end), factors)


def test_cr_46_interval_is_split_where_the_factor_changes() -> None:
    emission = emitted(Decimal(10), CHANGE - HOUR, CHANGE + HOUR, NEW, OLD)
    assert (emission.value, emission.unit) == (Decimal("3.8"), "kg")
    assert [(part.stretch.factor.id, part.amount) for part in emission.portions] == [
        ("grid-2025", Decimal(5)),
        ("grid-2026", Decimal(5)),
    ]
    assert [(part.stretch.start, part.stretch.end) for part in emission.portions] == [
        (CHANGE - HOUR, CHANGE),
        (CHANGE, CHANGE + HOUR),
    ]


def test_portions_follow_the_time_and_not_the_number_of_factors() -> None:
    emission = emitted(Decimal(12), CHANGE - HOUR, CHANGE + 2 * HOUR, OLD, NEW)
    assert emission.value == 4 * Decimal("0.40") + 8 * Decimal("0.36")


def test_factor_is_in_force_at_its_begin_and_no_more_at_its_end() -> None:
    assert [part.factor.id for part in factors_in_force([OLD, NEW], KEY, CHANGE, CHANGE + MICROSECOND)] == ["grid-2026"]
    assert [part.factor.id for part in factors_in_force([OLD, NEW], KEY, CHANGE - MICROSECOND, CHANGE)] == ["grid-2025"]


def test_cr_46_none_in_force_is_an_error_and_never_the_latest() -> None:
    with pytest.raises(
        CannotComputeError,
        match=r"electricity, DE, CO2 is in force from 2026-01-01T00:00:00\+00:00 to 2026-01-01T01:00:00\+00:00",
    ):
        emitted(Decimal(10), CHANGE, CHANGE + HOUR, OLD)


def test_none_in_force_before_the_first_or_between_two_is_an_error() -> None:
    later = replace(NEW, valid_from=CHANGE + HOUR)
    with pytest.raises(CannotComputeError, match="from 2024-12-31T23:00"):
        emitted(Decimal(10), BEGIN - HOUR, BEGIN + HOUR, OLD)
    with pytest.raises(CannotComputeError, match=r"from 2026-01-01T00:00:00\+00:00 to 2026-01-01T01:00"):
        emitted(Decimal(10), CHANGE - HOUR, CHANGE + 2 * HOUR, OLD, later)


def test_two_in_force_at_once_are_an_error_that_names_both() -> None:
    with pytest.raises(CannotComputeError, match=r"grid-2025@1 and grid-2026@1 .* both in force at 2025-12-31T23:00"):
        emitted(Decimal(10), CHANGE - 2 * HOUR, CHANGE + HOUR, OLD, replace(NEW, valid_from=CHANGE - HOUR))


def test_factors_for_other_keys_do_not_count() -> None:
    others = [replace(NEW, id="1", activity="heat"), replace(NEW, id="2", region="FR"), replace(NEW, id="3", gas="CH4")]
    assert emitted(Decimal(1), CHANGE, CHANGE + HOUR, NEW, *others).value == Decimal("0.36")


def test_highest_revision_counts() -> None:
    corrected = replace(NEW, revision=2, value=Decimal("0.35"))
    assert emitted(Decimal(1), CHANGE, CHANGE + HOUR, corrected, NEW).value == Decimal("0.35")
    with pytest.raises(CannotComputeError, match="grid-2026@1 is told twice"):
        emitted(Decimal(1), CHANGE, CHANGE + HOUR, NEW, replace(NEW, value=Decimal("0.35")))


def test_amount_in_another_unit_is_refused() -> None:
    with pytest.raises(CannotComputeError, match="grid-2026@1 is in t/MWh and the amount in kWh"):
        emitted(Decimal(10), CHANGE - HOUR, CHANGE + HOUR, OLD, replace(NEW, unit="t/MWh"))
    with pytest.raises(CannotComputeError, match="grid-2026@1 is in g/kWh"):
        emitted(Decimal(10), CHANGE - HOUR, CHANGE + HOUR, OLD, replace(NEW, unit="g/kWh"))


def test_empty_interval_is_refused() -> None:
    with pytest.raises(CannotComputeError, match="is empty"):
        emitted(Decimal(10), CHANGE, CHANGE, NEW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": Decimal("NaN")}, "its value is NaN"),
        ({"unit": "kg"}, 'unit "kg" is no mass by a unit'),
        ({"valid_from": datetime(2026, 1, 1)}, "have no zone"),  # noqa: DTZ001  what is refused
        ({"valid_to": CHANGE}, "ends at 2026-01-01"),
    ],
)
def test_factor_that_cannot_be_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(CannotComputeError, match=reason):
        replace(NEW, **change)  # type: ignore[arg-type]


def test_superseding_what_begins_later_needs_a_decision() -> None:
    earlier = replace(OLD, id="other", valid_to=None)
    with pytest.raises(CannotComputeError, match=r"grid-2026@1 begins at 2026-01-01.* while other@1 is in force"):
        superseded_by([NEW], earlier)
    assert superseded_by([NEW], replace(earlier, valid_to=CHANGE))


def test_what_is_superseded_gets_a_revision_and_ends_there() -> None:
    open_ended = replace(OLD, valid_to=None)
    register = superseded_by([open_ended], NEW)
    assert register == (open_ended, replace(OLD, revision=2), NEW)


def test_what_has_ended_by_then_or_is_for_another_key_is_not_superseded() -> None:
    heat = replace(OLD, id="heat", activity="heat", valid_to=None)
    assert superseded_by([OLD, heat], NEW) == (OLD, heat, NEW)


def test_two_that_begin_at_once_need_a_decision() -> None:
    with pytest.raises(CannotComputeError, match=r"grid-2026@1 begins at 2026-01-01.* while other@1 is in force"):
        superseded_by([NEW], replace(NEW, id="other"))


@given(values, values, moments, moments, moments)
def test_splitting_an_interval_at_any_instant_changes_no_emission(
    old: Decimal, new: Decimal, one: datetime, two: datetime, three: datetime
) -> None:
    start, cut, end = sorted((one, two, three))
    factors = (replace(OLD, value=old), replace(NEW, value=new))

    def of(begin: datetime, until: datetime) -> Decimal:
        amount = Decimal("0.25") * ((until - begin) // MICROSECOND)
        return emitted(amount, begin, until, *factors).value if begin < until else Decimal(0)

    with localcontext() as context:
        context.prec = 60
        assert of(start, cut) + of(cut, end) == of(start, end)


@given(values, values, moments, moments, moments)
def test_a_superseding_factor_leaves_earlier_intervals_as_they_were(
    old: Decimal, new: Decimal, one: datetime, two: datetime, change: datetime
) -> None:
    start, end = sorted((one, two))
    lasting = replace(OLD, value=old, valid_to=None)
    change = max(change, BEGIN + MICROSECOND)
    register = superseded_by([lasting], replace(NEW, value=new, valid_from=change))
    if start < end <= change:
        assert emitted(Decimal(7), start, end, *register).value == emitted(Decimal(7), start, end, lasting).value
    elif change <= start < end:
        assert emitted(Decimal(7), start, end, *register).value == 7 * new


@given(moments, moments, st.lists(moments, max_size=6, unique=True))
def test_stretches_cover_the_interval_without_a_gap(one: datetime, two: datetime, changes: list[datetime]) -> None:
    start, end = sorted((one, two))
    if start == end:
        return
    edges = sorted({BEGIN, *changes})
    factors = [
        replace(OLD, id=str(n), valid_from=edge, valid_to=edges[n + 1] if n + 1 < len(edges) else None)
        for n, edge in enumerate(edges)
    ]
    stretches = factors_in_force(reversed(factors), KEY, start, end)
    assert [stretches[0].start, *(stretch.end for stretch in stretches)] == [*(stretch.start for stretch in stretches), end]
    assert stretches[0].start == start
    assert all(stretch.factor.touches(stretch.start, stretch.end) for stretch in stretches)
