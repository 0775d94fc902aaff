"""Ticks are aligned to the clock, and each unit keeps its phase."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.modbus.cadence import SPREAD_S, Cadence, phase_s


def test_ticks_are_multiples_of_the_interval() -> None:
    assert Cadence(10.0).until_next_s(1_000_003.0) == pytest.approx(7.0)
    assert Cadence(10.0, phase_s=4.0).until_next_s(1_000_003.0) == pytest.approx(1.0)


def test_waking_a_moment_too_early_does_not_make_the_same_tick_twice() -> None:
    assert Cadence(10.0).until_next_s(999_999.99) == pytest.approx(10.01)


@given(st.floats(0.1, 3600), st.floats(0, 10), st.floats(1e9, 2e9))
def test_the_next_tick_is_never_far_and_never_the_same(interval_s: float, phase: float, now_s: float) -> None:
    delay_s = Cadence(interval_s, phase).until_next_s(now_s)
    assert 0 < delay_s <= interval_s * 1.11


def test_ticks_missed_are_those_that_another_has_taken_the_place_of() -> None:
    assert [Cadence(1.0).missed(late_s) for late_s in (-0.01, 0.0, 0.8, 1.0, 2.5)] == [0, 0, 0, 1, 2]


def test_the_phase_of_a_name_is_steady_and_phases_are_spread() -> None:
    assert phase_s("tcp://10.20.0.31:502 unit 7", 10.0) == phase_s("tcp://10.20.0.31:502 unit 7", 10.0)
    phases = [phase_s(f"unit {unit}", 1.0) for unit in range(100)]
    assert all(0 <= phase < 1 for phase in phases)
    assert all(any(low <= phase < low + 0.25 for phase in phases) for low in (0, 0.25, 0.5, 0.75))
    assert phase_s("unit 1", 3600.0) < SPREAD_S
