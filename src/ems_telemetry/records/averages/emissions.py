"""What an item of the monitoring plan says about a concentration in stack gas, and the rules it stands for."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from pydantic import Field

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.blocks import BlockLength, OwnBlockProfile, OwnDayProfile
from ems_telemetry.records.inputs.operation import StatePoint
from ems_telemetry.records.parameters import Params
from ems_telemetry.records.registers.register import Number, Word
from ems_telemetry.rules.concentrations import MOLAR_VOLUME_L, ZERO_CELSIUS_K, Basis, State
from ems_telemetry.storage.point_facts import PointFacts

PPM: Final = "ppm"
TOLD_IN: Final = {
    PPM: "mg/Nm3",
    "mg/Nm3": "mg/Nm3",
    "mg/m3": "mg/Nm3",
    "ug/Nm3": "ug/Nm3",
    "ug/m3": "ug/Nm3",
    "g/Nm3": "g/Nm3",
    "g/m3": "g/Nm3",
}
"""In which unit a concentration is told once it is at its basis."""


class Auxiliary(StrEnum):
    """What else has to be known of the gas."""

    O2 = "o2"
    H2O = "h2o"
    T = "t"
    P = "p"


_UNITS: Final = {Auxiliary.O2: ("%",), Auxiliary.H2O: ("%",), Auxiliary.T: ("degC", "K"), Auxiliary.P: ("kPa",)}
_NAMES: Final = {
    Auxiliary.O2: "oxygen", Auxiliary.H2O: "moisture", Auxiliary.T: "temperature", Auxiliary.P: "absolute pressure",
}  # fmt: skip


class BasisParams(Params):
    """The state that the limit refers to; defaults as in European permits, the permit decides."""

    t_k: Number = ZERO_CELSIUS_K
    p_kpa: Number = Decimal("101.3")
    dry: bool = True
    o2_ref: Number | None = Field(default=None, description="Reference oxygen in percent of dry gas; null: none.")
    k: Number = Field(default=Decimal(21), description="Oxygen in air in percent: 21, or 20.9 as in 40 CFR 60.")
    only_if_above_ref: bool = False
    o2_margin: Number = Decimal(1)

    def to_basis(self) -> Basis:
        """Gives it as rules have it.

        Raises:
            CannotComputeError: no gas can be in that state.
        """
        return Basis(self.t_k, self.p_kpa, self.dry, self.o2_ref, self.k, self.only_if_above_ref, self.o2_margin)


class MeasuredState(Params):
    """What the instrument has done already. Where nothing is said, nothing."""

    normal: bool = Field(default=False, description="At the temperature and pressure of the basis; ppm always is.")
    dry: bool = False
    o2_corrected: bool = False
    o2_dry: bool = Field(default=False, description="The oxygen was measured in dried gas.")

    def to_state(self, unit: str) -> State:
        """Gives it as rules have it."""
        return State(self.normal or unit == PPM, self.dry, self.o2_corrected, self.o2_dry)


class Auxiliaries(Params):
    """The points that tell the state of the gas."""

    o2: Word | None = None
    h2o: Word | None = None
    t: Word | None = None
    p: Word | None = Field(default=None, description="Absolute pressure.")

    def named(self) -> dict[Auxiliary, str]:
        """Gives those that are named."""
        told = {each: getattr(self, each.value) for each in Auxiliary}
        return {each: point for each, point in told.items() if point is not None}


class AirEmissionParams(Params):
    """What it needs to know."""

    point: Word = Field(description="A gauge of the concentration.", examples=["CEMS-01.nox"])
    substance: Word = Field(description="As `NOx`, `SO2`, `CO`, `dust`.", examples=["NOx"])
    molar_volume_l: Number = Field(
        default=MOLAR_VOLUME_L, gt=0, description="Of ppm: in l/mol at the temperature and pressure of the basis."
    )
    basis: BasisParams = BasisParams()
    measured_state: MeasuredState = MeasuredState()
    auxiliaries: Auxiliaries = Auxiliaries()
    block: BlockLength = BlockLength.HOUR
    block_profile: Word | OwnBlockProfile = Field(examples=["eu_cems_half_hour@1"])
    day_profile: Word | OwnDayProfile | None = None
    mean_profile: Word | None = Field(default=None, description="What a mean over the period needs.")
    state: StatePoint | None = None
    ci_percent: Number | None = Field(default=None, ge=0, le=100, description="Confidence interval, in percent of `elv`.")
    elv: Number | None = Field(default=None, ge=0, description="Daily limit, for the validated average.")


def needed(basis: Basis, state: State) -> set[Auxiliary]:
    """Tells what has to be known of the gas to bring a concentration to its basis."""
    wanted = set() if state.normal else {Auxiliary.T, Auxiliary.P}
    by_oxygen = basis.o2_ref is not None and not state.o2_corrected
    if by_oxygen:
        wanted.add(Auxiliary.O2)
    if state.dry != basis.dry or (by_oxygen and not state.o2_dry):
        wanted.add(Auxiliary.H2O)
    return wanted


def check_auxiliaries(params: AirEmissionParams, wanted: set[Auxiliary]) -> None:
    """Refuses an item that lacks a point it needs.

    Raises:
        CannotComputeError: names what is missing.
    """
    lacking = sorted(wanted - set(params.auxiliaries.named()))
    if lacking:
        names = ", ".join(_NAMES[each] for each in lacking)
        raise CannotComputeError(
            f"no point tells {names} of the gas; name it in auxiliaries, or say in measured_state what is corrected for already"
        )


def check_unit(auxiliary: Auxiliary, point: PointFacts) -> None:
    """Refuses a point that tells something else, or a gauge pressure.

    Raises:
        CannotComputeError: says which unit is needed.
    """
    if point.unit not in _UNITS[auxiliary] or point.quantity in {"gauge_pressure", "differential_pressure"}:
        wanted = f"{_NAMES[auxiliary]} in {' or '.join(_UNITS[auxiliary])}"
        raise CannotComputeError(f"{point.key} tells {point.quantity} in {point.unit}; {wanted} is needed")


def unit_told(point: PointFacts) -> str:
    """Gives the unit of the normalised concentration.

    Raises:
        CannotComputeError: the point is no gauge of a concentration.
    """
    if point.kind != "gauge" or point.unit not in TOLD_IN:
        raise CannotComputeError(
            f"{point.key} is a {point.kind} in {point.unit}; a gauge of a concentration in {', '.join(TOLD_IN)} is needed"
        )
    return TOLD_IN[point.unit]
