"""What a permit asks: obligations, and the limits in them, each as the permit words it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Self, TypeAlias

from pydantic import Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.model import Scope
from ems_telemetry.records.registers.limit_profiles import block_profile, counted_minutes, day_profile, said
from ems_telemetry.records.registers.operations import OperatingState, StateRegister
from ems_telemetry.records.registers.register import Body, Number, Register, Sha256, Text, Word
from ems_telemetry.rules.discharge import NonDetects
from ems_telemetry.rules.limit_sets import LIMIT_SETS, Averaging, limit_set
from ems_telemetry.rules.limits import Comparator, Mode, Ties
from ems_telemetry.rules.ph import ph_profile

MOST_STATES: Final = 100
LARGEST_CODE: Final = 2**31
Code: TypeAlias = Annotated[int, Field(ge=-LARGEST_CODE, le=LARGEST_CODE)]
"""A number that stands for a state of operation."""


class ObligationBody(Body):
    """A permit, licence or other binding document, and what of it is to be kept."""

    reference: Word = Field(description="As the document names itself.", examples=["Permit 12/2024"])
    issuer: Word = Field(description="Who issued it.", examples=["Regional authority"])
    title: Text = Field(examples=["Operation of boiler 2"])
    document_sha256: Sha256 | None = Field(default=None, description="SHA-256 of the document, which is kept elsewhere.")
    conditions: Annotated[list[Text], Field(max_length=200)] = Field(
        default=[], description="What it asks, in its own words.", examples=[["3.2: NOx 200 mg/Nm3 as daily mean"]]
    )


class Statistic(StrEnum):
    """What of a period is compared with a limit."""

    HOURLY_MEAN = "hourly_mean"
    HALF_HOUR_MEAN = "half_hour_mean"
    DAILY_MEAN = "daily_mean"
    MONTHLY_MEAN = "monthly_mean"
    DAILY_MAX = "daily_max"
    MONTHLY_AVG = "monthly_avg"
    ROLLING_MEAN = "rolling_mean"
    GEOMETRIC_MEAN = "geometric_mean"
    PH_EXCURSIONS = "ph_excursions"
    TOTAL = "total"


BLOCK_MINUTES: Final[Mapping[str, int]] = {
    Statistic.HOURLY_MEAN: 60, Statistic.HALF_HOUR_MEAN: 30, "wi@1": 30, "lcp@1": 60, "ch_lrv15@1": 60,
}  # fmt: skip
"""How long the blocks are that statistics and sets are of, where that is fixed."""
OF_DAYS: Final = frozenset({Statistic.DAILY_MAX, Statistic.MONTHLY_AVG, Statistic.GEOMETRIC_MEAN})
"""Statistics of one value a day, whether that is a mean or a total."""


class Rounding(Body):
    """How a value is rounded before it is compared."""

    mode: Mode = Mode.ABSOLUTE
    decimals: Annotated[int, Field(ge=0, le=20)] | None = Field(
        default=None, description="As many as the limit is written with, if not said."
    )
    ties: Ties = Ties.HALF_EVEN


def _is_unsaid(value: object) -> bool:
    return value is None or value is False or value == []


class LimitBody(Body):
    """A limit as the permit words it. It judges a point, or the records of an item of the monitoring plan."""

    obligation: Word = Field(description="The obligation it is part of.", examples=["O-1"])
    parameter: Word = Field(description="What is limited.", examples=["NOx"])
    point: Word | None = Field(default=None, description="The point it judges.", examples=["ST-01.nox"])
    plan: Word | None = Field(default=None, description="The item of the monitoring plan whose records it judges.")
    unit: Word = Field(description="Of the values; that of what is judged.", examples=["mg/Nm3"])
    statistic: Word = Field(
        description=f"What is compared: {', '.join(Statistic)}, or a set of criteria: {', '.join(LIMIT_SETS)}.",
        examples=["daily_mean"],
    )
    value: Number | None = Field(default=None, description="The limit; sets and pH have `values`.", examples=["200"])
    values: Annotated[dict[Word, Number], Field(max_length=10)] = Field(
        default={}, description="The limits of a set by name (`elv`, `a`, `b`); of pH its range (`low`, `high`)."
    )
    comparator: Comparator = Field(default=Comparator.OVER, description="What of a value exceeds it.")
    rounding: Rounding = Rounding()
    factor_of_limit: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="Compared with so many times the value.", examples=["1.1"]
    )
    ci_percent: Annotated[Number, Field(ge=0, le=100)] | None = Field(
        default=None, description="The confidence interval taken off hours and half-hours, in percent of the limit of a day."
    )
    block_validity: Word | None = Field(
        default=None, description="By which profile an hour or half-hour is valid.", examples=["eu_cems_half_hour@1"]
    )
    day_validity: Word | None = Field(
        default=None, description="By which profile a day is valid.", examples=["de_half_hour_day@1"]
    )
    availability: Word | None = Field(
        default=None, description="By which profile the availability is told; it does not decide.", examples=["us_cems_75_90@1"]
    )
    ph_profile: Word | None = Field(default=None, description="How long pH may be outside.", examples=["ph_401_17@1"])
    rolling_days: Annotated[int, Field(ge=1, le=366)] | None = Field(
        default=None, description="Of how many operating days a rolling mean is."
    )
    required_percent: Annotated[Number, Field(gt=0, le=100)] = Field(
        description="How much of a period must be valid before it can be called compliant, in percent.", examples=["80"]
    )
    state_point: Word | None = Field(default=None, description="The point that tells the state of operation.")
    states: Annotated[dict[Word, Annotated[list[Code], Field(min_length=1, max_length=MOST_STATES)]], Field(max_length=50)] = (
        Field(default={}, description="The numbers of that point by the name of the state.", examples=[{"off": [0]}])
    )
    off_states: list[Word] = Field(default=[], description="States in which nothing operates: nothing is due.")
    exclude_states: list[Word] = Field(
        default=[], description="States in which the limit does not apply; what exceeds is told and not counted."
    )
    state_register: StateRegister | None = Field(
        default=None, exclude_if=_is_unsaid,
        description="States that people stated, by their names there, as `off`, `start_up`, `shut_down`, `malfunction`.",
    )  # fmt: skip
    maintenance_states: list[Word] = Field(
        default=[], exclude_if=_is_unsaid,
        description="Of `states`, those in which the instrument is tested or maintained: what it shows does not count.",
    )  # fmt: skip
    instrument_maintenance: bool = Field(
        default=False, exclude_if=_is_unsaid,
        description="Let maintenance of the instrument count that is stated, or follows from its checks.",
    )  # fmt: skip
    nd_policy: NonDetects | None = Field(default=None, description="What stands for a result below detection.")
    zero_as: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="What stands for zero in a geometric mean, as 1 for bacteria."
    )

    @property
    def is_set(self) -> bool:
        """Tells whether the statistic is a set of criteria."""
        return self.statistic in LIMIT_SETS

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.point is None) == (self.plan is None):
            raise ValueError("name either the point or the item of the monitoring plan that it judges")
        _check_statistic(self)
        _check_values(self)
        _check_validity(self)
        _check_states(self)
        return self


def _check_statistic(body: LimitBody) -> None:
    if body.statistic not in set(Statistic):
        try:
            limit_set(body.statistic)
        except CannotComputeError as error:
            raise ValueError(f"{error}; statistics are {', '.join(Statistic)}") from error
    if (body.statistic == Statistic.ROLLING_MEAN) != (body.rolling_days is not None):
        raise ValueError("`rolling_days` belongs to `rolling_mean`, and it needs them")
    if (body.statistic == Statistic.PH_EXCURSIONS) != (body.ph_profile is not None):
        raise ValueError("`ph_profile` belongs to `ph_excursions`, and it needs one")


def _check_values(body: LimitBody) -> None:
    needed: Sequence[str] = ()
    if body.is_set:
        needed = LIMIT_SETS[body.statistic].limits
    elif body.statistic == Statistic.PH_EXCURSIONS:
        needed = ("low", "high")
    if needed and (body.value is not None or set(body.values) != set(needed)):
        raise ValueError(f"{body.statistic} needs `values` named {', '.join(needed)}, and no `value`")
    if not needed and (body.value is None or body.values):
        raise ValueError(f"{body.statistic} needs a `value`, and no `values`")
    if body.statistic == Statistic.PH_EXCURSIONS and not body.values["low"] < body.values["high"]:
        raise ValueError("`low` is not below `high`; a range of pH needs both ends")
    if body.factor_of_limit is not None and needed:
        raise ValueError(f"`factor_of_limit` is for a `value`; {body.statistic} says itself what it multiplies")


def _check_validity(body: LimitBody) -> None:
    block, day = block_profile(body.block_validity), day_profile(body.day_validity)
    if body.ph_profile is not None:
        said(ph_profile, body.ph_profile)
    if block is None and body.point is not None and needs_blocks(body):
        raise ValueError(f"{body.statistic} needs `block_validity`: by which profile an hour or half-hour is valid")
    if day is None and body.point is not None and _needs_days(body):
        raise ValueError(f"{body.statistic} needs `day_validity`: by which profile a day is valid")
    for minutes, counting in counted_minutes(body.day_validity, body.availability):
        if block is not None and block.minutes != minutes:
            raise ValueError(f"{counting} counts blocks of {minutes} min, and {block.id} judges those of {block.minutes} min")
    wanted_min = BLOCK_MINUTES.get(body.statistic)
    if block is not None and wanted_min is not None and block.minutes != wanted_min:
        raise ValueError(f"{body.statistic} is of {wanted_min} min, and {block.id} judges {block.minutes} min")


def _check_states(body: LimitBody) -> None:
    is_stated = body.state_register is not None
    if body.state_point is None and (body.states or (not is_stated and (body.off_states or body.exclude_states))):
        raise ValueError("name the `state_point` that tells the states")
    if (body.state_point is not None or is_stated) and body.statistic == Statistic.TOTAL:
        raise ValueError("a total counts in every state; leave `state_point` and `state_register` out")
    if body.point is None and (is_stated or body.maintenance_states or body.instrument_maintenance):
        raise ValueError("the item of the plan tells the states and the maintenance of what it makes; say them there")
    codes = [code for each in body.states.values() for code in each]
    if len(codes) != len(set(codes)):
        raise ValueError("`states` give one number to two states")
    known = {*body.states, *(OperatingState if is_stated else ())}
    strange = {*body.off_states, *body.exclude_states} - known | set(body.maintenance_states) - set(body.states)
    if strange:
        raise ValueError(f"`states` do not tell the number of {', '.join(sorted(strange))}")


def needs_blocks(body: LimitBody) -> bool:
    """Tells whether a statistic is made of hours or half-hours that a profile must judge."""
    if body.is_set:
        return any(each is not Averaging.SAMPLE for each in LIMIT_SETS[body.statistic].averagings)
    return body.statistic not in {Statistic.PH_EXCURSIONS, Statistic.TOTAL, *OF_DAYS}


def takes_blocks(body: LimitBody) -> bool:
    """Tells whether a limit on an item of the plan judges the hours or half-hours in its records, and not their values."""
    of_hours = {Statistic.HOURLY_MEAN, Statistic.HALF_HOUR_MEAN, Statistic.ROLLING_MEAN}
    return body.plan is not None and (body.statistic in of_hours or (body.is_set and needs_blocks(body)))


def _needs_days(body: LimitBody) -> bool:
    if body.is_set:
        return Averaging.DAY in LIMIT_SETS[body.statistic].averagings
    return body.statistic == Statistic.DAILY_MEAN


def _points(body: LimitBody) -> list[str]:
    return [key for key in (body.point, body.state_point) if key is not None]


def _units(body: LimitBody) -> dict[str, str]:
    return {} if body.point is None else {body.point: body.unit}


REGISTERS = (
    Register(
        kind="obligation",
        path="obligations",
        title="Permits and other binding documents, with what they ask.",
        body=ObligationBody,
        example=ObligationBody(
            reference="Permit 12/2024",
            issuer="Regional authority",
            title="Operation of boiler 2",
            conditions=["3.2: NOx 200 mg/Nm3 as daily mean"],
        ),
        scopes=(Scope.METHODS,),
        needs_approval=True,
        needs_site=True,
    ),
    Register(
        kind="limit",
        path="limits",
        title="Limits of permits: what is compared with what, how, and how much must be known.",
        body=LimitBody,
        example=LimitBody(
            obligation="O-1",
            parameter="NOx",
            point="ST-01.nox",
            unit="mg/Nm3",
            statistic=Statistic.DAILY_MEAN,
            value=Decimal(200),
            block_validity="eu_cems_half_hour@1",
            day_validity="de_half_hour_day@1",
            required_percent=Decimal(80),
        ),
        scopes=(Scope.METHODS,),
        needs_approval=True,
        needs_site=True,
        points_of=_points,
        units_of=_units,
    ),
)
