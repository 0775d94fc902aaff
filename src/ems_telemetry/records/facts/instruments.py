"""Which instruments measured a point when, and what their checks say of what they showed (R15, CR-47).

Nothing is taken away or corrected because of a check: what is in doubt is flagged, and the figure says so.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from ems_telemetry.records.facts import entries
from ems_telemetry.records.registers.instruments import Verdict
from ems_telemetry.rules.calibration import CALIBRATION_OVERDUE, SUSPECT_CALIBRATION, Calibration, suspect_spans
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.point_facts import PointFacts

NOT_CALIBRATED: Final = "not_calibrated"
"""The instrument is known, and had passed no check until the end of the time."""


class Standing(NamedTuple):
    """An instrument where a point was measured, within `[since, until)`."""

    instrument: EntryRow
    since: datetime
    until: datetime


class Judgement(NamedTuple):
    """What the checks of an instrument say of the time it stood there."""

    flags: tuple[str, ...]
    rests_on: tuple[str, ...]
    """The checks that say it."""
    due: datetime | None
    """When the next check was due at the end of the time; None where it had passed none, or none is due."""


def standings(rows: Iterable[EntryRow], point: PointFacts, start: datetime, end: datetime) -> list[Standing]:
    """Finds the instruments of a point.

    Args:
        rows: all revisions of instruments that ever stood there, by id and revision.
        point: what they measure.
        start: the beginning of the time.
        end: its end, no longer within.
    """
    found = []
    for _, revisions in groupby(rows, key=lambda row: row.id):
        pieces = entries.segments(list(revisions), start, end, needs_approval=False)
        found += [Standing(row, since, until) for since, until, row in pieces if row is not None and measures(row, point)]
    return sorted(found, key=lambda each: (each.since, each.instrument.id))


def measures(row: EntryRow, point: PointFacts) -> bool:
    """Tells whether a revision of an instrument says that it measures a point."""
    return point.key in row.body["points"] or point.meter in row.body["meters"]


def checks_of(rows: Iterable[EntryRow]) -> list[Calibration]:
    """Gives the checks of one instrument that hold, in the order they were made; several of one moment count as one."""
    held = sorted(entries.newest(rows, needs_approval=False), key=lambda row: (_at(row), row.seq))
    checks = []
    for at, same in groupby(held, key=_at):
        *_, last = told = [_check(row) for row in same]
        checks.append(Calibration(last.id, at, last.due, all(each.found_good for each in told), last.left_good))
    return checks


def judge(checks: Sequence[Calibration], since: datetime, until: datetime) -> Judgement:
    """Tells what checks say of `[since, until)`: in doubt, overdue for a part of it, or never checked until its end."""
    suspect = [span for span in suspect_spans(checks) if span.end > since and (span.start is None or span.start < until)]
    overdue = [check.id for check, begins, ends in _overdue(checks, until) if begins < until and ends > since]
    passed = [check for check in checks if check.left_good and check.at < until]
    flags = [
        *([SUSPECT_CALIBRATION] if suspect else []),
        *([CALIBRATION_OVERDUE] if overdue else []),
        *([] if passed else [NOT_CALIBRATED]),
    ]
    before = [check.id for check in checks if check.at <= since][-1:]
    within = [check.id for check in checks if since < check.at < until]
    because = [id_ for span in suspect for id_ in span.because]
    rests_on = tuple(dict.fromkeys([*before, *within, *because, *overdue]))
    return Judgement(tuple(flags), rests_on, passed[-1].due if passed else None)


def last_pass(checks: Iterable[Calibration], before: datetime) -> datetime | None:
    """Tells when an instrument was last left good before a moment."""
    return max((check.at for check in checks if check.left_good and check.at < before), default=None)


def _overdue(checks: Sequence[Calibration], until: datetime) -> list[tuple[Calibration, datetime, datetime]]:
    """Gives the times after a due date and before the next check."""
    following = [*(check.at for check in checks[1:]), until]
    return [
        (check, check.due, ends) for check, ends in zip(checks, following, strict=False)
        if check.left_good and check.due is not None and check.due < ends
    ]  # fmt: skip


def _check(row: EntryRow) -> Calibration:
    found = row.body["result"]
    left = row.body["as_left"] or found
    due = row.body["due"]
    return Calibration(
        row.id, _at(row), None if due is None else datetime.fromisoformat(due), found == Verdict.PASS, left == Verdict.PASS
    )


def _at(row: EntryRow) -> datetime:
    return datetime.fromisoformat(row.body["at"])
