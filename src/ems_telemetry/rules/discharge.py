"""Figures of a discharge monitoring report: means, greatest and least of a month, and what was below detection."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import ZERO, digits, exactly, mean, settle
from ems_telemetry.rules.limits import Limit, compare


class Qualifier(StrEnum):
    """What a laboratory says of a result."""

    EXACT = "="
    BELOW = "<"
    """Less than the value that is told, which is the detection limit."""
    NOT_DETECTED = "ND"
    NOT_QUANTIFIED = "DNQ"
    """Detected, but below what can be quantified: the value is an estimate."""


class NonDetects(StrEnum):
    """What stands for a result below detection; the permit says which."""

    ZERO = "zero"
    HALF = "half"
    """Half the detection limit."""
    LOD = "lod"
    """The detection limit."""
    MEDIAN = "median"
    """Not the mean but the median, where ND ranks below DNQ and DNQ below values, as permits in California ask."""


class MonthlyMean(StrEnum):
    """How daily values make a monthly one."""

    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"
    """For bacteria."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """How a permit wants a parameter told; `zero_as` is what stands for zero in a geometric mean, as 1 for bacteria."""

    non_detects: NonDetects
    mean: MonthlyMean = MonthlyMean.ARITHMETIC
    zero_as: Decimal | None = None


class Result(NamedTuple):
    """One result, or the value of one day. `lod` is the detection limit where the value itself is not it."""

    value: Decimal | None
    qualifier: Qualifier = Qualifier.EXACT
    lod: Decimal | None = None

    @property
    def is_detected(self) -> bool:
        """Tells whether anything was found."""
        return self.qualifier in {Qualifier.EXACT, Qualifier.NOT_QUANTIFIED}


class Statistic(NamedTuple):
    """A figure as it is reported.

    `value` is None where it is below the detection limit, which is `below`, or was detected without an estimate; `text` says
    so, as `<2` or `DNQ`. A limit less than `below` cannot be judged by it.
    """

    value: Decimal | None
    text: str
    below: Decimal | None = None


class Discharge(NamedTuple):
    """The figures of a month: of `days` values `missing` are not there; `exceedances` are days beyond the daily limit."""

    average: Statistic
    minimum: Statistic
    maximum: Statistic
    days: int
    missing: int
    exceedances: int


def discharge_of(daily: Iterable[Result | None], reporting: Reporting, daily_limit: Limit | None = None) -> Discharge:
    """Makes the figures of a month from its daily values.

    The average is that of the days that are there. What was not detected ranks below what was, and does not exceed.

    Args:
        daily: one for each day that was due, None where it is not there.
        reporting: how the permit wants them told.
        daily_limit: what each day must keep, if anything.

    Raises:
        CannotComputeError: no day is there, or a result lacks what its qualifier or the permit needs.
    """
    given = list(daily)
    there = [each for each in given if each is not None]
    average = average_of(there, reporting)
    ranked = sorted(there, key=_rank)
    beyond = sum(
        daily_limit is not None and each.is_detected and each.value is not None and compare(each.value, daily_limit).exceeds
        for each in there
    )
    return Discharge(average, _told(ranked[0], there), _told(ranked[-1], there), len(there), len(given) - len(there), beyond)


def average_of(results: Sequence[Result], reporting: Reporting) -> Statistic:
    """Averages results as a permit wants it: of nothing but non-detects it is below the greatest detection limit.

    Raises:
        CannotComputeError: there is no result, or one lacks what its qualifier or the permit needs.
    """
    if not results:
        raise CannotComputeError("there is no result to average; report the code that says why, as no discharge")
    if not any(each.is_detected for each in results):
        return _told(results[0], results)
    if reporting.non_detects is NonDetects.MEDIAN and any(each.qualifier is not Qualifier.EXACT for each in results):
        return _median(results)
    values = [substitute(each, reporting.non_detects) for each in results]
    if reporting.mean is MonthlyMean.GEOMETRIC:
        return _exact(geometric_mean(values, reporting.zero_as))
    return _exact(mean(values))


@exactly
def substitute(result: Result, policy: NonDetects) -> Decimal:
    """Gives the number that a result goes into a mean with.

    Raises:
        CannotComputeError: the policy is a ranking, or the result lacks its value or detection limit.
    """
    if result.is_detected:
        if result.value is None or not result.value.is_finite():
            raise CannotComputeError(f'a result "{result.qualifier}" has no value; give the estimate, or let the median decide')
        return result.value
    if policy is NonDetects.ZERO:
        return ZERO
    if policy is NonDetects.MEDIAN:
        raise CannotComputeError(
            "a median ranks what is below detection and puts no number in its place; choose zero, half or lod"
        )
    return _detection_limit(result) / (2 if policy is NonDetects.HALF else 1)


@exactly
def geometric_mean(values: Sequence[Decimal], zero_as: Decimal | None = None) -> Decimal:
    """Gives the geometric mean of one value or more, to 28 digits: as a root it has no end.

    Raises:
        CannotComputeError: a value is below zero, or is zero and nothing stands for it.
    """
    counted = [zero_as if value == 0 and zero_as is not None else value for value in values]
    if any(value <= 0 for value in counted):
        raise CannotComputeError(
            f"{min(counted)} has no place in a geometric mean; say what stands for zero, as 1 for bacteria"
        )
    return settle(mean([value.ln() for value in counted]).exp())


def _median(results: Sequence[Result]) -> Statistic:
    ranked = sorted(results, key=_rank)
    lower, upper = ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2]
    if lower.qualifier is upper.qualifier is Qualifier.EXACT:
        return _exact(mean([substitute(lower, NonDetects.MEDIAN), substitute(upper, NonDetects.MEDIAN)]))
    return _told(lower, results)


def _rank(result: Result) -> tuple[int, Decimal]:
    if not result.is_detected:
        return 0, _detection_limit(result)
    return (1 if result.qualifier is Qualifier.NOT_QUANTIFIED else 2), result.value or ZERO


def _told(result: Result, among: Sequence[Result]) -> Statistic:
    if not result.is_detected:
        below = max(_detection_limit(each) for each in among if not each.is_detected)
        return Statistic(None, f"<{digits(below)}", below)
    if result.qualifier is Qualifier.NOT_QUANTIFIED:
        return Statistic(result.value, Qualifier.NOT_QUANTIFIED)
    return _exact(substitute(result, NonDetects.ZERO))


def _exact(value: Decimal) -> Statistic:
    return Statistic(value, digits(settle(value)))


def _detection_limit(result: Result) -> Decimal:
    limit = result.value if result.lod is None and result.qualifier is Qualifier.BELOW else result.lod
    if limit is None or not limit.is_finite() or limit < 0:
        raise CannotComputeError(f'a result "{result.qualifier}" has no detection limit; take it from the laboratory\'s report')
    return limit
