"""What an outfall discharged day by day: results of samples, means of a point, volumes, and the loads they make."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from pydantic import Field

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.blocks import days_of, spans_of
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.quarters import Quarter, quarters_of
from ems_telemetry.records.parameters import Params
from ems_telemetry.records.registers.register import Number, Word
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, digits, exactly, settle
from ems_telemetry.rules.discharge import (
    MonthlyMean,
    NonDetects,
    Qualifier,
    Reporting,
    Result,
    average_of,
    substitute,
)
from ems_telemetry.rules.limits import Comparator, Limit, Mode, Ties, compare
from ems_telemetry.rules.mass import load_kg_per_day, volume_of

MG_PER_L: Final[Mapping[str, Decimal]] = {"mg/L": Decimal(1), "ug/L": Decimal("0.001"), "g/L": Decimal(1000)}
"""What units of concentration in water are in mg/L."""
_QUARTER: Final = timedelta(minutes=15)


class DailyLimit(Params):
    """What each day must keep, as the permit states it, in the unit of the item."""

    value: Number
    comparator: Comparator = Comparator.OVER
    mode: Mode = Mode.ABSOLUTE
    decimals: int | None = Field(default=None, ge=0, le=10)
    ties: Ties = Ties.HALF_EVEN

    def to_limit(self) -> Limit:
        """Gives it as rules have it."""
        return Limit(self.value, self.comparator, self.mode, self.decimals, self.ties)


class DischargeParams(Params):
    """What it needs to know."""

    outfall: Word = Field(description="As samples name the place.", examples=["outfall-1"])
    parameter: Word = Field(description="As samples name it.", examples=["COD"])
    unit: Word = Field(default="mg/L", description="What results are told in.")
    point: Word | None = Field(default=None, description="A gauge; its daily mean stands where a day has no sample.")
    least_percent: Number = Field(
        default=HUNDRED, gt=0, le=100, description="Of a day's time that `point` must have measured; the permit decides."
    )
    flow: Word | None = Field(default=None, description="A counter in m3, or a gauge in m3/h.")
    samples_due: int | None = Field(default=None, ge=0, le=366, description="Days of the period that are to be sampled.")
    daily_limit: DailyLimit | None = None
    non_detects: NonDetects = Field(description="What stands for a result below detection, as the permit says.")
    average: MonthlyMean = MonthlyMean.ARITHMETIC
    zero_as: Number | None = Field(default=None, gt=0, description="What stands for zero in a geometric mean.")
    load: bool = False

    def reporting(self) -> Reporting:
        """Gives how results are told."""
        return Reporting(self.non_detects, self.average, self.zero_as)


@dataclass(frozen=True, slots=True)
class OutfallDay:
    """A day: its result and where it is from, how much was discharged, and the load in kg."""

    day: date
    result: Result | None
    source: str | None
    samples: int
    volume_m3: Decimal | None
    load_kg: Decimal | None
    is_uncertain: bool

    def exceeds(self, limit: Limit | None) -> bool:
        """Tells whether the day does not keep a limit; what was not detected does."""
        result = self.result
        if limit is None or result is None or result.value is None or not result.is_detected:
            return False
        return compare(result.value, limit).exceeds

    def details(self, limit: Limit | None) -> dict[str, Any]:
        """Gives it as records tell it."""
        return {
            "day": self.day,
            "value": None if self.result is None or self.result.value is None else settle(self.result.value),
            "text": None if self.result is None else text_of(self.result),
            "source": self.source,
            "samples": self.samples,
            "exceeds": self.exceeds(limit),
            "volume_m3": self.volume_m3,
            "load_kg": None if self.load_kg is None else settle(self.load_kg),
        }


def text_of(result: Result) -> str:
    """Writes a result as laboratories do."""
    if result.qualifier is Qualifier.EXACT and result.value is not None:
        return digits(settle(result.value))
    if result.is_detected:
        return Qualifier.NOT_QUANTIFIED.value
    limit = result.lod if result.lod is not None else result.value
    return "ND" if limit is None else f"<{digits(limit)}"


@exactly
def in_unit(value: Decimal | None, told: str, wanted: str) -> Decimal | None:
    """Gives a result in the unit of the item.

    Raises:
        CannotComputeError: it was told in a unit of another kind.
    """
    if value is None or told == wanted:
        return value
    if told not in MG_PER_L or wanted not in MG_PER_L:
        raise CannotComputeError(f"a sample is told in {told}, and the plan item in {wanted}; state it in one of them")
    return value * MG_PER_L[told] / MG_PER_L[wanted]


def outfall_days(inputs: Mapping[str, Any], params: DischargeParams) -> Iterator[OutfallDay]:
    """Gives every day of a period."""
    samples = {
        date.fromisoformat(day): [_result(each) for each in group]
        for day, group in groupby(inputs["samples"], key=lambda sample: sample["day"])
    }
    measured = None if inputs["point"] is None else quarters_of(inputs["point"])
    flowed = None if inputs["flow"] is None else quarters_of(inputs["flow"])
    for day, spans in spans_of(days_of(inputs["days"])):
        own = slice(spans[0].quarters.start, spans[-1].quarters.stop)
        results = samples.get(day.day, [])
        mean, is_uncertain = (None, False) if measured is None else _mean(measured[own], params.least_percent)
        result = _of_day(results, params.reporting()) if results else mean
        volume = None if flowed is None else _volume(flowed[own], additive=inputs["flow"]["additive"])
        yield OutfallDay(
            day.day,
            result,
            None if result is None else "samples" if results else "point",
            len(results),
            volume,
            _load(result, volume, params) if params.load else None,
            is_uncertain and not results,
        )


def _result(sample: Mapping[str, Any]) -> Result:
    return Result(decimal_of(sample["value"]), Qualifier(sample["qualifier"]), decimal_of(sample["lod"]))


def _of_day(results: Sequence[Result], reporting: Reporting) -> Result:
    """Gives the value of a day: the one result, or the average of several."""
    if len(results) == 1:
        return results[0]
    average = average_of(results, reporting)
    if average.below is not None:
        return Result(average.below, Qualifier.BELOW)
    if average.text == Qualifier.NOT_QUANTIFIED:
        return Result(average.value, Qualifier.NOT_QUANTIFIED)
    return Result(average.value)


@exactly
def _mean(quarters: Sequence[Quarter], least_percent: Decimal) -> tuple[Result | None, bool]:
    known = [quarter for quarter in quarters if quarter.value is not None]
    covered = sum((quarter.coverage for quarter in known), ZERO)
    if not covered or HUNDRED * covered < least_percent * len(quarters):
        return None, False
    weighted = sum(((quarter.value or ZERO) * quarter.coverage for quarter in known), ZERO) / covered
    return Result(settle(weighted)), any(quarter.is_uncertain for quarter in known)


@exactly
def _volume(quarters: Sequence[Quarter], *, additive: bool) -> Decimal | None:
    """Gives the m3 of a day; an approved substitute counts, for what flowed is told apart from what was found in it."""
    values = [quarter.substitute if quarter.value is None else quarter.value for quarter in quarters]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum((value if additive else volume_of(value, _QUARTER) for value in known), ZERO)


@exactly
def _load(result: Result | None, volume: Decimal | None, params: DischargeParams) -> Decimal | None:
    """Gives the kg of a day; what was not detected counts as the permit says, and of a ranking there is none."""
    if volume == 0:
        return ZERO
    if result is None or volume is None or (params.non_detects is NonDetects.MEDIAN and not result.is_detected):
        return None
    return load_kg_per_day(volume, substitute(result, params.non_detects) * MG_PER_L[params.unit])


def known_loads(days: Iterable[OutfallDay]) -> list[Decimal]:
    """Gives the loads that are known."""
    return [day.load_kg for day in days if day.load_kg is not None]
