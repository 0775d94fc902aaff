"""What every instrument of the demo plant shows, as functions of time: two shifts, a lunch dip, quiet nights and Sundays.

Keys are the public point keys, as `EM-01.active_power`; values are in the points' canonical units, except pressure in bar.
"""

import math
from collections.abc import Mapping

from ems_telemetry.connectors.simulator.day import Curve, Profile, Signal, blend, counter_of, ripples, week_of

STATES = ("stopped", "idle", "running")
"""The compressor's words for its state; the signal gives the index."""

PRODUCTION = week_of(
    workday=(
        *((0, 0.0), (5.5, 0.0), (6.25, 0.9), (9, 1.0), (11.75, 1.0), (12, 0.7), (12.5, 0.7), (12.75, 0.97), (13.8, 0.95)),
        *((14, 0.8), (14.25, 0.95), (18, 0.85), (18.25, 0.6), (18.6, 0.6), (18.8, 0.85), (21.5, 0.8), (22.25, 0.0), (24, 0.0)),
    ),
    saturday=((0, 0.0), (5.75, 0.0), (6.5, 0.5), (11.75, 0.5), (12, 0.35), (12.5, 0.35), (13.5, 0.45), (14.25, 0.0), (24, 0.0)),
    sunday=((0, 0.0), (24, 0.0)),
)
"""How busy the halls are, 0 to 1: shifts from 6 to 14 and from 14 to 22, breaks at 12 and 18; Saturday the early shift only."""

CLEANING = week_of(
    workday=(
        *((0, 0.0), (13.6, 0.0), (13.8, 1.0), (14.1, 1.0), (14.3, 0.0), (21.4, 0.0), (21.6, 1.0), (22.1, 1.0), (22.3, 0.0)),
        (24, 0.0),
    ),
    saturday=((0, 0.0), (13.6, 0.0), (13.8, 1.0), (14.1, 1.0), (14.3, 0.0), (24, 0.0)),
    sunday=((0, 0.0), (24, 0.0)),
)
"""The floors are washed at the end of a shift, 0 to 1."""

_COOL_DAY = tuple((hour, 8.5 - 4.5 * math.cos(math.tau * (hour - 4) / 24)) for hour in range(25))
OUTSIDE = week_of(_COOL_DAY, _COOL_DAY, _COOL_DAY)
"""The outside temperature in degC of a cool week: 4 at four in the morning, 13 in the afternoon."""

_STEADY: Profile = week_of(*(((0, 1.0), (24, 1.0)),) * 3)
_HEATED_BELOW = 18.0
_GAS_PER_KELVIN = 2.2
_FLUE_GAS_PER_GAS = 10.8
_BOILER_FULL_LOAD = 75.0
_LEAKAGE = 90.0
_LEAK_CYCLE_S, _LEAK_RUN_S = 240, 60


def build_signals(seed: int) -> Mapping[str, Signal]:
    """Builds every signal of the plant; the same seed gives the same plant."""
    return {
        **_main_electricity(seed),
        **_machine(seed, "EM-11", base=3.0, working=52.0, start=18_350.0),
        **_machine(seed, "EM-12", base=4.5, working=38.0, start=42_118.0),
        **_compressed_air(seed),
        **_air_of_hall_2(seed),
        **_water(seed),
        **_effluent(seed),
        **_gas_and_stack(seed),
        "TT-01.temperature": Curve(blend(17.0, (PRODUCTION, 3.5), (OUTSIDE, 0.2)), ripples(seed, "TT-01", 0.01)).value,
    }


def _gauge(seed: int, name: str, profile: Profile, amplitude: float) -> Signal:
    return Curve(profile, ripples(seed, name, amplitude)).value


def _steady(seed: int, name: str, level: float, amplitude: float) -> Signal:
    return _gauge(seed, name, blend(0.0, (_STEADY, level)), amplitude)


def _main_electricity(seed: int) -> dict[str, Signal]:
    power = Curve(blend(52.0, (PRODUCTION, 310.0), (CLEANING, 8.0)), ripples(seed, "EM-01", 0.06))
    voltage = _gauge(seed, "EM-01.voltage", blend(231.5, (PRODUCTION, -3.0)), 0.004)
    power_factor = _gauge(seed, "EM-01.power_factor", blend(0.86, (PRODUCTION, 0.08)), 0.01)
    return {
        "EM-01.active_power": power.value,
        "EM-01.active_energy_import": counter_of(power, start=1_204_377.0),
        "EM-01.voltage_l1": voltage,
        "EM-01.voltage_l2": lambda time_s: voltage(time_s + 71) + 0.8,
        "EM-01.voltage_l3": lambda time_s: voltage(time_s + 133) - 0.6,
        "EM-01.current_l1": lambda time_s: 1000 * power.value(time_s) / (3 * voltage(time_s) * power_factor(time_s)),
        "EM-01.frequency": _steady(seed, "EM-01.frequency", 50.0, 0.0006),
        "EM-01.power_factor": power_factor,
    }


def _machine(seed: int, meter: str, *, base: float, working: float, start: float) -> dict[str, Signal]:
    power = Curve(blend(base, (PRODUCTION, working)), ripples(seed, meter, 0.15))
    return {f"{meter}.active_power": power.value, f"{meter}.active_energy_import": counter_of(power, start)}


def _compressed_air(seed: int) -> dict[str, Signal]:
    flow = Curve(blend(_LEAKAGE, (PRODUCTION, 640.0)), ripples(seed, "CA-01", 0.08))
    sway = _steady(seed, "CA-01.active_power", 1.0, 0.03)

    def state(time_s: float) -> float:
        """Runs through the shifts; at night it makes up for the leaks, one minute in four."""
        runs = flow.value(time_s) > 2 * _LEAKAGE or time_s % _LEAK_CYCLE_S < _LEAK_RUN_S
        return float(STATES.index("running" if runs else "idle"))

    def power(time_s: float) -> float:
        runs = state(time_s) == STATES.index("running")
        return (18.0 + 0.1 * flow.value(time_s) if runs else 4.2) * sway(time_s)

    return {
        "CA-01.volume": counter_of(flow, start=3_415_920.0),
        "CA-01.flow": flow.value,
        "CA-01.active_power": power,
        "CA-01.pressure": _gauge(seed, "CA-01.pressure", blend(7.4, (PRODUCTION, -0.3)), 0.03),
        "CA-01.state": state,
    }


def _air_of_hall_2(seed: int) -> dict[str, Signal]:
    flow = Curve(blend(0.4 * _LEAKAGE, (PRODUCTION, 210.0)), ripples(seed, "CA-02", 0.1))
    return {"CA-02.volume": counter_of(flow, start=871_004.0), "CA-02.flow": flow.value}


def _water(seed: int) -> dict[str, Signal]:
    intake = Curve(blend(0.5, (PRODUCTION, 5.2), (CLEANING, 7.5)), ripples(seed, "WM-01", 0.2))
    washing = Curve(blend(0.08, (PRODUCTION, 0.9), (CLEANING, 6.4)), ripples(seed, "WM-02", 0.15))
    return {
        "WM-01.volume": counter_of(intake),
        "WM-01.flow": intake.value,
        "WM-02.volume": counter_of(washing, start=20_417.0),
        "WM-02.flow": washing.value,
    }


def _effluent(seed: int) -> dict[str, Signal]:
    return {
        "EF-01.ph": _gauge(seed, "EF-01.ph", blend(7.3, (PRODUCTION, 0.3), (CLEANING, 1.1)), 0.02),
        "EF-01.temperature": _gauge(seed, "EF-01.temperature", blend(14.0, (PRODUCTION, 6.0), (CLEANING, 5.0)), 0.02),
        "EF-01.flow": _gauge(seed, "EF-01.flow", blend(0.2, (PRODUCTION, 3.9), (CLEANING, 6.8)), 0.15),
    }


def _gas_and_stack(seed: int) -> dict[str, Signal]:
    """The boiler heats the halls by the outside temperature and the baths by production; its flue gas follows its fuel."""
    heating = blend(_HEATED_BELOW * _GAS_PER_KELVIN, (OUTSIDE, -_GAS_PER_KELVIN), (PRODUCTION, 28.0))
    gas = Curve(heating, ripples(seed, "GM-01", 0.05))
    volume = counter_of(gas, start=604_180.0)

    def load(time_s: float) -> float:
        return gas.value(time_s) / _BOILER_FULL_LOAD

    sway = {name: _steady(seed, f"ST-01.{name}", 1.0, 0.06) for name in ("nox", "co", "dust", "oxygen")}
    return {
        "GM-01.volume": volume,
        "GM-01.flow": gas.value,
        "ST-01.nox": lambda time_s: (78 + 42 * load(time_s)) * sway["nox"](time_s),
        "ST-01.co": lambda time_s: (8 + 30 * (1 - load(time_s)) ** 2) * sway["co"](time_s),
        "ST-01.dust": lambda time_s: (1.2 + 1.4 * load(time_s)) * sway["dust"](time_s),
        "ST-01.oxygen": lambda time_s: (3.2 + 2.6 * (1 - load(time_s))) * sway["oxygen"](time_s),
        "ST-01.temperature": lambda time_s: 96 + 58 * load(time_s),
        "ST-01.flow": lambda time_s: _FLUE_GAS_PER_GAS * gas.value(time_s),
        "ST-01.volume": lambda time_s: _FLUE_GAS_PER_GAS * volume(time_s),
    }
