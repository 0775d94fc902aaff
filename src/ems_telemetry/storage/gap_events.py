"""Tells webhooks of gaps that are new, in the transaction that stores them: one event for each site, connector and cause."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.outbox import Event, announce, is_wanted

GAP_OPENED = "gap.opened"
MOST_IN_AN_EVENT = 500
"""A switch that dies silences a thousand points at once; their receivers bound what they take in one request."""


class _NewGap(NamedTuple):
    id: UUID
    connector: str
    point: str | None
    started_at: datetime
    ended_at: datetime
    cause: str
    open: bool
    recorded_at: datetime
    site: str | None


# A gap of a whole connector belongs to a site if the connector serves no other.
_READ = """
    SELECT g.id, g.connector, g.point, g.started_at, g.ended_at, g.cause, g.open, g.recorded_at,
           coalesce(m.site_id, c.site_id)
    FROM gaps g
    LEFT JOIN points p ON p.key = g.point
    LEFT JOIN meters m ON m.id = p.meter_id
    LEFT JOIN LATERAL (SELECT min(site_id) AS site_id FROM meters WHERE connector = g.connector
                       HAVING count(DISTINCT site_id) = 1) c ON true
    WHERE g.id = ANY (%s)
    ORDER BY 9 NULLS FIRST, g.connector, g.cause, g.point NULLS FIRST, g.started_at"""


async def announce_gaps(connection: Connection, ids: Sequence[UUID]) -> None:
    """Puts gaps that were stored for the first time into the outbox, in the open transaction."""
    if not ids or not await is_wanted(connection, GAP_OPENED):
        return
    async with connection.cursor(row_factory=args_row(_NewGap)) as cursor:
        await cursor.execute(_READ, (list(ids),))
        gaps = await cursor.fetchall()
    for (site, connector, cause), alike in groupby(gaps, key=lambda gap: (gap.site, gap.connector, gap.cause)):
        group = list(alike)
        for start in range(0, len(group), MOST_IN_AN_EVENT):
            some = group[start : start + MOST_IN_AN_EVENT]
            data = {"connector": connector, "cause": cause, "gaps": [_told(gap) for gap in some]}
            await announce(connection, Event(GAP_OPENED, site, None, data, some[0].recorded_at))


def _told(gap: _NewGap) -> dict[str, Any]:
    return {
        "id": str(gap.id),
        "point": gap.point,
        "started_at": gap.started_at.isoformat(),
        "ended_at": None if gap.open else gap.ended_at.isoformat(),
    }
