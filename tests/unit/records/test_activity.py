"""How an activity is shared out over the stretches in which factors are in force (CR-46)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.records.ghg.activity import Amount, total_within
from ems_telemetry.records.ghg.emission_factors import Calorific, scale_to
from ems_telemetry.rules.arithmetic import ZERO

pytestmark = pytest.mark.unit
START = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def amounts(values: list[Decimal | None]) -> list[Amount]:
    return [Amount(START + n * QUARTER, START + (n + 1) * QUARTER, value) for n, value in enumerate(values)]


@given(
    st.lists(st.decimals(0, 10_000, places=3), min_size=1, max_size=20),
    st.lists(st.integers(1, 20 * 900 - 1), max_size=5, unique=True),
)
def test_cr46_what_stretches_get_is_what_was_measured_and_no_more(values: list[Decimal], cuts_s: list[int]) -> None:
    end = START + len(values) * QUARTER
    inside = [cut for cut in (START + timedelta(seconds=second) for second in cuts_s) if cut < end]
    edges = sorted([START, *inside, end])
    shares = [total_within(amounts(list(values)), span) for span in pairwise(edges)]
    assert all(share is not None and share >= 0 for share in shares)
    known = [share for share in shares if share is not None]
    assert abs(sum(known, ZERO) - sum(values, ZERO)) < Decimal("1e-20")


def test_cr46_a_stretch_without_the_unknown_quarter_is_known() -> None:
    known = amounts([Decimal(2), None, Decimal(3)])
    assert total_within(known, (START, START + QUARTER)) == 2
    assert total_within(known, (START, START + QUARTER + timedelta(minutes=1))) is None
    assert total_within(known, None) is None


@pytest.mark.parametrize(
    ("unit", "factor_unit", "calorific", "scale"),
    [
        ("kWh", "kg/kWh", None, "1"),
        ("kWh", "t/MWh", None, "0.001"),
        ("therm_US", "kg/MMBtu", Calorific(Decimal("0.1"), "MMBtu/therm_US"), "0.1"),
        ("Nm3", "t/TJ", Calorific(Decimal(36), "MJ/Nm3"), "0.000036"),
        ("t", "t/TJ", Calorific(Decimal("42.6"), "GJ/t"), "0.0426"),
        ("kg", "t/TJ", Calorific(Decimal("42.6"), "GJ/t"), "0.0000426"),
    ],
)
def test_an_activity_comes_to_the_unit_of_its_factor_exactly(
    unit: str, factor_unit: str, calorific: Calorific | None, scale: str
) -> None:
    assert scale_to(unit, factor_unit, calorific) == Decimal(scale)
