"""A value against a limit: compared as the limit says, rounded only where it says so, and what follows for compliance."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import HUNDRED, exactly


class Comparator(StrEnum):
    """How a value must stand to the limit to exceed it."""

    OVER = ">"
    AT_OR_OVER = ">="
    UNDER = "<"
    """Of a minimum, as the temperature of an afterburner."""
    AT_OR_UNDER = "<="


class Mode(StrEnum):
    """Whether a value is rounded before it is compared."""

    ABSOLUTE = "absolute"
    ROUNDING = "rounding"


class Ties(StrEnum):
    """Where a value goes that lies halfway (ASTM E29: to the even digit)."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"


ROUNDINGS: Final = {Ties.HALF_EVEN: ROUND_HALF_EVEN, Ties.HALF_UP: ROUND_HALF_UP}
"""The modes of `decimal` that they are."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as a permit states it.

    Attributes:
        value: in the unit of what is compared.
        comparator: what exceeds it.
        mode: whether values are rounded before.
        decimals: to how many decimals they are; None takes as many as the limit is written with.
        ties: where halves go.
    """

    value: Decimal
    comparator: Comparator = Comparator.OVER
    mode: Mode = Mode.ABSOLUTE
    decimals: int | None = None
    ties: Ties = Ties.HALF_EVEN

    def __post_init__(self) -> None:
        """Refuses a limit that nothing can be compared with."""
        if not self.value.is_finite():
            raise CannotComputeError(f"a limit of {self.value} is no number to compare with")

    @property
    def is_minimum(self) -> bool:
        """Tells whether values below it exceed it."""
        return self.comparator in {Comparator.UNDER, Comparator.AT_OR_UNDER}

    @property
    def places(self) -> int:
        """Gives the decimals that values are rounded to."""
        return self.decimals if self.decimals is not None else max(0, -int(self.value.as_tuple().exponent))

    @exactly
    def times(self, factor: Decimal) -> "Limit":
        """Gives a multiple of the limit; values are still rounded to the decimals of the limit itself."""
        return replace(self, value=self.value * factor, decimals=self.places)


class Comparison(NamedTuple):
    """A value, what it was compared as, and the outcome.

    `margin_percent` is how far the compared value stays within the limit, in percent of the limit; below zero it is beyond, and
    None where the limit is zero.
    """

    value: Decimal
    compared: Decimal
    limit: Decimal
    exceeds: bool
    margin_percent: Decimal | None


@exactly
def compare(value: Decimal, limit: Limit) -> Comparison:
    """Compares a value with a limit, as the limit says.

    Raises:
        CannotComputeError: the value is no number.
    """
    if not value.is_finite():
        raise CannotComputeError(f"{value} cannot be compared with a limit; a value that is not known is left out")
    compared = _rounded(value, limit)
    room = compared - limit.value if limit.is_minimum else limit.value - compared
    strict = limit.comparator in {Comparator.OVER, Comparator.UNDER}
    margin = HUNDRED * room / abs(limit.value) if limit.value else None
    return Comparison(value, compared, limit.value, room < 0 or (room == 0 and not strict), margin)


def _rounded(value: Decimal, limit: Limit) -> Decimal:
    if limit.mode is Mode.ABSOLUTE:
        return value
    return value.quantize(Decimal(1).scaleb(-limit.places), ROUNDINGS[limit.ties])


class Status(StrEnum):
    """What an evaluation of compliance says."""

    NON_COMPLIANT = "non_compliant"
    INDETERMINATE = "indeterminate"
    """Nothing valid exceeds, but too little is valid to say more."""
    COMPLIANT = "compliant"
    NOT_APPLICABLE = "not_applicable"
    """Nothing was in operation, or nothing was discharged."""


class Evidence(NamedTuple):
    """How much of a period is valid, in percent (None: not known), how much must be, and whether anything was in operation."""

    complete_percent: Decimal | None
    required_percent: Decimal
    operated: bool = True


def status_of(evidence: Evidence, *, exceeds: bool) -> Status:
    """Gives the status: a valid exceedance counts however little else is known; without one, enough must be known."""
    if exceeds:
        return Status.NON_COMPLIANT
    if not evidence.operated:
        return Status.NOT_APPLICABLE
    if evidence.complete_percent is None or evidence.complete_percent < evidence.required_percent:
        return Status.INDETERMINATE
    return Status.COMPLIANT


class Evaluation(NamedTuple):
    """The outcome of a period: its status, the worst of its valid statistics, how many there were and how many exceed."""

    status: Status
    worst: Comparison | None
    valid: int
    exceedances: int
    evidence: Evidence


def evaluate(statistics: Iterable[Decimal | None], limit: Limit, evidence: Evidence) -> Evaluation:
    """Evaluates the statistics of a period, as its daily means, against a limit.

    Args:
        statistics: None where one is not valid.
        limit: what each must keep.
        evidence: how much of the period is valid; without any valid statistic too little is.
    """
    compared = [compare(value, limit) for value in statistics if value is not None]
    status = status_of(evidence, exceeds=any(each.exceeds for each in compared))
    if not compared and status is Status.COMPLIANT:
        status = Status.INDETERMINATE
    worst = (min if limit.is_minimum else max)(compared, key=lambda each: each.value, default=None)
    return Evaluation(status, worst, len(compared), sum(each.exceeds for each in compared), evidence)
