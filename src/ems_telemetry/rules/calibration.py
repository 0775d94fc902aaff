"""What a calibration says of readings: their correction, and which of them are in doubt (CR-47).

A failed check has effect backwards: all since the instrument was last known to be good is suspect. Nothing is deleted.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import digits, exactly, percent_of

SUSPECT_CALIBRATION: Final = "suspect_calibration"
CALIBRATION_OVERDUE: Final = "calibration_overdue"


class Correction(NamedTuple):
    """A calibration function y = a + b x, in force from `valid_from` until the next one is."""

    id: str
    a: Decimal
    b: Decimal
    valid_from: datetime


class Corrected(NamedTuple):
    """A reading, corrected and raw; `correction` is None where none was in force yet, and the value then the raw one."""

    value: Decimal
    raw: Decimal
    correction: str | None


class AsFound(NamedTuple):
    """How far an instrument was off before anybody touched it, in percent of full scale, and whether that is tolerable."""

    error_percent: Decimal
    passed: bool


class Calibration(NamedTuple):
    """A check of an instrument: how it was found, how it was left, and when the next one is due.

    `due` is the last moment it may be relied on, None where no next check is asked for.
    """

    id: str
    at: datetime
    due: datetime | None
    found_good: bool
    left_good: bool


class CalibrationStatus(StrEnum):
    """Whether an instrument can be relied on."""

    VALID = "valid"
    OVERDUE = "overdue"
    FAILED = "failed"
    """It was left out of tolerance."""
    NEVER_CALIBRATED = "never_calibrated"


class SuspectSpan(NamedTuple):
    """Times [start, end) in doubt; `start` is None where the instrument was never known to be good before."""

    start: datetime | None
    end: datetime
    because: tuple[str, ...]
    """The calibrations that failed as found."""


@exactly
def corrected(raw: Decimal, at: datetime, corrections: Iterable[Correction]) -> Corrected:
    """Corrects a reading by the function in force at its time.

    Raises:
        CannotComputeError: two functions begin at the same time.
    """
    begun = sorted((each for each in corrections if each.valid_from <= at), key=lambda each: each.valid_from)
    if not begun:
        return Corrected(raw, raw, None)
    latest = begun[-1]
    if len(begun) > 1 and begun[-2].valid_from == latest.valid_from:
        raise CannotComputeError(
            f"corrections {begun[-2].id} and {latest.id} both begin at {latest.valid_from.isoformat()}; void one of them"
        )
    return Corrected(latest.a + latest.b * raw, raw, latest.id)


@exactly
def as_found(reference: Decimal, reading: Decimal, full_scale: Decimal, tolerance_percent: Decimal) -> AsFound:
    """Judges an as-found check: |R - A| / FS, in percent; an error as large as the tolerance passes.

    Args:
        reference: what the reference showed, R.
        reading: what the instrument showed, A.
        full_scale: FS, in their unit, greater than zero.
        tolerance_percent: of full scale.

    Raises:
        CannotComputeError: there is no full scale.
    """
    if full_scale <= 0:
        raise CannotComputeError(f"the full scale is {digits(full_scale)}; enter the instrument's range")
    error_percent = percent_of(abs(reference - reading), full_scale)
    return AsFound(error_percent, error_percent <= tolerance_percent)


def status_at(calibrations: Iterable[Calibration], at: datetime) -> CalibrationStatus:
    """Tells whether an instrument could be relied on at any time, by the checks until then.

    Raises:
        CannotComputeError: two checks are of the same time.
    """
    done = [calibration for calibration in _in_order(calibrations) if calibration.at <= at]
    if not done:
        return CalibrationStatus.NEVER_CALIBRATED
    if not done[-1].left_good:
        return CalibrationStatus.FAILED
    due = done[-1].due
    return CalibrationStatus.OVERDUE if due is not None and at > due else CalibrationStatus.VALID


def suspect_spans(calibrations: Iterable[Calibration]) -> tuple[SuspectSpan, ...]:
    """Gives the times in doubt: from when the instrument was last left good to each check that found it bad.

    Raises:
        CannotComputeError: two checks are of the same time.
    """
    spans: list[SuspectSpan] = []
    good_since: datetime | None = None
    for calibration in _in_order(calibrations):
        if not calibration.found_good:
            because: tuple[str, ...] = (calibration.id,)
            if spans and spans[-1].start == good_since:
                because = (*spans.pop().because, *because)
            spans.append(SuspectSpan(good_since, calibration.at, because))
        if calibration.left_good:
            good_since = calibration.at
    return tuple(spans)


def flags_at(calibrations: Iterable[Calibration], at: datetime) -> tuple[str, ...]:
    """Gives the flags that the checks of an instrument set on its reading of a time.

    Raises:
        CannotComputeError: two checks are of the same time.
    """
    known = tuple(calibrations)
    flags = []
    if any((span.start is None or span.start <= at) and at < span.end for span in suspect_spans(known)):
        flags.append(SUSPECT_CALIBRATION)
    if status_at(known, at) is CalibrationStatus.OVERDUE:
        flags.append(CALIBRATION_OVERDUE)
    return tuple(flags)


def _in_order(calibrations: Iterable[Calibration]) -> list[Calibration]:
    ordered = sorted(calibrations, key=lambda calibration: calibration.at)
    for earlier, later in pairwise(ordered):
        if earlier.at == later.at:
            raise CannotComputeError(
                f"calibrations {earlier.id} and {later.id} are both of {later.at.isoformat()}; void one of them"
            )
    return ordered
