"""The pH of a discharge: how long it was outside its range, in all and at a stretch. A mean of pH values means nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import percent_of
from ems_telemetry.rules.catalogue import look_up
from ems_telemetry.rules.limits import Evidence, Status, status_of
from ems_telemetry.rules.runs import in_order, microseconds, runs_of


@dataclass(frozen=True, slots=True)
class PhRange:
    """The range that a permit asks for; its ends belong to it."""

    low: Decimal
    high: Decimal

    def __post_init__(self) -> None:
        """Refuses a range that is none."""
        if not self.low < self.high:
            raise CannotComputeError(f"pH {self.low} to {self.high} is no range; the lower end comes first")


@dataclass(frozen=True, slots=True)
class PhProfile:
    """A named version of how long the pH may be outside: `total` in a calendar month, `each` at a stretch."""

    id: str
    total: timedelta
    each: timedelta
    source: str


PH_PROFILES: Final[Mapping[str, PhProfile]] = {
    "ph_401_17@1": PhProfile(
        "ph_401_17@1",
        timedelta(minutes=446),
        timedelta(minutes=60),
        "40 CFR 401.17 (7 hours 26 minutes a month, 60 minutes each); default, the permit decides",
    ),
}
"""The profiles there are, by their names."""


def ph_profile(name: str) -> PhProfile:
    """Gives a profile by its name.

    Raises:
        CannotComputeError: there is none of this name; the message gives the nearest.
    """
    return look_up(PH_PROFILES, name, "pH profile")


class PhSpan(NamedTuple):
    """Least and greatest pH of one interval, None where it was not measured. A single reading is both."""

    start: datetime
    end: datetime
    minimum: Decimal | None
    maximum: Decimal | None


@dataclass(frozen=True, slots=True)
class Excursion:
    """One stretch outside the range; `cut` where pH is not known right before or after: it may have lasted longer."""

    start: datetime
    end: datetime
    duration: timedelta
    minimum: Decimal
    maximum: Decimal
    cut: bool


@dataclass(frozen=True, slots=True)
class PhOutcome:
    """What a month says; without any measurement least, greatest and share are None, and nothing was outside."""

    profile: PhProfile
    minimum: Decimal | None
    maximum: Decimal | None
    measured: timedelta
    outside: timedelta
    excursions: tuple[Excursion, ...]

    @property
    def percent_in_range(self) -> Decimal | None:
        """Gives the share of the measured time that was in range."""
        inside = microseconds(self.measured - self.outside)
        return percent_of(inside, microseconds(self.measured)) if self.measured else None

    @property
    def total_holds(self) -> bool:
        """Tells whether all excursions together are short enough."""
        return self.outside <= self.profile.total

    @property
    def too_long(self) -> tuple[Excursion, ...]:
        """Gives the excursions that are too long, each by itself."""
        return tuple(each for each in self.excursions if each.duration > self.profile.each)

    @property
    def holds(self) -> bool:
        """Tells whether both hold."""
        return self.total_holds and not self.too_long

    def status(self, evidence: Evidence) -> Status:
        """Gives the status of the month: without any measurement it is never compliant."""
        status = status_of(evidence, exceeds=not self.holds)
        return Status.INDETERMINATE if status is Status.COMPLIANT and not self.measured else status


def ph_outcome(spans: Iterable[PhSpan], allowed: PhRange, profile: PhProfile) -> PhOutcome:
    """Finds the excursions of a month.

    An interval of which any value lies outside is outside as a whole: the shorter the intervals, the less that overstates.

    Args:
        spans: the intervals or readings of one calendar month, in any order.
        allowed: the range.
        profile: how long the pH may be outside it.

    Raises:
        CannotComputeError: intervals overlap, end before they start, or are not in UTC; or least lies above greatest.
    """
    ordered = in_order(spans)
    known = {
        each.start: (each.minimum, each.maximum) for each in ordered if each.minimum is not None and each.maximum is not None
    }
    for start, (least, greatest) in known.items():
        if least > greatest:
            raise CannotComputeError(f"pH of {start.isoformat()}: least {least} lies above greatest {greatest}")
    outside = {start for start, (least, greatest) in known.items() if least < allowed.low or greatest > allowed.high}
    runs = runs_of(ordered, lambda each: each.start in outside, lambda each: each.start in known)
    excursions = tuple(
        Excursion(
            run.start,
            run.end,
            run.duration,
            min(known[each.start][0] for each in run.spans),
            max(known[each.start][1] for each in run.spans),
            run.cut,
        )
        for run in runs
    )
    return PhOutcome(
        profile,
        min((least for least, _ in known.values()), default=None),
        max((greatest for _, greatest in known.values()), default=None),
        sum((each.end - each.start for each in ordered if each.start in known), timedelta()),
        sum((each.duration for each in excursions), timedelta()),
        excursions,
    )
