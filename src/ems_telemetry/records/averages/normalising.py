"""From the quarters of a concentration and of what else was measured of the gas to blocks at the basis of the limit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.blocks import BlockProfile, DayBlocks, Judged, Span, block_profile, judge, spans_of
from ems_telemetry.records.averages.emissions import PPM, AirEmissionParams, Auxiliary
from ems_telemetry.records.inputs.measuring import Calibrated
from ems_telemetry.records.inputs.operation import Operation, QuarterState, block_state
from ems_telemetry.records.inputs.quarters import Quarter
from ems_telemetry.rules.arithmetic import settle
from ems_telemetry.rules.concentrations import (
    Basis,
    Corrected,
    StackGas,
    State,
    Step,
    correct,
    kelvin,
    mg_nm3_of_ppm,
    molar_mass,
    validate_average,
)
from ems_telemetry.rules.validity import Standing


@dataclass(frozen=True, slots=True)
class EmissionBlock:
    """A block of a concentration.

    Attributes:
        day: by the clock of the place.
        start: when it begins.
        end: when it is over.
        standing: `valid` only with all that it was normalised by.
        state: of the unit.
        counts: whether it goes into means: it is valid, and its state is not an excluded one.
        reason: why it is valid or not.
        raw: mean as measured, in the unit of the point.
        calibrated: mean by the function in force, in the same unit; None where none was.
        is_outside: the function gave something outside of the range it is valid in.
        normalised: at the basis; what masses are computed from.
        validated: less the confidence interval; what limits are compared with. None where no interval is known.
        substitute: what stands in, at the basis; None unless approved. Never measured.
        gas: what it was normalised by.
        oxygen_factor: of the correction for oxygen, 1 where there was none.
        is_uncertain: a reading in it was.
        is_corrected: a person put a value in the place of a measured one.
    """

    day: date
    start: datetime
    end: datetime
    standing: Standing
    state: Operation
    counts: bool
    reason: str
    raw: Decimal | None
    calibrated: Decimal | None
    is_outside: bool
    normalised: Decimal | None
    validated: Decimal | None
    substitute: Decimal | None
    gas: Mapping[Auxiliary, Decimal]
    oxygen_factor: Decimal | None
    is_uncertain: bool
    is_corrected: bool

    def day_standing(self) -> Standing:
        """Tells what became of it as days count: one in an excluded state was not due."""
        return Standing.NOT_OPERATING if self.standing is Standing.VALID and not self.counts else self.standing

    def details(self, *, with_calibration: bool = False) -> dict[str, Any]:
        """Gives it as records tell it."""
        more = {"calibrated": self.calibrated, "outside_range": self.is_outside} if with_calibration else {}
        return {
            "start": self.start, "end": self.end, "standing": self.standing, "valid": self.standing is Standing.VALID,
            "state": self.state, "counts": self.counts, "reason": self.reason, "raw": self.raw,
            "normalised": self.normalised, "validated": self.validated, "substitute": self.substitute,
            "o2_percent": self.gas.get(Auxiliary.O2), "h2o_percent": self.gas.get(Auxiliary.H2O),
            "t_k": self.gas.get(Auxiliary.T), "p_kpa": self.gas.get(Auxiliary.P), "oxygen_factor": self.oxygen_factor,
            **more,
        }  # fmt: skip


class Series(NamedTuple):
    """The quarters of one point, and in which state each was."""

    quarters: Sequence[Quarter]
    states: Sequence[QuarterState]

    def judged(self, place: slice, profile: BlockProfile) -> Judged:
        """Judges a block of it."""
        return judge(self.quarters[place], self.states[place], profile)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured in a period, quarter by quarter; units of temperature in K.

    `calibration` tells what the concentration was before; None where nothing is calibrated. Each series has the states of the
    unit with those of its own instrument.
    """

    unit: str
    concentration: Series
    auxiliaries: Mapping[Auxiliary, Series]
    calibration: Calibrated | None = None


class Normaliser:
    """Makes blocks at the basis of what was measured."""

    def __init__(self, params: AirEmissionParams, unit: str) -> None:
        self._params = params
        self._profile: BlockProfile = block_profile(params.block_profile, params.block)
        self._basis: Basis = params.basis.to_basis()
        self._state: State = params.measured_state.to_state(unit)
        self._mass_g = molar_mass(params.substance) if unit == PPM else None
        self._excluded = frozenset(() if params.state is None else params.state.excluded)

    def blocks_of(self, measured: Measured, days: Sequence[DayBlocks]) -> Iterator[EmissionBlock]:
        """Gives the blocks of all days."""
        for day, spans in spans_of(days):
            for span in spans:
                yield self._block(measured, day.day, span)

    def _block(self, measured: Measured, day: date, span: Span) -> EmissionBlock:
        main = measured.concentration.judged(span.quarters, self._profile)
        others = {name: series.judged(span.quarters, self._profile) for name, series in measured.auxiliaries.items()}
        gas = {name: other.mean for name, other in others.items() if other.mean is not None}
        standing, reason = main.standing, main.reason
        corrected = validated = None
        if main.mean is not None:
            try:
                corrected = self._correct(main.mean, gas)
            except CannotComputeError as error:
                standing, reason = Standing.INVALID, self._why(error, others)
        normalised = None if corrected is None else settle(corrected.value)
        if normalised is not None:
            validated = self._validated(normalised)
        state = block_state(measured.concentration.states[span.quarters], self._excluded)
        instead = self._substitute(standing, main, gas)
        return EmissionBlock(
            day, span.start, span.end, standing, state, standing is Standing.VALID and state not in self._excluded, reason,
            *self._before_and_after(measured, span, main), normalised, validated,
            None if instead is None else settle(instead.value), gas, _oxygen_factor(corrected or instead),
            main.is_uncertain or any(other.is_uncertain for other in others.values()),
            main.is_corrected or any(other.is_corrected for other in others.values()),
        )  # fmt: skip

    def _before_and_after(self, measured: Measured, span: Span, main: Judged) -> tuple[Decimal | None, Decimal | None, bool]:
        """Gives the mean as measured, that by the function, and whether the function is beyond its range."""
        if measured.calibration is None or not any(measured.calibration.is_calibrated[span.quarters]):
            return main.mean, None, False
        shown = Series(measured.calibration.raw, measured.concentration.states).judged(span.quarters, self._profile)
        return shown.mean, main.mean, any(measured.calibration.is_outside[span.quarters])

    def _correct(self, raw: Decimal, gas: Mapping[Auxiliary, Decimal]) -> Corrected:
        concentration = raw
        if self._mass_g is not None:
            concentration = mg_nm3_of_ppm(raw, self._mass_g, self._params.molar_volume_l)
        told = StackGas(gas.get(Auxiliary.T), gas.get(Auxiliary.P), gas.get(Auxiliary.H2O), gas.get(Auxiliary.O2))
        return correct(concentration, self._basis, self._state, told)

    def _validated(self, normalised: Decimal) -> Decimal | None:
        ci, limit = self._params.ci_percent, self._params.elv
        return None if ci is None or limit is None else settle(validate_average(normalised, ci, limit).validated)

    def _substitute(self, standing: Standing, main: Judged, gas: Mapping[Auxiliary, Decimal]) -> Corrected | None:
        """Brings what stands in to the basis; where the gas is not known there is nothing to bring it by."""
        if standing is not Standing.INVALID or main.substitute is None:
            return None
        try:
            return self._correct(main.substitute, gas)
        except CannotComputeError:
            return None

    @staticmethod
    def _why(error: CannotComputeError, others: Mapping[Auxiliary, Judged]) -> str:
        lacking = [f"{name}: {other.reason}" for name, other in others.items() if other.mean is None]
        return "; ".join([str(error), *lacking])


def _oxygen_factor(corrected: Corrected | None) -> Decimal | None:
    if corrected is None:
        return None
    return next(settle(factor.value) for factor in corrected.factors if factor.step is Step.OXYGEN)


def auxiliary_quarters(auxiliary: Auxiliary, unit: str, quarters: Sequence[Quarter]) -> list[Quarter]:
    """Gives what was measured of the gas as rules have it: temperatures in K; what stands in counts as known.

    A substitute of the gas is approved by a second person like any other, and the flags of the record name it.
    """
    by_substitute = [
        quarter._replace(value=quarter.substitute, coverage=Decimal(1)) if quarter.substitute is not None else quarter
        for quarter in quarters
    ]
    if auxiliary is not Auxiliary.T or unit == "K":
        return by_substitute
    return [quarter if quarter.value is None else quarter._replace(value=kelvin(quarter.value)) for quarter in by_substitute]
