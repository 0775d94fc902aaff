"""Verifies raw readings: the digest of each point and day, computed anew from what stands in the table now.

Readings have no hash chain of their own; what records were made of is fixed by these digests, which records hold.
"""

from datetime import datetime
from typing import Final, NamedTuple

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.raw_digests import (
    DigestFilter,
    DigestRow,
    compute_digest,
    has_older_readings,
    list_digests,
)

PAGE: Final = 500


class RawFinding(NamedTuple):
    """A point and day whose readings are other than they were."""

    point: str
    day_start: datetime
    reason: str


class RawVerdict(NamedTuple):
    """What came of it.

    Attributes:
        ok: no day is other than it was.
        checked: so many days of points hold.
        late: so many have readings that came after the digest, which cannot be told apart from the others; the digest is
            made anew when the record is looked at again.
        dropped: so many are older than every reading that is left: their retention ended.
        first_bad: the first that differs.
        complete: every digest asked for was looked at.
    """

    ok: bool
    checked: int
    late: int
    dropped: int
    first_bad: RawFinding | None
    complete: bool


async def verify_raw(connection: Connection, asked: DigestFilter, most: int) -> RawVerdict:
    """Verifies the digests of a span, by point and day, up to the first that differs.

    Args:
        connection: open.
        asked: which ones.
        most: so many at most.
    """
    counts = {"checked": 0, "late": 0, "dropped": 0}
    after: tuple[int, datetime] | None = None
    left = most
    while left > 0 and (rows := await list_digests(connection, asked, min(PAGE, left), after)):
        for row in rows:
            verdict = await _look(connection, row)
            if verdict not in counts:
                return RawVerdict(
                    ok=False, **counts, first_bad=RawFinding(row.point, row.day_start, verdict), complete=False
                )  # fmt: skip
            counts[verdict] += 1
        after, left = (rows[-1].point_id, rows[-1].day_start), left - len(rows)
    complete = left > 0 or not await list_digests(connection, asked, 1, after)
    return RawVerdict(ok=True, **counts, first_bad=None, complete=complete)


async def _look(connection: Connection, row: DigestRow) -> str:
    """Gives `checked`, `late` or `dropped`, or in words what is wrong."""
    found, digest = await compute_digest(connection, row.point_id, row.day_start, row.day_end)
    if (found, digest) == (row.readings, row.digest):
        return "checked"
    if found > row.readings:
        known = await compute_digest(connection, row.point_id, row.day_start, row.day_end, received_by=row.computed_at)
        return "checked" if known == (row.readings, row.digest) else "late"
    if found < row.readings:
        if found == 0 and not await has_older_readings(connection, row.day_end):
            return "dropped"
        return f"{row.readings} readings stood there on {row.computed_at:%Y-%m-%d %H:%M}Z, and {found} do now"
    return f"its {found} readings are other than they were on {row.computed_at:%Y-%m-%d %H:%M}Z"
