"""Which revision of a registered fact holds: what was decided about it, and of what time it speaks."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, pairwise

from ems_telemetry.storage.entries import EntryRow


class EntryStatus(StrEnum):
    """What became of a revision."""

    PROPOSED = "proposed"
    """Somebody else has to approve it."""
    IN_FORCE = "in_force"
    REJECTED = "rejected"
    VOIDED = "voided"


def status_of(row: EntryRow, *, needs_approval: bool) -> EntryStatus:
    """Tells what became of a revision by the decisions that are known of it."""
    if "voided" in row.decisions:
        return EntryStatus.VOIDED
    if "rejected" in row.decisions:
        return EntryStatus.REJECTED
    if needs_approval and "approved" not in row.decisions:
        return EntryStatus.PROPOSED
    return EntryStatus.IN_FORCE


def in_force(rows: Iterable[EntryRow], *, needs_approval: bool) -> list[EntryRow]:
    """Leaves the revisions that hold, in their order."""
    return [row for row in rows if status_of(row, needs_approval=needs_approval) is EntryStatus.IN_FORCE]


def newest(rows: Iterable[EntryRow], *, needs_approval: bool) -> list[EntryRow]:
    """Gives of each entry the newest revision that holds: for what happened once, and may have been told wrongly at first.

    An entry whose newest revision was voided does not hold at all.
    """
    chosen = []
    for _, revisions in groupby(rows, key=lambda row: row.id):
        known = list(revisions)
        standing = in_force(known, needs_approval=needs_approval)
        gone = [row for row in known if "voided" in row.decisions]
        if standing and not (gone and gone[-1].revision > standing[-1].revision):
            chosen.append(standing[-1])
    return chosen


def within(rows: Iterable[EntryRow], start: datetime, end: datetime, *, instants: bool) -> list[EntryRow]:
    """Leaves the revisions that speak of a part of `[start, end)`.

    Args:
        rows: revisions.
        start: where the span begins.
        end: where it ends.
        instants: whether what has no end happened at once, as a sample was taken; else it lasts.
    """
    chosen = []
    for row in rows:
        last = row.valid_to
        if last is None and instants and row.valid_from is not None:
            last = row.valid_from + timedelta.resolution
        if (row.valid_from is None or row.valid_from < end) and (last is None or start < last):
            chosen.append(row)
    return chosen


def covering(rows: Iterable[EntryRow], moment: datetime, *, needs_approval: bool) -> list[EntryRow]:
    """Gives of each entry the newest revision that holds at a moment: for what is in force over a span, as limits are.

    A revision that begins later leaves the one before it in force until then; from its beginning on it alone counts, so that
    where it ends, the entry does. Give all revisions of each entry.
    """
    chosen: list[EntryRow] = []
    for _, revisions in groupby(rows, key=lambda row: row.id):
        standing = in_force(revisions, needs_approval=needs_approval)
        begun = [row for row in standing if row.valid_from is None or row.valid_from <= moment]
        chosen.extend(row for row in begun[-1:] if holds_at(row, moment))
    return chosen


def holds_at(row: EntryRow, moment: datetime) -> bool:
    """Tells whether a revision speaks of a moment: from `valid_from` on, and no longer at `valid_to`."""
    return (row.valid_from is None or row.valid_from <= moment) and (row.valid_to is None or moment < row.valid_to)


def segments(
    rows: Sequence[EntryRow], start: datetime, end: datetime, *, needs_approval: bool
) -> list[tuple[datetime, datetime, EntryRow | None]]:
    """Cuts a span where another revision of one entry comes into force.

    Returns:
        Adjacent pieces `[from, to)` and the revision that holds in each; None where none does.
    """
    cuts = {start, end}
    for row in rows:
        cuts |= {each for each in (row.valid_from, row.valid_to) if each is not None and start < each < end}
    edges = sorted(cuts)
    pieces: list[tuple[datetime, datetime, EntryRow | None]] = []
    for left, right in pairwise(edges):
        held = covering(rows, left, needs_approval=needs_approval)
        holding = held[0] if held else None
        if pieces and pieces[-1][2] is holding:
            left = pieces.pop()[0]  # noqa: PLW2901  # the piece grows
        pieces.append((left, right, holding))
    return pieces
