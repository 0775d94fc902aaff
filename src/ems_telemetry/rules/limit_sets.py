"""Sets of criteria that several averages of one parameter must keep together, as named and versioned profiles.

A set is a list of clauses that all must hold; a clause is a list of criteria of which one is enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import HUNDRED, exactly, percent_of
from ems_telemetry.rules.catalogue import look_up
from ems_telemetry.rules.limits import Comparison, Evidence, Limit, Status, compare, status_of


class Averaging(StrEnum):
    """What one value is the mean of."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    HALF_HOUR = "half_hour"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Criterion:
    """At least `share_percent` of the values of one averaging keep `factor` times the limit of a name."""

    averaging: Averaging
    limit: str = "elv"
    factor: Decimal = Decimal(1)
    share_percent: Decimal = HUNDRED


@dataclass(frozen=True, slots=True)
class LimitSet:
    """A named version of criteria; `period` is what it is judged over, `source` where it comes from."""

    id: str
    clauses: tuple[tuple[Criterion, ...], ...]
    period: str
    source: str

    @property
    def limits(self) -> tuple[str, ...]:
        """Names the limits that it needs."""
        return tuple(dict.fromkeys(each.limit for clause in self.clauses for each in clause))

    @property
    def averagings(self) -> tuple[Averaging, ...]:
        """Names the averages that it needs."""
        return tuple(dict.fromkeys(each.averaging for clause in self.clauses for each in clause))


_SETS: Final = (
    LimitSet(
        "lcp@1",
        (
            (Criterion(Averaging.MONTH),),
            (Criterion(Averaging.DAY, factor=Decimal("1.1")),),
            (Criterion(Averaging.HOUR, factor=Decimal(2), share_percent=Decimal(95)),),
        ),
        period="year",
        source="Directive 2010/75/EU, annex V part 4; default, the permit decides",
    ),
    LimitSet(
        "wi@1",
        (
            (Criterion(Averaging.DAY),),
            (Criterion(Averaging.HALF_HOUR, "a"), Criterion(Averaging.HALF_HOUR, "b", share_percent=Decimal(97))),
        ),
        period="year",
        source="Directive 2010/75/EU, annex VI part 8",
    ),
    LimitSet(
        "ch_lrv15@1",
        (
            (Criterion(Averaging.DAY),),
            (Criterion(Averaging.HOUR, factor=Decimal("1.2"), share_percent=Decimal(97)),),
            (Criterion(Averaging.HOUR, factor=Decimal(2)),),
        ),
        period="year",
        source="Swiss Ordinance on Air Pollution Control (LRV), article 15",
    ),
    LimitSet(
        "tss_95_100@1",
        ((Criterion(Averaging.SAMPLE, "a", share_percent=Decimal(95)),), (Criterion(Averaging.SAMPLE, "b"),)),
        period="year",
        source="Directive 2010/75/EU, annex VI part 8: suspended solids in waste water from flue gas cleaning",
    ),
)
LIMIT_SETS: Final[Mapping[str, LimitSet]] = {each.id: each for each in _SETS}
"""The sets there are, by their names."""


def limit_set(name: str) -> LimitSet:
    """Gives a set by its name.

    Raises:
        CannotComputeError: there is none of this name; the message gives the nearest.
    """
    return look_up(LIMIT_SETS, name, "limit set")


@dataclass(frozen=True, slots=True)
class CriterionOutcome:
    """How many of the valid values keep a criterion, how many are missing, and the worst of them."""

    criterion: Criterion
    valid: int
    keeping: int
    missing: int
    worst: Comparison | None

    @property
    def percent(self) -> Decimal | None:
        """Gives the share of valid values that keep it."""
        return percent_of(self.keeping, self.valid) if self.valid else None

    @property
    @exactly
    def holds(self) -> bool | None:
        """Tells whether enough of the valid values keep it; None without any. The share is not rounded."""
        return HUNDRED * self.keeping >= self.criterion.share_percent * self.valid if self.valid else None

    @property
    @exactly
    def surely_broken(self) -> bool:
        """Tells whether it would be broken even if all missing values kept it."""
        return HUNDRED * (self.keeping + self.missing) < self.criterion.share_percent * (self.valid + self.missing)


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """The outcome of each criterion, clause by clause."""

    set_id: str
    clauses: tuple[tuple[CriterionOutcome, ...], ...]

    @property
    def broken(self) -> tuple[tuple[CriterionOutcome, ...], ...]:
        """Gives the clauses that do not hold."""
        return tuple(clause for clause in self.clauses if _holds(clause) is False)

    @property
    def holds(self) -> bool | None:
        """Tells whether all clauses hold; None where none is broken and one has no values."""
        if self.broken:
            return False
        return None if any(_holds(clause) is None for clause in self.clauses) else True

    def status(self, evidence: Evidence) -> Status:
        """Gives the status of the period.

        On too little data a share of values says nothing: it is only broken where the missing ones cannot mend it. Without
        values for every clause the status is never compliant.
        """
        surely = any(all(each.surely_broken for each in clause) for clause in self.clauses)
        status = status_of(evidence, exceeds=surely)
        if status is not Status.COMPLIANT or self.holds:
            return status
        return Status.INDETERMINATE if self.holds is None else Status.NON_COMPLIANT


def judge(chosen: LimitSet, values: Mapping[Averaging, Sequence[Decimal | None]], limits: Mapping[str, Limit]) -> SetOutcome:
    """Judges the averages of a period by a set of criteria.

    Args:
        chosen: the set.
        values: validated averages, None for each that is due and not valid; it counts neither way. Every averaging that the
            set needs is named, at least with no values.
        limits: the limits that the set needs, by name.

    Raises:
        CannotComputeError: an averaging or a limit that the set needs is not there.
    """
    for what, needed, given in (("averages", chosen.averagings, values), ("limits", chosen.limits, limits)):
        missing = [name for name in needed if name not in given]
        if missing:
            raise CannotComputeError(
                f"{chosen.id} needs the {what} {', '.join(missing)}; given are {', '.join(given) or 'none'}"
            )
    return SetOutcome(
        chosen.id,
        tuple(
            tuple(_outcome_of(each, values[each.averaging], limits[each.limit]) for each in clause) for clause in chosen.clauses
        ),
    )


def _outcome_of(criterion: Criterion, values: Sequence[Decimal | None], limit: Limit) -> CriterionOutcome:
    effective = limit.times(criterion.factor)
    compared = [compare(value, effective) for value in values if value is not None]
    worst = (min if limit.is_minimum else max)(compared, key=lambda each: each.value, default=None)
    keeping = sum(not each.exceeds for each in compared)
    return CriterionOutcome(criterion, len(compared), keeping, len(values) - len(compared), worst)


def _holds(clause: tuple[CriterionOutcome, ...]) -> bool | None:
    outcomes = [each.holds for each in clause]
    if any(outcomes):
        return True
    return None if None in outcomes else False
