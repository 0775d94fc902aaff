"""Blocks of a concentration, each with the volume that flowed in it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, Self

from pydantic import Field, model_validator

from ems_telemetry.records.averages.blocks import (
    BlockLength,
    BlockProfile,
    OwnBlockProfile,
    block_profile,
    days_of,
    judge,
    spans_of,
)
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.measuring import calibrated
from ems_telemetry.records.inputs.operation import ROUTINE
from ems_telemetry.records.inputs.quarters import Quarter
from ems_telemetry.records.parameters import Params, PlanName
from ems_telemetry.records.registers.register import Word
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.mass import Emitted, volume_of
from ems_telemetry.rules.validity import Standing

_QUARTER: Final = timedelta(minutes=15)


class Flow(Params):
    """What the concentration is multiplied by: at the same state of the gas."""

    point: Word = Field(description="A gauge in Nm3/h or m3/h, or a counter.", examples=["CEMS-01.flow"])
    is_normal: bool = Field(default=False, description="The point tells Nm3, dry, and calls them m3.")
    at_reference_oxygen: bool | None = Field(
        default=None, description="Whether the volume is at the reference oxygen; needed where the concentration is."
    )
    profile: Word | OwnBlockProfile | None = Field(
        default=None, description="When the mean flow of a block is valid; null: with all its quarters of an hour."
    )


class EmissionMassParams(Params):
    """What it needs to know."""

    emission: PlanName | None = Field(default=None, description="An item of the plan with `air_emission`.", examples=["nox-1"])
    point: Word | None = Field(default=None, description="Or a gauge of a concentration at the state of the flow.")
    block: BlockLength = Field(default=BlockLength.HOUR, description="Of `point`.")
    block_profile: Word | OwnBlockProfile | None = Field(default=None, description="Of `point`.")
    flow: Flow
    substitutes: bool = Field(default=False, description="Let approved substitutes stand in for what is missing.")
    partial: bool = Field(default=False, description="Give what is known although blocks are missing.")

    @model_validator(mode="after")
    def _one_concentration(self) -> Self:
        if (self.emission is None) == (self.point is None):
            raise ValueError("name either `emission`, an item of the plan, or `point`, a concentration")
        if self.point is not None and self.block_profile is None:
            raise ValueError("`point` needs a `block_profile`")
        return self


class EmittedBlock(NamedTuple):
    """What a block gave, and whether a substitute is in it."""

    state: str
    emitted: Emitted
    is_substituted: bool
    is_uncertain: bool

    @property
    def is_known(self) -> bool:
        """Tells whether it goes into the mass."""
        return self.emitted.volume is not None and (self.emitted.concentration is not None or not self.emitted.volume)


class _Concentration(NamedTuple):
    standing: str
    value: Decimal | None
    substitute: Decimal | None
    is_uncertain: bool = False


def emitted_blocks(inputs: Mapping[str, Any], params: EmissionMassParams) -> Iterator[EmittedBlock]:
    """Pairs the concentration of each block of a period with the volume that flowed in it."""
    told = _told(inputs, params) if params.emission is not None else _judged(inputs, params)
    profile = None if params.flow.profile is None else block_profile(params.flow.profile, BlockLength(inputs["block"]))
    days = days_of(inputs["days"])
    quarters = calibrated(inputs["flow"], days[0].start).quarters
    for _, spans in spans_of(days):
        for span in spans:
            concentration = told.get(span.start) or _Concentration(Standing.INVALID, None, None)
            volume, stands_in = _volume(quarters[span.quarters], inputs["flow"]["additive"], profile, params)
            yield _block(concentration, volume, params, by_flow=stands_in)


def _block(told: _Concentration, volume: Decimal | None, params: EmissionMassParams, *, by_flow: bool) -> EmittedBlock:
    if told.standing == Standing.NOT_OPERATING:
        return EmittedBlock(told.standing, Emitted(ZERO, ZERO), is_substituted=False, is_uncertain=False)
    instead = params.substitutes and told.value is None and told.substitute is not None
    value = told.substitute if instead else told.value
    return EmittedBlock(told.standing, Emitted(value, volume), instead or by_flow, told.is_uncertain)


@exactly
def _told(inputs: Mapping[str, Any], params: EmissionMassParams) -> dict[datetime, _Concentration]:
    """Reads the blocks of records; where the volume is not at reference oxygen, the correction for it is taken back."""
    by_start = {}
    for start, standing, normalised, substitute, oxygen in inputs["blocks"]:
        back = Decimal(1) if params.flow.at_reference_oxygen is not False or oxygen is None else Decimal(oxygen)
        value, instead = decimal_of(normalised), decimal_of(substitute)
        by_start[datetime.fromisoformat(start)] = _Concentration(
            standing, None if value is None else value / back, None if instead is None else instead / back
        )
    return by_start


def _judged(inputs: Mapping[str, Any], params: EmissionMassParams) -> dict[datetime, _Concentration]:
    """Averages the quarters of a point."""
    days, by_start = days_of(inputs["days"]), {}
    quarters = calibrated(inputs["concentration"], days[0].start).quarters
    profile = block_profile(params.block_profile or "", BlockLength(inputs["block"]))
    for _, spans in spans_of(days):
        for span in spans:
            own = quarters[span.quarters]
            block = judge(own, [ROUTINE] * len(own), profile)
            by_start[span.start] = _Concentration(block.standing, block.mean, block.substitute, block.is_uncertain)
    return by_start


@exactly
def _volume(
    quarters: Sequence[Quarter],
    additive: bool,  # noqa: FBT001  # as inputs have it
    profile: BlockProfile | None,
    params: EmissionMassParams,
) -> tuple[Decimal | None, bool]:
    """Gives the volume of a block, and whether a substitute is in it."""
    if profile is not None and not additive:
        judged = judge(quarters, [ROUTINE] * len(quarters), profile)
        if judged.mean is not None:
            return volume_of(judged.mean, len(quarters) * _QUARTER), False
    values = [quarter.substitute if quarter.value is None and params.substitutes else quarter.value for quarter in quarters]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None, False
    stands_in = any(quarter.value is None for quarter in quarters)
    return sum((value if additive else volume_of(value, _QUARTER) for value in known), ZERO), stands_in
