"""Concentrations in air: from ppm to mass, to the state a limit refers to, and what is taken off for uncertainty.

Every step is given with its numerator and denominator; the figure itself is divided once, so that a correction that changes
nothing gives the very value that was measured.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly
from ems_telemetry.rules.catalogue import look_up

ONE: Final = Decimal(1)
ZERO_CELSIUS_K: Final = Decimal("273.15")
MOLAR_VOLUME_L: Final = Decimal("22.414")
"""Litres that one mole of an ideal gas takes at 273.15 K and 101.325 kPa (CODATA, to five digits, as permits write it)."""

ATOMIC_WEIGHTS: Final[Mapping[str, Decimal]] = {
    "H": Decimal("1.00794"),
    "C": Decimal("12.0107"),
    "N": Decimal("14.0067"),
    "O": Decimal("15.9994"),
    "F": Decimal("18.9984032"),
    "S": Decimal("32.065"),
    "Cl": Decimal("35.453"),
    "Br": Decimal("79.904"),
    "Hg": Decimal("200.59"),
}
"""IUPAC standard atomic weights of 2007 (Pure Appl. Chem. 81 (2009) 2131): the last ones without ranges, from which NO2 has
the 46.0055 that methods quote. Later tables move none of them by more than natural variation does."""
COUNTED_AS: Final[Mapping[str, str]] = {"NOx": "NO2", "SOx": "SO2", "TOC": "C", "VOC": "C"}
"""What sums of substances are told as. Carbon is counted in ppm of carbon atoms: one ppm of propane is three of them."""
_OFTEN_MEASURED: Final = ("CO", "CO2", "NO", "NO2", "N2O", "SO2", "HCl", "HF", "NH3", "H2S", "CH4", "Hg")
_FORMULA: Final = re.compile(r"(?:[A-Z][a-z]?[0-9]*)+")
_ATOMS: Final = re.compile(r"([A-Z][a-z]?)([0-9]*)")


@exactly
def molar_mass(substance: str) -> Decimal:
    """Gives the molar mass in g/mol of a formula, as `NO2` or `CH2Cl2`, or of what a sum of substances is told as.

    Raises:
        CannotComputeError: it is neither, as dust.
    """
    formula = COUNTED_AS.get(substance, substance)
    atoms = _ATOMS.findall(formula) if _FORMULA.fullmatch(formula) else []
    if not atoms or any(element not in ATOMIC_WEIGHTS for element, _ in atoms):
        look_up(dict.fromkeys((*COUNTED_AS, *_OFTEN_MEASURED)), substance, "gas")
    return sum((ATOMIC_WEIGHTS[element] * int(count or 1) for element, count in atoms), ZERO)


@exactly
def mg_nm3_of_ppm(ppm: Decimal, molar_mass_g: Decimal, molar_volume_l: Decimal = MOLAR_VOLUME_L) -> Decimal:
    """Gives the mg in one m3 of what is measured in ppm by volume; moisture and oxygen stay as they are.

    Args:
        ppm: parts per million by volume.
        molar_mass_g: in g/mol.
        molar_volume_l: in l/mol, at the temperature and pressure of the limit: 24.055 where that is 293.15 K.

    Raises:
        CannotComputeError: the molar volume is none.
    """
    if molar_volume_l <= 0:
        raise CannotComputeError(f"a molar volume of {molar_volume_l} l/mol is none; the usual one is {MOLAR_VOLUME_L}")
    return ppm * molar_mass_g / molar_volume_l


def kelvin(celsius: Decimal) -> Decimal:
    """Gives a temperature in K."""
    return celsius + ZERO_CELSIUS_K


@dataclass(frozen=True, slots=True)
class Basis:
    """The state that a limit refers to. The defaults are those of European permits; the permit decides.

    Attributes:
        t_k: temperature in K.
        p_kpa: absolute pressure in kPa.
        dry: without water vapour.
        o2_ref: reference oxygen in percent of dry gas; None where the permit knows none.
        k: oxygen in air in percent, 21 or 20.9 (40 CFR 60).
        only_if_above_ref: correct only gas that has more oxygen than the reference.
        o2_margin: how close to `k`, in percent, oxygen may come before the correction says nothing.
    """

    t_k: Decimal = ZERO_CELSIUS_K
    p_kpa: Decimal = Decimal("101.3")
    dry: bool = True
    o2_ref: Decimal | None = None
    k: Decimal = Decimal(21)
    only_if_above_ref: bool = False
    o2_margin: Decimal = ONE

    def __post_init__(self) -> None:
        """Refuses a basis that no gas can have."""
        if self.t_k <= 0 or self.p_kpa <= 0:
            raise CannotComputeError(f"{self.p_kpa} kPa at {self.t_k} K is no state of a gas; the pressure is the absolute one")
        if self.o2_ref is not None and not 0 <= self.o2_ref < self.k - self.o2_margin:
            raise CannotComputeError(f"reference oxygen of {self.o2_ref} % is not between 0 and {self.k - self.o2_margin} %")


@dataclass(frozen=True, slots=True)
class State:
    """What is already done to a concentration when it comes from the instrument.

    Attributes:
        normal: it is at the temperature and pressure of the basis, as what was in ppm is.
        dry: it was measured in dried gas.
        o2_corrected: it is at the reference oxygen.
        o2_dry: the oxygen was measured in dried gas.
    """

    normal: bool = False
    dry: bool = False
    o2_corrected: bool = False
    o2_dry: bool = False


@dataclass(frozen=True, slots=True)
class StackGas:
    """What else was measured of the gas in the same interval, None where it is missing; oxygen dry or wet, as `State` says.

    Attributes:
        t_k: temperature in K.
        p_kpa: absolute pressure in kPa.
        h2o_percent: water in percent of the volume of wet gas.
        o2_percent: oxygen in percent of the volume.
    """

    t_k: Decimal | None = None
    p_kpa: Decimal | None = None
    h2o_percent: Decimal | None = None
    o2_percent: Decimal | None = None


class Step(StrEnum):
    """What is corrected for."""

    TEMPERATURE = "temperature"
    PRESSURE = "pressure"
    MOISTURE = "moisture"
    OXYGEN = "oxygen"


class Skipped(StrEnum):
    """Why a step changes nothing."""

    ON_BASIS = "on_basis"
    NO_REFERENCE = "no_reference"
    NOT_ABOVE_REFERENCE = "not_above_reference"


class Factor(NamedTuple):
    """One step of a correction: a numerator over a denominator, both one where it was skipped."""

    step: Step
    numerator: Decimal = ONE
    denominator: Decimal = ONE
    skipped: Skipped | None = None

    @property
    @exactly
    def value(self) -> Decimal:
        """Gives the factor."""
        return self.numerator / self.denominator


class Corrected(NamedTuple):
    """A concentration at its basis, the four steps there, and the oxygen in percent of dry gas where it was used."""

    value: Decimal
    factors: tuple[Factor, Factor, Factor, Factor]
    o2_dry_percent: Decimal | None


@exactly
def correct(concentration: Decimal, basis: Basis, state: State, gas: StackGas) -> Corrected:
    """Brings a concentration from the state it was measured in to that of the limit.

    It is multiplied by T/Tref, Pref/P, 100/(100 - H2O) and (k - O2ref)/(k - O2dry), without what is already done.

    Raises:
        CannotComputeError: something that a step needs was not measured, is impossible, or so much air is in the gas that the
            correction for oxygen says nothing.
    """
    oxygen, o2_dry = _oxygen(basis, state, gas)
    factors = (_temperature(basis, state, gas), _pressure(basis, state, gas), _moisture(basis, state, gas), oxygen)
    above, below = _measured(concentration, "the concentration"), ONE
    for factor in factors:
        above, below = above * factor.numerator, below * factor.denominator
    return Corrected(above / below, factors, o2_dry)


def _temperature(basis: Basis, state: State, gas: StackGas) -> Factor:
    if state.normal:
        return Factor(Step.TEMPERATURE, skipped=Skipped.ON_BASIS)
    return Factor(Step.TEMPERATURE, _above_zero(gas.t_k, "temperature", "K"), basis.t_k)


def _pressure(basis: Basis, state: State, gas: StackGas) -> Factor:
    if state.normal:
        return Factor(Step.PRESSURE, skipped=Skipped.ON_BASIS)
    return Factor(Step.PRESSURE, basis.p_kpa, _above_zero(gas.p_kpa, "absolute pressure", "kPa"))


def _moisture(basis: Basis, state: State, gas: StackGas) -> Factor:
    if state.dry == basis.dry:
        return Factor(Step.MOISTURE, skipped=Skipped.ON_BASIS)
    dry_share = _dry_share(gas)
    return Factor(Step.MOISTURE, HUNDRED, dry_share) if basis.dry else Factor(Step.MOISTURE, dry_share, HUNDRED)


def _oxygen(basis: Basis, state: State, gas: StackGas) -> tuple[Factor, Decimal | None]:
    if basis.o2_ref is None or state.o2_corrected:
        return Factor(Step.OXYGEN, skipped=Skipped.NO_REFERENCE if basis.o2_ref is None else Skipped.ON_BASIS), None
    measured = _measured(gas.o2_percent, "oxygen")
    dry_share, whole = (ONE, ONE) if state.o2_dry else (_dry_share(gas), HUNDRED)
    o2_dry = measured * whole / dry_share
    if o2_dry >= basis.k - basis.o2_margin:
        raise CannotComputeError(
            f"oxygen of {o2_dry:.2f} % in dry gas is too close to the {basis.k} % of air to correct for (below "
            f"{basis.k - basis.o2_margin} % is needed); leave the interval out as invalid, and look for air drawn in"
        )
    if basis.only_if_above_ref and o2_dry <= basis.o2_ref:
        return Factor(Step.OXYGEN, skipped=Skipped.NOT_ABOVE_REFERENCE), o2_dry
    # Both sides times the dry share: the oxygen in dry gas may have no end, as a third has none.
    return Factor(Step.OXYGEN, (basis.k - basis.o2_ref) * dry_share, basis.k * dry_share - measured * whole), o2_dry


def _dry_share(gas: StackGas) -> Decimal:
    share = HUNDRED - _measured(gas.h2o_percent, "moisture")
    if share <= 0:
        raise CannotComputeError(f"moisture of {gas.h2o_percent} % leaves no dry gas; it is told in percent of the wet gas")
    return share


def _above_zero(value: Decimal | None, what: str, unit: str) -> Decimal:
    measured = _measured(value, what)
    if measured <= 0:
        raise CannotComputeError(f"{what} of {measured} {unit} is impossible; values above zero are needed")
    return measured


def _measured(value: Decimal | None, what: str) -> Decimal:
    if value is None or not value.is_finite():
        raise CannotComputeError(f"{what} was not measured in this interval; measure it, or leave the interval out as invalid")
    return value


class Validated(NamedTuple):
    """An average for the limit and the one it came from. Masses are computed from `normalised`, compliance from `validated`."""

    normalised: Decimal
    validated: Decimal


@exactly
def validate_average(normalised: Decimal, confidence_percent: Decimal, daily_limit: Decimal) -> Validated:
    """Takes the confidence interval off an average, in percent of the daily limit; no less than zero is left."""
    return Validated(normalised, max(ZERO, normalised - confidence_percent * daily_limit / HUNDRED))


_IED_CI: Final[Mapping[str, Decimal]] = {
    "CO": Decimal(10),
    "SO2": Decimal(20),
    "NOx": Decimal(20),
    "dust": Decimal(30),
    "TOC": Decimal(30),
    "HCl": Decimal(40),
    "HF": Decimal(40),
}
CONFIDENCE: Final[Mapping[str, Mapping[str, Decimal]]] = {
    "ied_ci@1": _IED_CI,
    "bimschv_ci@1": {**_IED_CI, "Hg": Decimal(40), "NH3": Decimal(40)},
}
"""Confidence intervals in percent of the daily limit, by profile and parameter: Directive 2010/75/EU, annex V part 3 and annex
VI part 6; with mercury and ammonia as in German ordinances. Defaults; the permit decides."""


def confidence_percent(profile: str, parameter: str) -> Decimal:
    """Gives the confidence interval that a profile knows for a parameter, in percent of the daily limit.

    Raises:
        CannotComputeError: there is no such profile, or it says nothing of the parameter.
    """
    return look_up(look_up(CONFIDENCE, profile, "profile of confidence intervals"), parameter, f"parameter of {profile}")
