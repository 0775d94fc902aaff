"""Masses and loads by the worked examples, and what must hold of flow-weighted means."""

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.concentrations import validate_average
from ems_telemetry.rules.mass import (
    KG_PER_G,
    KG_PER_UG,
    Emitted,
    load_kg_per_day,
    load_lb_per_day,
    m3_per_day_of_mgd,
    mass_of,
    volume_of,
)

pytestmark = pytest.mark.unit

TWO = [Emitted(Decimal(100), Decimal(10_000)), Emitted(Decimal(200), Decimal(20_000))]


def rounded(number: Decimal | None, places: str) -> Decimal:
    assert number is not None
    return number.quantize(Decimal(places), ROUND_HALF_EVEN)


def test_cr31_mass_is_5_kg_and_the_mean_is_weighted_by_flow() -> None:
    mass = mass_of(TWO)
    assert mass.kg == Decimal("5.0")
    assert rounded(mass.flow_weighted, "0.001") == Decimal("166.667")
    assert (mass.volume, mass.used, mass.expected, mass.coverage_percent) == (Decimal(30_000), 2, 2, Decimal(100))


def test_cr31_what_is_missing_is_told_apart_and_makes_the_mass_null() -> None:
    missing = [Emitted(None, Decimal(5)), Emitted(Decimal(5), None), Emitted(Decimal(6), None), Emitted(None, None)]
    mass = mass_of([*TWO, *missing, Emitted(Decimal(100), Decimal(0)), Emitted(Decimal(100), Decimal(10_000))])
    assert (mass.kg, mass.flow_weighted) == (None, None)
    assert (mass.without_concentration, mass.without_volume, mass.without_both) == (1, 2, 1)
    assert (mass.used, mass.expected, mass.coverage_percent) == (4, 8, Decimal(50))


def test_the_part_that_is_known_is_given_where_it_is_asked_for() -> None:
    mass = mass_of([*TWO, Emitted(None, Decimal(20_000))], partial=True)
    assert (mass.kg, rounded(mass.coverage_percent, "0.01")) == (Decimal("5.0"), Decimal("66.67"))
    assert rounded(mass.flow_weighted, "0.001") == Decimal("166.667")
    nothing = mass_of([Emitted(None, Decimal(1))], partial=True)
    assert (nothing.kg, nothing.flow_weighted, nothing.coverage_percent) == (None, None, Decimal(0))


def test_where_nothing_flowed_nothing_was_emitted() -> None:
    still = mass_of([Emitted(None, Decimal(0)), Emitted(Decimal(40), Decimal(0))])
    assert (still.kg, still.flow_weighted, still.coverage_percent) == (Decimal(0), None, Decimal(100))
    assert mass_of([*TWO, Emitted(None, Decimal(0))]).kg == Decimal("5.0")


def test_nothing_at_all_and_flows_below_zero_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="there is no interval"):
        mass_of([])
    with pytest.raises(CannotComputeError, match="a volume of -1 is below zero"):
        mass_of([Emitted(Decimal(1), Decimal(-1))])


def test_cr25_mass_is_computed_from_the_normalised_average() -> None:
    average = validate_average(Decimal(215), Decimal(20), Decimal(200))
    assert mass_of([Emitted(average.normalised, Decimal(1_000_000))]).kg == 215


def test_masses_of_other_units() -> None:
    assert mass_of([Emitted(Decimal(50), Decimal(1_000_000))], KG_PER_UG).kg == Decimal("0.05")
    assert mass_of([Emitted(Decimal(18), Decimal(1000))], KG_PER_G).kg == 18


def test_a_flow_over_half_an_hour_is_half_its_volume() -> None:
    assert volume_of(Decimal(20_001), timedelta(minutes=30)) == Decimal("10000.5")
    assert 3 * volume_of(Decimal(30), timedelta(minutes=20)) == 30


def test_cr34_load_of_1_25_million_gallons_a_day() -> None:
    flow = m3_per_day_of_mgd(Decimal("1.25"))
    assert rounded(flow, "0.001") == Decimal("4731.765")
    assert rounded(load_kg_per_day(flow, Decimal(18)), "0.001") == Decimal("85.172")
    assert load_lb_per_day(Decimal("1.25"), Decimal(18)) == Decimal("187.65")
    assert load_lb_per_day(Decimal(1), Decimal(1), Decimal("8.345404")) == Decimal("8.345404")


concentrations = st.decimals(min_value=0, max_value=5000, places=3)
volumes = st.decimals(min_value=0, max_value=10**6, places=2)
pairs = st.builds(Emitted, st.none() | concentrations, st.none() | volumes)


@given(intervals=st.lists(pairs, min_size=1, max_size=30), partial=st.booleans())
def test_mass_equals_flow_weighted_mean_times_total_flow(intervals: list[Emitted], *, partial: bool) -> None:
    mass = mass_of(intervals, partial=partial)
    if mass.flow_weighted is not None:
        assert mass.kg is not None
        assert abs(mass.flow_weighted * mass.volume * Decimal("1e-6") - mass.kg) <= mass.kg * Decimal("1e-26")
    missing = mass.without_concentration + mass.without_volume + mass.without_both
    assert mass.used + missing == mass.expected == len(intervals)
    if missing and not partial:
        assert mass.kg is None


@given(st.lists(st.builds(Emitted, concentrations, volumes), min_size=2, max_size=20), st.data())
def test_masses_of_parts_add_up(intervals: list[Emitted], data: st.DataObject) -> None:
    split = data.draw(st.integers(1, len(intervals) - 1))
    parts = mass_of(intervals[:split]).kg, mass_of(intervals[split:]).kg
    assert parts[0] is not None
    assert parts[1] is not None
    assert parts[0] + parts[1] == mass_of(intervals).kg
