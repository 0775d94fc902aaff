"""Guesses what a number measures: from its unit, and from the words in its name and in the names above it.

The unit decides what is possible, words choose among that, and where they do not the guess carries a question for the person
who reads the file. A number that may mean anything is left out rather than guessed. Pure functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit, fitting_quantities, unit_of_name
from ems_telemetry.connectors.guessing.words import Word, Words, words_of
from ems_telemetry.model import Kind


@dataclass(frozen=True, slots=True)
class Guess:
    """What a point can be configured as. `check` is a question to a person, None where there is none."""

    quantity: str
    unit: str
    kind: Kind
    check: str | None = None


@dataclass(frozen=True, slots=True)
class NoGuess:
    """Why a variable is left out, and the unit it has if that is known."""

    reason: str
    unit: str | None = None


class _Family(NamedTuple):
    """Quantities of one dimension: the first word found, nearest name first, chooses; else `default`, with a question."""

    chosen_by: Mapping[Word, str]
    default: str | None


_FAMILIES: Mapping[str, _Family] = {
    "active_energy_import": _Family(
        {
            Word.HEAT: "heat_energy",
            Word.COOLING: "cooling_energy",
            Word.STEAM: "steam_energy",
            Word.ELECTRIC: "active_energy_import",
            Word.GAS: "gas_energy",
        },
        "active_energy_import",
    ),
    "active_power": _Family({Word.HEAT: "heat_power", Word.STEAM: "heat_power", Word.ELECTRIC: "active_power"}, "active_power"),
    "reactive_energy_import": _Family({}, "reactive_energy_import"),
    "gas_volume": _Family(
        {
            Word.STACK: "stack_gas_volume",
            Word.AIR: "compressed_air_volume",
            Word.GAS: "gas_volume",
        },
        "gas_volume",
    ),
    "gas_flow": _Family({Word.STACK: "stack_gas_flow", Word.AIR: "compressed_air_flow", Word.GAS: "gas_flow"}, "gas_flow"),
    "water_volume": _Family(
        {
            Word.EFFLUENT: "effluent_volume",
            Word.FUEL: "fuel_volume",
            Word.STACK: "gas_volume_operating",
            Word.AIR: "gas_volume_operating",
            Word.WATER: "water_volume",
            Word.GAS: "gas_volume_operating",
        },
        "water_volume",
    ),
    "water_flow": _Family(
        {
            Word.EFFLUENT: "effluent_flow",
            Word.STACK: "gas_flow_operating",
            Word.AIR: "gas_flow_operating",
            Word.WATER: "water_flow",
            Word.GAS: "gas_flow_operating",
        },
        "water_flow",
    ),
    "mass": _Family({Word.STEAM: "steam_mass", Word.FUEL: "fuel_mass"}, "mass"),
    "mass_flow": _Family({Word.STEAM: "steam_flow"}, "mass_flow"),
    "pressure": _Family(
        {Word.DIFFERENTIAL: "differential_pressure", Word.ABSOLUTE: "pressure", Word.GAUGE: "gauge_pressure"},
        "gauge_pressure",
    ),
    "temperature": _Family({}, "temperature"),
    "nox_concentration": _Family(
        {
            Word.NOX: "nox_concentration",
            Word.SO2: "so2_concentration",
            Word.CO: "co_concentration",
            Word.HCL: "hcl_concentration",
            Word.HF: "hf_concentration",
            Word.NH3: "nh3_concentration",
            Word.TOC: "toc_concentration",
            Word.DUST: "dust_concentration",
            Word.MERCURY: "mercury_concentration",
        },
        None,
    ),
    "suspended_solids": _Family(
        {
            Word.COD: "chemical_oxygen_demand",
            Word.SOLIDS: "suspended_solids",
            Word.NITROGEN: "nitrogen_concentration",
            Word.PHOSPHORUS: "phosphorus_concentration",
            Word.CHLORINE: "chlorine_concentration",
            Word.OXYGEN: "dissolved_oxygen",
        },
        None,
    ),
    "operating_time": _Family({Word.RUNNING: "operating_time"}, None),
}
"""By the one quantity that stands for all of its dimension."""

_NAMED_SHARES: Mapping[Word, str] = {
    Word.VALVE: "valve_position",
    Word.LEVEL: "level",
    Word.MOISTURE: "moisture_content",
    Word.HUMIDITY: "relative_humidity",
    Word.OXYGEN: "oxygen_content",
    Word.CO2: "co2_concentration",
    Word.HARMONIC: "total_harmonic_distortion",
    Word.POWER_FACTOR: "power_factor",
}
_NAMED_NUMBERS: Mapping[Word, str] = {Word.POWER_FACTOR: "power_factor", Word.COUNT: "count"}
_BY_UNIT: Mapping[str, str] = {"rpm": "rotational_speed", "Hz": "frequency", "kHz": "frequency"}
_WATER_UNITS = frozenset({"mg/L", "ug/L", "g/L"})
_EXPORTED: Mapping[str, str] = {
    "active_energy_import": "active_energy_export",
    "reactive_energy_import": "reactive_energy_export",
}
_COUNTED = (
    *("active_energy_import", "active_energy_export", "reactive_energy_import", "reactive_energy_export", "apparent_energy"),
    *("heat_energy", "cooling_energy", "gas_energy", "steam_energy", "gas_volume", "gas_volume_operating"),
    *("compressed_air_volume", "stack_gas_volume", "water_volume", "effluent_volume", "fuel_volume"),
    *("steam_mass", "fuel_mass", "mass", "count", "operating_time"),
)

SET_POINT = "by its name a set point or a limit, which is not measured"


def guess_number(names: Sequence[str], unit: DeviceUnit | None, also: Sequence[str] = ()) -> Guess | NoGuess:
    """Guesses how a number is configured.

    Args:
        names: the names on the way to it, its own last.
        unit: what is told of its unit; None if nothing is.
        also: more names of the number itself, as a description.
    """
    words = words_of(names, also, "" if unit is None else unit.said)
    if words.own(Word.SETTING):
        return NoGuess(SET_POINT, None if unit is None else unit.unit)
    return guess_by_words(words, names, unit)


def guess_by_words(words: Words, names: Sequence[str], unit: DeviceUnit | None) -> Guess | NoGuess:
    """Guesses how a number is configured whose names were read already."""
    told = unit or unit_of_name(names[-1] if names else "")
    if told is None or told.unit is None:
        return _guess_without_unit(words, told)
    return _with_remark(_guess_number(words, told.unit), told.remark)


def _guess_without_unit(words: Words, told: DeviceUnit | None) -> Guess | NoGuess:
    if told is not None:
        return NoGuess(f'the unit "{told.said}" is none of ours')
    if words.own(Word.PH):
        return Guess("ph", "pH", Kind.GAUGE)
    named = words.first_own(_NAMED_NUMBERS)
    if named is None:
        return NoGuess("no unit is told")
    return Guess(named, "1", kind_of(named), "no unit is told")


def _guess_number(words: Words, unit: str) -> Guess | NoGuess:
    if unit in _BY_UNIT:
        return Guess(_BY_UNIT[unit], unit, Kind.GAUGE)
    fitting = fitting_quantities(unit)
    if unit in {"%", "1", "ppm"}:
        return _guess_share(words, unit)
    if "suspended_solids" in fitting and unit not in _WATER_UNITS:
        return NoGuess(
            "a concentration at operating conditions or a density; stack gas needs its normal state, as mg/Nm3", unit
        )
    family = next((found for representative, found in _FAMILIES.items() if representative in fitting), None)
    if family is not None:
        return _guess_of_family(words, unit, family)
    if len(fitting) == 1:
        (quantity,) = fitting
        return Guess(quantity, unit, kind_of(quantity))
    return NoGuess(f"it may be {_or(sorted(fitting))}", unit)


def _guess_share(words: Words, unit: str) -> Guess | NoGuess:
    named = words.nearest(_NAMED_NUMBERS if unit == "1" else _NAMED_SHARES)
    if named is None:
        return NoGuess(
            "its name does not tell what it is a share of" if unit == "%" else "its name does not tell what it counts", unit
        )
    return Guess(named, unit, kind_of(named))


def _guess_of_family(words: Words, unit: str, family: _Family) -> Guess | NoGuess:
    if unit == "K" and words.own(Word.DIFFERENTIAL):
        return NoGuess("a difference of temperatures is no quantity here", unit)
    named = words.nearest(family.chosen_by)
    if Word.STACK in family.chosen_by and named == family.chosen_by[Word.GAS] and words.any_of(Word.STACK):
        named = family.chosen_by[Word.STACK]
    quantity = named or family.default
    others = sorted({*family.chosen_by.values()} - {quantity or ""})
    if quantity is None:
        return NoGuess(f"its name does not tell which: {_or(others)}", unit)
    question = None if named or not others else f"or {_or(others)}"
    if words.own(Word.EXPORT) and quantity in _EXPORTED:
        quantity = _EXPORTED[quantity]
    if quantity == "active_power" and words.own(Word.DEMAND):
        return Guess("power_demand", unit, Kind.GAUGE, "or active_power")
    if quantity.endswith("_operating"):
        question = "it says plain m3; at the normal state it would be Nm3 and another quantity"
    return _counted(words, Guess(quantity, unit, kind_of(quantity), question))


def _counted(words: Words, guess: Guess) -> Guess:
    if guess.kind is not Kind.COUNTER:
        return guess
    if words.any_of(Word.STORED, Word.LEVEL) or (guess.quantity == "mass" and not words.own(Word.TOTAL)):
        return Guess(
            guess.quantity, guess.unit, Kind.GAUGE, _join(guess.check, "what is in store; kind: counter if it only rises")
        )
    if words.own(Word.PERIOD):
        question = "kind: interval_total if each value is the total of a closed period"
        return Guess(guess.quantity, guess.unit, Kind.COUNTER, _join(guess.check, question))
    return guess


def kind_of(quantity: str) -> Kind:
    """Tells what the values of a quantity mean over time, as a rule."""
    return Kind.COUNTER if quantity in _COUNTED else Kind.GAUGE


def _with_remark(guess: Guess | NoGuess, remark: str | None) -> Guess | NoGuess:
    if remark is None or isinstance(guess, NoGuess):
        return guess
    return Guess(guess.quantity, guess.unit, guess.kind, _join(remark, guess.check))


def _join(first: str | None, second: str | None) -> str | None:
    return "; ".join(part for part in (first, second) if part) or None


def _or(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
