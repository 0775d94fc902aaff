"""How available an instrument was, and how complete a period is. Substitutes make a period complete, never available."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import HUNDRED, digits, exactly, percent_of, settle
from ems_telemetry.rules.given import one_of_each, part_of
from ems_telemetry.rules.profiles import AvailabilityProfile, LadderProfile

_QUARTER_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Layers:
    """Hours or other intervals of a period by what is known of them, and their amounts. Expected is what the layers add up to.

    Raises:
        CannotComputeError: a count is below zero, or more are known than were expected.
    """

    expected: int
    measured: int
    substituted: int
    measured_total: Decimal
    substituted_total: Decimal

    def __post_init__(self) -> None:
        part_of(self.measured, self.expected, "measured", "expected")
        part_of(self.substituted, self.expected - self.measured, "substituted", "expected and not measured")

    @property
    def missing(self) -> int:
        """Counts those of which nothing is known."""
        return self.expected - self.measured - self.substituted

    @property
    @exactly
    def total(self) -> Decimal:
        """Gives the amount measured and substituted."""
        return self.measured_total + self.substituted_total

    @property
    def measured_percent(self) -> Decimal:
        """Gives how much of what was expected was measured: the availability. Of nothing expected nothing is missing."""
        return _percent(self.measured, self.expected)

    @property
    def complete_percent(self) -> Decimal:
        """Gives how much of what was expected was measured or substituted."""
        return _percent(self.measured + self.substituted, self.expected)


@dataclass(frozen=True, slots=True)
class DayAvailability:
    """Whether an instrument was available on a day; `percent` and `meets` are None on one without operation."""

    day: date
    percent: Decimal | None
    meets: bool | None
    profile: str
    reason: str


@dataclass(frozen=True, slots=True)
class QuarterAvailability:
    """On how many operating days of a quarter it was; `percent` and `meets` are None if there was none.

    A quarter that does not meet is a deviation to be reported.
    """

    operating_days: int
    days_met: int
    percent: Decimal | None
    meets: bool | None
    profile: str
    reason: str


def judge_day_availability(day: date, valid_h: int, operating_h: int, profile: AvailabilityProfile) -> DayAvailability:
    """Judges a day by its valid hours of those in operation; one without operation is not judged.

    Raises:
        CannotComputeError: a count is below zero, or more hours are valid than were in operation.
    """
    part_of(valid_h, operating_h, "valid hours", "operating hours")
    if not operating_h:
        return DayAvailability(day, None, None, profile.id, "no operating hours: not counted")
    percent, meets, words = _judge(valid_h, operating_h, profile.least_hours_percent)
    return DayAvailability(day, percent, meets, profile.id, f"valid hours: {words}")


def judge_quarter_availability(days: Sequence[DayAvailability], profile: AvailabilityProfile) -> QuarterAvailability:
    """Judges a quarter by the operating days that meet.

    Args:
        days: each once and all of one calendar quarter, in any order.
        profile: the one they were judged by.

    Raises:
        CannotComputeError: there is no day, one comes twice, they are of two quarters or were judged by another profile.
    """
    dates = one_of_each([each.day for each in days])
    if _quarter(dates[0]) != _quarter(dates[-1]):
        raise CannotComputeError(f"days from {dates[0]} to {dates[-1]} are of more than one quarter; give those of one")
    other = next((each for each in days if each.profile != profile.id), None)
    if other:
        raise CannotComputeError(f"{other.day} was judged by {other.profile}; judge all days by {profile.id}")
    operating = sum(each.meets is not None for each in days)
    met = sum(each.meets is True for each in days)
    if not operating:
        return QuarterAvailability(0, 0, None, None, profile.id, "no operating days: not counted")
    percent, meets, words = _judge(met, operating, profile.least_days_percent)
    return QuarterAvailability(operating, met, percent, meets, profile.id, f"operating days that meet: {words}")


def monitor_availability(valid_h: int, operating_h: int, profile: LadderProfile) -> Decimal:
    """Gives the percent monitor data availability (PMA): the valid hours of the last operating hours.

    Args:
        valid_h: those of the window.
        operating_h: all that the unit ran in the window: as many as the profile says, or fewer while it has not run so long.
        profile: how long the window is.

    Raises:
        CannotComputeError: the unit has not run, or the counts are not those of one window.
    """
    part_of(valid_h, operating_h, "valid hours", "operating hours")
    part_of(operating_h, profile.availability_window_h, "operating hours", "in the window")
    if not operating_h:
        raise CannotComputeError("no operating hours: an availability is known from the first one on")
    return settle(percent_of(valid_h, operating_h))


def _judge(part: int, whole: int, least_percent: int) -> tuple[Decimal, bool, str]:
    percent = settle(percent_of(part, whole))
    words = f"{part} of {whole} ({digits(round(percent, 2))} %); {least_percent} % are needed"
    return percent, 100 * part >= least_percent * whole, words


def _percent(part: int, whole: int) -> Decimal:
    return settle(percent_of(part, whole)) if whole else HUNDRED


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // _QUARTER_MONTHS
