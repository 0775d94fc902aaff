"""Greenhouse gases of what is burnt on site, gas by gas, and their sum as CO2 under one named set of potentials (CR-44).

Masses are tonnes. Nothing is rounded here but the total that is reported, by `reported_tonnes`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import ZERO, digits, exactly
from ems_telemetry.rules.factors import Source

CO2: Final = "CO2"
CH4: Final = "CH4"
"""Methane of combustion and of what is not fossil."""
CH4_FOSSIL: Final = "CH4_fossil"
"""Methane that escapes from fossil sources; AR6 tells it apart."""
N2O: Final = "N2O"
BIOGENIC_CO2: Final = "CO2_biogenic"
"""Reported beside the total, never in it."""

MMBTU_PER_THERM: Final = Decimal("0.1")
_ONE: Final = Decimal(1)
_T_PER_KG: Final = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class GwpSet:
    """Global warming potentials over 100 years, by gas, as one edition prints them."""

    name: str
    values: Mapping[str, Decimal]
    source: Source

    def of(self, gas: str) -> Decimal:
        """Gives the potential of a gas. Where a set has one figure for all methane, that is the fossil one's too.

        Raises:
            CannotComputeError: the set has none for it.
        """
        value = self.values.get(gas)
        if value is None and gas == CH4_FOSSIL:
            value = self.values.get(CH4)
        if value is None:
            known = ", ".join(sorted(self.values))
            raise CannotComputeError(f"GWP set {self.name} has no value for {gas}, only for {known}; enter it with its source")
        return value


@dataclass(frozen=True, slots=True)
class GasLine:
    """What one activity emitted of one gas, in tonnes, and the set its CO2 equivalent is told by."""

    activity: str
    gas: str
    mass_t: Decimal
    gwp_set: GwpSet


class Inventory(NamedTuple):
    """The lines added up: tonnes of each gas, of their sum as CO2, and of biogenic CO2, which is not in that sum."""

    gwp_set: str
    masses_t: Mapping[str, Decimal]
    co2e_t: Decimal
    biogenic_co2_t: Decimal


class Combusted(NamedTuple):
    """CO2 of a fuel in tonnes, told apart by where its carbon is from."""

    fossil_t: Decimal
    biogenic_t: Decimal


@exactly
def burnt_under_part_98(quantity: Decimal, kg_per_mmbtu: Decimal, mmbtu_per_unit: Decimal = _ONE) -> Decimal:
    """Computes tonnes of one gas as 40 CFR 98.33 does: 0.001 x fuel x heat value x factor.

    That is equation C-1 for CO2 and C-8 for CH4 and N2O; a bill in MMBtu needs no heat value (C-1b, C-8b), one in therms has
    `MMBTU_PER_THERM` (C-1a, C-8a).

    Args:
        quantity: fuel burnt, in a unit of mass, volume or energy.
        kg_per_mmbtu: the factor of the gas, kg/MMBtu.
        mmbtu_per_unit: the high heat value, MMBtu by the unit of the quantity.

    Raises:
        CannotComputeError: a figure is negative.
    """
    _refuse_negative(quantity=quantity, factor=kg_per_mmbtu, heat_value=mmbtu_per_unit)
    return _T_PER_KG * quantity * mmbtu_per_unit * kg_per_mmbtu


@exactly
def burnt_under_mrr(
    quantity: Decimal,
    tj_per_unit: Decimal,
    t_per_tj: Decimal,
    oxidation: Decimal = _ONE,
    biomass_fraction: Decimal = ZERO,
) -> Combusted:
    """Computes CO2 as Regulation (EU) 2018/2066 does, article 24: activity data x factor x oxidation factor.

    Args:
        quantity: fuel burnt, in Nm3 or t.
        tj_per_unit: the net calorific value, TJ by that unit.
        t_per_tj: the factor, t CO2/TJ, of the fuel as a whole.
        oxidation: the share of the carbon that is oxidised, 0 to 1.
        biomass_fraction: the share of the carbon that is from biomass, 0 to 1.

    Raises:
        CannotComputeError: a figure is negative, or a share is greater than 1.
    """
    _refuse_negative(
        quantity=quantity,
        calorific_value=tj_per_unit,
        factor=t_per_tj,
        oxidation_factor=oxidation,
        biomass_fraction=biomass_fraction,
    )
    for what, share in (("oxidation factor", oxidation), ("biomass fraction", biomass_fraction)):
        if share > 1:
            raise CannotComputeError(f"the {what} is {digits(share)}; it is a share from 0 to 1")
    burnt_t = quantity * tj_per_unit * t_per_tj * oxidation
    biogenic_t = burnt_t * biomass_fraction
    return Combusted(burnt_t - biogenic_t, biogenic_t)


@exactly
def inventory_of(lines: Iterable[GasLine]) -> Inventory:
    """Adds lines up.

    Raises:
        CannotComputeError: there are none, their sets are not one and the same, or the set lacks a gas.
    """
    rows = tuple(lines)
    gwp_set = _one_set(rows)
    masses_t: dict[str, Decimal] = {}
    for row in rows:
        masses_t[row.gas] = masses_t.get(row.gas, ZERO) + row.mass_t
    biogenic_t = masses_t.pop(BIOGENIC_CO2, ZERO)
    co2e_t = sum((mass_t * gwp_set.of(gas) for gas, mass_t in masses_t.items()), ZERO)
    return Inventory(gwp_set.name, masses_t, co2e_t, biogenic_t)


def reported_tonnes(total_t: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Rounds a year's total to whole tonnes (2018/2066, article 72); the regulation names no method, so a permit may.

    Args:
        total_t: with all its digits.
        rounding: one of the modes of `decimal`.
    """
    return total_t.to_integral_value(rounding)


def _one_set(rows: tuple[GasLine, ...]) -> GwpSet:
    if not rows:
        raise CannotComputeError("an inventory of no lines has no total; add the lines of its activities")
    first = rows[0]
    for row in rows:
        if row.gwp_set.name != first.gwp_set.name:
            raise CannotComputeError(
                f"{first.activity} is told by GWP set {first.gwp_set.name} and {row.activity} by {row.gwp_set.name}; "
                f"compute all lines by one set"
            )
        if row.gwp_set != first.gwp_set:
            raise CannotComputeError(
                f"{first.activity} and {row.activity} are told by two versions of GWP set {first.gwp_set.name}; "
                f"compute all lines by one"
            )
    return first.gwp_set


def _refuse_negative(**figures: Decimal) -> None:
    for what, figure in figures.items():
        if figure < 0:
            raise CannotComputeError(f"the {what.replace('_', ' ')} is {digits(figure)}; it cannot be negative")
