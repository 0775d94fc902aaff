"""Units: what a device may speak, and the exact way to the canonical unit. Used when configuring, never per sample.

Normal cubic metres, standard ones and plain ones are different things here, as are kWh, kvarh and kVAh: a conversion between
them needs knowledge that a unit does not hold, so it is refused.
"""

import difflib
import re
from collections.abc import Mapping
from decimal import Decimal, localcontext
from functools import cache
from typing import NamedTuple

import pint

from ems_telemetry.config.quantities import Quantity

_DEFINITIONS = (
    "m3 = meter ** 3",
    "ft3 = foot ** 3",
    "Nm3 = [normal_volume]",  # 0 degC, 101.325 kPa (DIN 1343)
    "Sm3 = 273.15 / 288.15 * Nm3",  # 15 degC, 101.325 kPa (ISO 13443)
    "scf60F = 0.0267911 * Nm3",  # 60 degF, 14.696 psi
    "scf68F = 0.0263849 * Nm3",  # 68 degF, 14.696 psi
    "VA = [apparent_power]",
    "VAh = VA * hour",
    "var = [reactive_power]",
    "varh = var * hour",
    "therm_US = 105.4804 * megajoule",
    "therm_EC = 105.506 * megajoule",
    "MMBtu = 1055.05585262 * megajoule",  # International Table
    "gal_US = 3.785411784 * liter",
    "gal_UK = 4.54609 * liter",
    "ton_refrigeration_hour = 3.516852842 * kilowatt_hour",
    "pH = [acidity]",
    "NTU = [turbidity]",
    "dB = [sound_level]",
    "rpm = revolution / minute",
)
"""Beside the units pint knows. Factors: ISO 80000-3 to -5, NIST SP 811 (2008) appendix B, DIN 1343, ISO 13443."""

_SPELLINGS: Mapping[str, str] = {"m³": "m3", "Nm³": "Nm3", "Sm³": "Sm3", "ft³": "ft3", "°C": "degC", "°F": "degF", "μ": "µ"}

_AMBIGUOUS: Mapping[str, str] = {
    "therm": "therm_US or therm_EC",
    "scf": "scf60F or scf68F",
    "gal": "gal_US or gal_UK",
    "gallon": "gal_US or gal_UK",
    "ton": "t (1000 kg), short_ton or long_ton",
    "cal": "cal_it or cal_th",
    "Btu": "Btu_it or Btu_th",
}

_EXPRESSION = re.compile(r"(1|%|[^\W\d]\w*)(\s*[*/]\s*[^\W\d]\w*)*")

_FAMILIAR = (
    *("Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "GJ", "therm_US", "therm_EC", "MMBtu", "W", "kW", "MW"),
    *(
        "varh",
        "kvarh",
        "Mvarh",
        "var",
        "kvar",
        "Mvar",
        "VAh",
        "kVAh",
        "MVAh",
        "VA",
        "kVA",
        "MVA",
        "V",
        "kV",
        "mV",
        "A",
        "mA",
        "Hz",
    ),
    *("m3", "L", "l", "hl", "ft3", "gal_US", "gal_UK", "m3/h", "m3/s", "m3/min", "L/h", "L/min", "L/s"),
    *("Nm3", "Sm3", "scf60F", "scf68F", "Nm3/h", "Nm3/min", "Nm3/s", "Sm3/h"),
    *("t", "kg", "g", "lb", "t/h", "kg/h", "kg/s", "kg/min", "lb/h"),
    *("mg/Nm3", "ug/Nm3", "g/Nm3", "mg/L", "ug/L", "g/L", "kg/m3", "%", "1", "ppm"),
    *("degC", "degF", "K", "Pa", "hPa", "kPa", "MPa", "bar", "mbar", "psi", "m/s", "rpm", "s", "min", "h", "d"),
    *("uS/cm", "mS/cm", "S/m", "pH", "NTU", "dB"),
)
"""Offered when somebody mistypes one."""


class UnitError(ValueError):
    """A unit that is unknown, ambiguous, or of another kind than the quantity; says so in words."""


class Conversion(NamedTuple):
    """canonical = device * factor + offset, exact to 28 digits."""

    factor: Decimal
    offset: Decimal


def convert_to_canonical(unit: str, quantity: Quantity) -> Conversion:
    """Finds the way from a device's unit to the canonical unit of a quantity.

    Args:
        unit: as written in a connector file, such as `Wh`, `m³/h`, `degF`.
        quantity: what is measured.

    Raises:
        UnitError: in words for the person who wrote the file, with the remedy.
    """
    for token in re.findall(r"[A-Za-z_]\w*", unit):
        if token in _AMBIGUOUS:
            message = f'unit "{unit}": "{token}" can mean several units; write {_AMBIGUOUS[token]}'
            raise UnitError(message)
    canonical = _parse(quantity.unit)
    try:
        source = _parse(unit)
    except (pint.errors.PintError, ValueError) as error:
        raise UnitError(_explain_unknown(unit, quantity)) from error
    if source.dimensionality != canonical.dimensionality:
        raise UnitError(_explain_mismatch(unit, quantity))
    with localcontext() as context:
        context.prec = 34
        zero = _registry().Quantity(Decimal(0), source).to(canonical).magnitude
        one = _registry().Quantity(Decimal(1), source).to(canonical).magnitude
        return Conversion(_plain(Decimal(one) - Decimal(zero)), _plain(Decimal(zero)))


def measures(unit: str, quantity: Quantity) -> bool:
    """Tells whether a device's unit can be that of a quantity: whether `convert_to_canonical` finds a way."""
    if any(token in _AMBIGUOUS for token in re.findall(r"[A-Za-z_]\w*", unit)):
        return False
    try:
        return _parse(unit).dimensionality == _parse(quantity.unit).dimensionality
    except (pint.errors.PintError, ValueError):
        return False


@cache
def _parse(unit: str) -> pint.Unit:
    spelled = unit.strip()
    for written, meant in _SPELLINGS.items():
        spelled = spelled.replace(written, meant)
    if spelled in {"1", "%"}:
        return _registry().Unit("dimensionless" if spelled == "1" else "percent")
    if _EXPRESSION.fullmatch(spelled) is None:
        raise ValueError(spelled)
    return _registry().Unit(spelled)


def _fitting(quantity: Quantity) -> list[str]:
    dimension = _parse(quantity.unit).dimensionality
    return [familiar for familiar in _FAMILIAR if _parse(familiar).dimensionality == dimension]


def _explain_unknown(unit: str, quantity: Quantity) -> str:
    fitting = _fitting(quantity)
    lower = {familiar.lower(): familiar for familiar in reversed(fitting)}
    nearest = difflib.get_close_matches(unit.lower(), lower, n=1, cutoff=0.5)
    remedy = f"did you mean {lower[nearest[0]]}?" if nearest else f"{quantity.name} accepts {', '.join(fitting)}"
    return f'unit "{unit}" is not a unit; {remedy}'


def _explain_mismatch(unit: str, quantity: Quantity) -> str:
    volumes = ""
    if "[normal_volume]" in {*_parse(unit).dimensionality, *_parse(quantity.unit).dimensionality}:
        volumes = "; a volume at operating conditions and one at the normal state differ by pressure and temperature"
    accepted = ", ".join(_fitting(quantity))
    return f'unit "{unit}" does not measure {quantity.name} (stored in {quantity.unit}){volumes}; it accepts {accepted}'


def _plain(number: Decimal) -> Decimal:
    normal = +number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()
    return normal or Decimal(0)


@cache
def _registry() -> "pint.UnitRegistry[Decimal]":
    registry: pint.UnitRegistry[Decimal] = pint.UnitRegistry(
        non_int_type=Decimal, autoconvert_offset_to_baseunit=True, on_redefinition="ignore"
    )
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry
