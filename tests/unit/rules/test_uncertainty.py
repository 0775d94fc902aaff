from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.uncertainty import Uncertain, tier_of, uncertainty_of_sum

pytestmark = pytest.mark.unit

parts = st.lists(
    st.builds(
        Uncertain,
        st.decimals(min_value="0.01", max_value=10**6, places=2),
        st.decimals(min_value=0, max_value=20, places=2),
    ),
    min_size=1,
    max_size=8,
)


def part(amount: str, percent: str) -> Uncertain:
    return Uncertain(Decimal(amount), Decimal(percent))


def test_cr_47_sum_of_two_meters_reaches_tier_3() -> None:
    percent = uncertainty_of_sum([part("1000", "2"), part("500", "5")])
    assert round(percent, 3) == Decimal("2.134")
    assert percent**2 * 2250000 == pytest.approx(Decimal(10250000), abs=Decimal("1e-18"))
    assert tier_of(percent) == 3


def test_uncertainty_that_has_an_end_is_exact() -> None:
    assert uncertainty_of_sum([part("300", "1"), part("100", "4")]) == Decimal("1.25")


def test_closing_stock_is_taken_away_and_adds_its_uncertainty() -> None:
    assert (
        uncertainty_of_sum([part("800", "3"), part("-200", "9")])
        == uncertainty_of_sum([part("800", "3"), part("200", "9")]) * 1000 / 600
    )


@pytest.mark.parametrize(
    ("percent", "tier"),
    [
        ("7.500001", None),
        ("7.5", 1),
        ("5.000001", 1),
        ("5", 2),
        ("2.500001", 2),
        ("2.5", 3),
        ("1.500001", 3),
        ("1.5", 4),
        ("0", 4),
    ],
)
def test_tier_ends_at_its_limit(percent: str, tier: int | None) -> None:
    assert tier_of(Decimal(percent)) == tier


def test_tiers_of_another_table() -> None:
    assert tier_of(Decimal(3), {1: Decimal(10), 2: Decimal(2)}) == 1


def test_sum_of_nothing_has_no_uncertainty() -> None:
    for nothing in ([], [part("5", "1"), part("-5", "1")]):
        with pytest.raises(CannotComputeError, match="add up to zero"):
            uncertainty_of_sum(nothing)


def test_negative_uncertainty_is_refused() -> None:
    with pytest.raises(CannotComputeError, match="the uncertainty is -1 %"):
        uncertainty_of_sum([part("5", "-1")])


@given(parts)
def test_sum_is_never_more_uncertain_than_its_most_uncertain_part(drawn: list[Uncertain]) -> None:
    assert uncertainty_of_sum(drawn) <= max(each.uncertainty_percent for each in drawn) + Decimal("1e-25")


@given(parts, st.decimals(min_value="0.001", max_value=1000, places=3))
def test_unit_of_the_amounts_does_not_matter(drawn: list[Uncertain], factor: Decimal) -> None:
    scaled = [Uncertain(each.amount * factor, each.uncertainty_percent) for each in drawn]
    assert abs(uncertainty_of_sum(scaled) - uncertainty_of_sum(drawn)) < Decimal("1e-50")
