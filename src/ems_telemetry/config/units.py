"""Units: what a device may speak, and the exact way to the canonical unit. Used when configuring, never per sample.

Pint is loaded only for what `unit_factors` does not tell, since loading it takes longer than reading a plant's files.

Normal cubic metres, standard ones and plain ones are different things here, as are kWh, kvarh and kVAh: a conversion between
them needs knowledge that a unit does not hold, so it is refused.
"""

import difflib
import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ems_telemetry.config.quantities import Quantity
from ems_telemetry.config.unit_factors import FACTORS
from ems_telemetry.config.unit_table import AMBIGUOUS, DEFINITIONS, FAMILIAR, SPELLINGS

if TYPE_CHECKING:
    import pint

_EXPRESSION = re.compile(r"(1|%|[^\W\d]\w*)(\s*[*/]\s*([^\W\d]\w*|%))*")
_WORD = re.compile(r"[^\W\d]\w*")
_PREFIXED = re.compile(rf"(MM|[kMGTmch])?({'|'.join(word for word in AMBIGUOUS if not word.startswith('M'))})(s)?")
_DEGREES = {"degC": "K", "°C": "K", "degF": "delta_degF", "°F": "delta_degF"}
_DEGREES_WRITTEN = re.compile("|".join(_DEGREES))
_DEFINED = frozenset(definition.partition(" ")[0] for definition in DEFINITIONS)
_SYMBOL_LENGTH = 2
_PRECISION = 34
_LOOKALIKE = 0.8


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
    familiar = FACTORS.get(quantity.unit, {}).get(unit)
    if familiar is not None:
        factor, _, offset = familiar.partition(" ")
        return Conversion(Decimal(factor), Decimal(offset or 0))
    return reckon_conversion(unit, quantity)


def reckon_conversion(unit: str, quantity: Quantity) -> Conversion:
    """As `convert_to_canonical`, reckoned out for any unit."""
    _refuse_ambiguous(unit)
    own = quantity.own_units
    canonical = _parse(quantity.unit, own)
    try:
        source = _parse(unit, own)
    except ValueError as error:
        raise UnitError(_explain_unknown(unit, quantity)) from error
    if source.dimensionality != canonical.dimensionality:
        raise UnitError(_explain_mismatch(unit, quantity))
    with localcontext() as context:
        context.prec = _PRECISION
        zero = _registry(own).Quantity(Decimal(0), source).to(canonical).magnitude
        one = _registry(own).Quantity(Decimal(1), source).to(canonical).magnitude
        return Conversion(_plain(Decimal(one) - Decimal(zero)), _plain(Decimal(zero)))


def measures(unit: str, quantity: Quantity) -> bool:
    """Tells whether a device's unit can be that of a quantity: whether `convert_to_canonical` finds a way."""
    try:
        _refuse_ambiguous(unit)
        return _parse(unit, quantity.own_units).dimensionality == _parse(quantity.unit, quantity.own_units).dimensionality
    except ValueError:
        return False


def parse_unit(unit: str, own_units: Sequence[str] = ()) -> "pint.Unit":
    """Reads a unit to reckon with, of a number or a quantity; degrees of temperature are taken as differences.

    Args:
        unit: as written in a file.
        own_units: units that only this plant knows.

    Raises:
        UnitError: in words for the person who wrote the file, with the remedy.
    """
    _refuse_ambiguous(unit)
    try:
        return _parse(_DEGREES_WRITTEN.sub(lambda degree: _DEGREES[degree[0]], unit), tuple(own_units))
    except ValueError as error:
        known = {word.lower(): word for word in (*reversed(FAMILIAR), *own_units)}
        meant = difflib.get_close_matches(unit.lower(), known, n=1, cutoff=0.5)
        remedy = f"did you mean {known[meant[0]]}?" if meant else "write one as kWh, m3 or kg/h"
        message = f'unit "{unit}" is not a unit; {remedy}'
        raise UnitError(message) from error


def scale_between(unit: "pint.Unit", other: "pint.Unit") -> Decimal | None:
    """Tells how many of another unit one of this is; None where they are of different kinds.

    Both come from `parse_unit` with the same `own_units`.
    """
    if unit.dimensionality != other.dimensionality:
        return None
    with localcontext() as context:
        context.prec = _PRECISION
        return _plain(Decimal((1 * unit).to(other).magnitude))


def is_free_word(unit: str) -> bool:
    """Tells whether a unit is a word that means no unit yet: a plant can make one of its own of it, as of `pcs`.

    A word that looks like a known unit is taken for a mistyped one.
    """
    if _WORD.fullmatch(unit) is None or _ambiguous(unit) is not None:
        return False
    if difflib.get_close_matches(unit.lower(), [known.lower() for known in FAMILIAR], n=1, cutoff=_LOOKALIKE):
        return False
    try:
        _parse(unit, ())
    except ValueError:
        return True
    return False


def _is_plural_of_symbol(unit: str) -> bool:
    """Pint takes `pcs` for several parsecs; nobody who writes that means it."""
    if unit in _DEFINED or not unit.endswith("s") or len(unit) - 1 > _SYMBOL_LENGTH:
        return False
    registry = _registry(())
    taken_for = registry.parse_unit_name(unit)[:1]
    return bool(taken_for) and taken_for[0] in registry.parse_unit_name(unit[:-1])


def _refuse_ambiguous(unit: str) -> None:
    for word in _WORD.findall(unit):
        if (choices := _ambiguous(word)) is not None:
            *others, last = choices
            means = "can mean several units" if others else "is not the unit of that name here"
            within = "" if word == unit else f': "{word}"'
            message = f'unit "{unit}"{within} {means}; write {", ".join(others)}{" or " if others else ""}{last}'
            raise UnitError(message)


def _ambiguous(word: str) -> tuple[str, ...] | None:
    """Gives what a word can mean, with its prefix; None if it means one thing."""
    if word in AMBIGUOUS:
        return AMBIGUOUS[word]
    match = None if word in _DEFINED else _PREFIXED.fullmatch(word)
    if match is None:
        return None
    return tuple(f"{match[1] or ''}{choice.partition(' ')[0]}" for choice in AMBIGUOUS[match[2]])


@cache
def _parse(unit: str, own_units: tuple[str, ...]) -> "pint.Unit":
    spelled = unit.strip()
    for written, meant in SPELLINGS.items():
        spelled = spelled.replace(written, meant)
    if spelled in {"1", "%"}:
        return _registry(own_units).Unit("dimensionless" if spelled == "1" else "percent")
    words = (word for word in _WORD.findall(spelled) if word not in own_units)
    if _EXPRESSION.fullmatch(spelled) is None or any(map(_is_plural_of_symbol, words)):
        raise ValueError(spelled)
    return _look_up(spelled, own_units)


def _look_up(spelled: str, own_units: tuple[str, ...]) -> "pint.Unit":
    import pint  # noqa: PLC0415 - see the module

    try:
        return _registry(own_units).Unit(spelled.replace("%", "percent"))
    except pint.errors.PintError as error:
        raise ValueError(spelled) from error


def accepted_units(quantity: Quantity) -> list[str]:
    """Names the familiar units that a quantity can be measured in, its canonical one among them."""
    own = quantity.own_units
    dimension = _parse(quantity.unit, own).dimensionality
    fitting = [familiar for familiar in FAMILIAR if _parse(familiar, own).dimensionality == dimension]
    return fitting if quantity.unit in fitting else [quantity.unit, *fitting]


def _explain_unknown(unit: str, quantity: Quantity) -> str:
    fitting = accepted_units(quantity)
    lower = {familiar.lower(): familiar for familiar in reversed(fitting)}
    nearest = difflib.get_close_matches(unit.lower(), lower, n=1, cutoff=0.5)
    remedy = f"did you mean {lower[nearest[0]]}?" if nearest else f"{quantity.name} accepts {', '.join(fitting)}"
    return f'unit "{unit}" is not a unit; {remedy}'


def _explain_mismatch(unit: str, quantity: Quantity) -> str:
    own = quantity.own_units
    kinds = {*_parse(unit, own).dimensionality, *_parse(quantity.unit, own).dimensionality}
    volumes = ""
    if kinds & {"[normal_volume]", "[reference_atmosphere_volume]"}:
        volumes = (
            "; volumes at operating conditions, at the normal state and at ANR differ by pressure, temperature and moisture"
        )
    accepted = ", ".join(accepted_units(quantity))
    return f'unit "{unit}" does not measure {quantity.name} (stored in {quantity.unit}){volumes}; it accepts {accepted}'


def _plain(number: Decimal) -> Decimal:
    normal = +number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()
    return normal or Decimal(0)


@lru_cache(maxsize=8)
def _registry(own_units: tuple[str, ...]) -> "pint.UnitRegistry[Decimal]":
    import pint  # noqa: PLC0415 - see the module

    registry: pint.UnitRegistry[Decimal] = pint.UnitRegistry(
        non_int_type=Decimal, autoconvert_offset_to_baseunit=True, on_redefinition="ignore"
    )
    for definition in (*DEFINITIONS, *(f"{unit} = [own_{unit}]" for unit in own_units)):
        registry.define(definition)
    return registry
