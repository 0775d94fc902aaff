import statistics
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.simulator.day import DAY_S, HOUR_S, WEEK_S, Signal
from ems_telemetry.connectors.simulator.values import STATES, build_signals

SIGNALS: Mapping[str, Signal] = build_signals(1)
COUNTERS = [
    ("EM-01.active_energy_import", "EM-01.active_power"),
    ("EM-11.active_energy_import", "EM-11.active_power"),
    ("EM-12.active_energy_import", "EM-12.active_power"),
    ("CA-01.volume", "CA-01.flow"),
    ("CA-02.volume", "CA-02.flow"),
    ("WM-01.volume", "WM-01.flow"),
    ("WM-02.volume", "WM-02.flow"),
    ("GM-01.volume", "GM-01.flow"),
    ("ST-01.volume", "ST-01.flow"),
]
RANGES = {
    "EM-01.active_power": (40, 400),
    "EM-01.voltage_l1": (224, 236),
    "EM-01.voltage_l2": (224, 236),
    "EM-01.voltage_l3": (224, 236),
    "EM-01.current_l1": (50, 640),
    "EM-01.frequency": (49.9, 50.1),
    "EM-01.power_factor": (0.8, 1.0),
    "EM-11.active_power": (1, 70),
    "EM-12.active_power": (1, 55),
    "CA-01.flow": (60, 800),
    "CA-01.active_power": (3, 105),
    "CA-01.pressure": (6.5, 8),
    "CA-01.state": (1, 2),
    "CA-02.flow": (20, 300),
    "WM-01.flow": (0.3, 20),
    "WM-02.flow": (0.05, 10),
    "GM-01.flow": (8, 75),
    "EF-01.ph": (6.5, 9),
    "EF-01.temperature": (10, 30),
    "EF-01.flow": (0.1, 15),
    "ST-01.nox": (60, 150),
    "ST-01.co": (5, 50),
    "ST-01.dust": (0.8, 4),
    "ST-01.oxygen": (2, 8),
    "ST-01.temperature": (90, 170),
    "ST-01.flow": (80, 850),
    "TT-01.temperature": (15, 26),
}
MONDAY, SATURDAY, SUNDAY = 0, 5, 6


def mean(point: str, day: int, start_h: float, end_h: float) -> float:
    """The mean of a point over hours of a day of the week."""
    return statistics.fmean(SIGNALS[point](day * DAY_S + (start_h + (end_h - start_h) * i / 200) * HOUR_S) for i in range(200))


@pytest.mark.parametrize(("counter", "flow"), COUNTERS)
@pytest.mark.parametrize("start_h", [2.0, 5.8, 11.9, 13.7, 22.0, 6 * 24 + 23.5])
def test_a_counter_is_the_integral_of_its_flow(counter: str, flow: str, start_h: float) -> None:
    start_s, length_s = start_h * HOUR_S + 100 * WEEK_S, 3600
    increment = SIGNALS[counter](start_s + length_s) - SIGNALS[counter](start_s)
    assert increment == pytest.approx(
        sum(SIGNALS[flow](start_s + second + 0.5) for second in range(length_s)) / HOUR_S, rel=1e-4
    )


def test_every_point_has_a_range_or_counts() -> None:
    assert set(SIGNALS) == set(RANGES) | {counter for counter, _ in COUNTERS}


@given(second=st.floats(0, 200 * WEEK_S))
def test_values_stay_where_such_a_plant_would_have_them(second: float) -> None:
    outside = {
        point: SIGNALS[point](second) for point, (low, high) in RANGES.items() if not low <= SIGNALS[point](second) <= high
    }
    assert outside == {}


@pytest.mark.parametrize("point", ["EM-01.active_power", "EM-11.active_power", "CA-01.flow", "WM-01.flow", "EF-01.flow"])
def test_the_night_and_sunday_are_quieter_than_the_shift(point: str) -> None:
    shift = mean(point, MONDAY, 8, 11)
    assert mean(point, MONDAY, 1, 4) < 0.5 * shift
    assert mean(point, SUNDAY, 8, 11) < 0.5 * shift
    assert mean(point, SUNDAY, 8, 11) < mean(point, SATURDAY, 8, 11) < shift


def test_power_dips_at_lunch() -> None:
    assert mean("EM-01.active_power", MONDAY, 12, 12.5) < 0.85 * mean("EM-01.active_power", MONDAY, 10, 11.5)


def test_compressed_air_leaks_at_night_and_the_compressor_makes_up_for_it() -> None:
    assert mean("CA-01.flow", MONDAY, 1, 4) > 70
    words = [STATES[int(SIGNALS["CA-01.state"](2 * HOUR_S + second))] for second in range(0, 480, 5)]
    assert set(words) == {"idle", "running"}
    assert STATES[int(SIGNALS["CA-01.state"](10 * HOUR_S))] == "running"


def test_washing_at_the_end_of_a_shift_takes_water_and_turns_the_effluent_alkaline() -> None:
    assert mean("WM-02.flow", MONDAY, 13.8, 14.1) > 4 * mean("WM-02.flow", MONDAY, 9, 11)
    assert mean("EF-01.ph", MONDAY, 13.8, 14.1) > mean("EF-01.ph", MONDAY, 9, 11) + 0.7


def test_heating_follows_the_cold() -> None:
    assert mean("GM-01.flow", SUNDAY, 3, 5) > 1.5 * mean("GM-01.flow", SUNDAY, 15, 17)


def test_a_harder_working_boiler_makes_more_nox_and_less_oxygen() -> None:
    assert mean("ST-01.nox", MONDAY, 7, 9) > mean("ST-01.nox", SUNDAY, 14, 18)
    assert mean("ST-01.oxygen", MONDAY, 7, 9) < mean("ST-01.oxygen", SUNDAY, 14, 18)


def test_phase_power_adds_up_to_the_total() -> None:
    noon = 10 * HOUR_S
    voltage, current = SIGNALS["EM-01.voltage_l1"](noon), SIGNALS["EM-01.current_l1"](noon)
    assert 3 * voltage * current * SIGNALS["EM-01.power_factor"](noon) / 1000 == pytest.approx(
        SIGNALS["EM-01.active_power"](noon)
    )


def test_the_same_seed_gives_the_same_plant_and_another_seed_another_one() -> None:
    again, other = build_signals(1), build_signals(2)
    moment = 123_456.7
    assert {point: signal(moment) for point, signal in again.items()} == {p: signal(moment) for p, signal in SIGNALS.items()}
    assert other["EM-01.active_power"](moment) != SIGNALS["EM-01.active_power"](moment)
