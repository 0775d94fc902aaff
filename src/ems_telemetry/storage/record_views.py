"""Records as views tell them: each in its newest revision, with what its type has besides, and without what is long."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.interval_series import PARENTS
from ems_telemetry.storage.translation import translated


class ViewRow(NamedTuple):
    """A record in one revision. Shares are in percent.

    `params` is what the item of the plan said, in the revision that the record was made for, and `point_…` tell of the point it
    names; `substance` is that of the item of which a mass takes its concentrations; `sources` are what was counted or measured
    for it, as `interval/EM-01.energy_import`.
    """

    id: UUID
    revision: int
    type: str
    status: str
    site: str
    scope: str
    plan: str
    tz: str
    period: str
    start: datetime
    end: datetime
    quantity: str | None
    value: Decimal | None
    unit: str | None
    quality: str
    coverage: Decimal | None
    measured: Decimal | None
    estimated: Decimal | None
    flags: Sequence[str]
    method: str
    details: Mapping[str, Any]
    params: Mapping[str, Any] | None
    substance: str | None
    point_quantity: str | None
    point_unit: str | None
    sources: Sequence[str]


class ViewFilter(NamedTuple):
    """Which records are asked for: of periods that begin in `[since, until)`, as known at `as_of`, now if it is None.

    `status` None: whatever stands, which what was voided does not. `with_sources` False: nobody asks what they were made of.
    """

    types: Sequence[str]
    sites: Sites = None
    site: str | None = None
    scope: str | None = None
    plan: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    with_sources: bool = True


# What is long is left out where it is read: blocks and days of a month are a thousand times the rest. The envelope is unpacked
# once for all that is taken out of it.
_LIST = """
    SELECT r.id, r.revision, r.type, r.status, r.site_id, r.scope, r.plan, e.tz, r.period, r.period_start, r.period_end,
           r.quantity, r.value, r.unit, r.quality, r.coverage, r.measured, r.estimated, r.flags, r.method,
           e.details - CASE r.type WHEN 'air_emission' THEN '{blocks,days}'
                                   WHEN 'discharge' THEN '{days,excursions,exceedance_days}' ELSE '{}' END::text[],
           p.params, s.substance, m.quantity, m.unit, i.sources
    FROM (
        SELECT * FROM records o
        WHERE o.type = ANY (%(types)s)
          AND (%(sites)s::text[] IS NULL OR o.site_id = ANY (%(sites)s))
          AND (%(site)s::text IS NULL OR o.site_id = %(site)s)
          AND (%(scope)s::text IS NULL OR o.scope = %(scope)s)
          AND (%(plan)s::text IS NULL OR o.plan = %(plan)s)
          AND (o.status = %(status)s OR %(status)s::text IS NULL AND o.status <> 'voided')
          AND (%(since)s::timestamptz IS NULL OR o.period_start >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR o.period_start < %(until)s)
          AND (%(as_of)s::timestamptz IS NULL OR o.computed_at <= %(as_of)s)
          AND NOT EXISTS (SELECT FROM records n WHERE n.id = o.id AND n.revision > o.revision
                          AND (%(as_of)s::timestamptz IS NULL OR n.computed_at <= %(as_of)s))
        ORDER BY o.period_start, o.id LIMIT %(limit)s
    ) r
    CROSS JOIN LATERAL jsonb_to_record(r.envelope) AS e (tz text, plan jsonb, details jsonb, inputs jsonb)
    LEFT JOIN LATERAL (
        SELECT body -> 'params' AS params FROM register_entries
        WHERE kind = 'plan' AND id = r.plan AND revision = (e.plan ->> 'revision')::int
    ) p ON true
    LEFT JOIN LATERAL (
        SELECT body #>> '{params,substance}' AS substance FROM register_entries
        WHERE kind = 'plan' AND id = p.params ->> 'emission' AND recorded_at <= r.computed_at ORDER BY revision DESC LIMIT 1
    ) s ON true
    LEFT JOIN points m ON m.key = p.params ->> 'point'
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(DISTINCT kind || '/' || id), '{}') AS sources
        FROM jsonb_to_recordset(e.inputs) AS used (kind text, id text)
        WHERE %(with_sources)s AND kind IN ('interval', 'record', 'sample', 'waste_movement', 'substance_movement')
    ) i
    ORDER BY r.period_start, r.id"""


async def list_view_rows(connection: Connection, asked: ViewFilter, limit: int) -> list[ViewRow]:
    """Gives records by the beginning of their period."""
    told = {**asked._asdict(), "types": list(asked.types), "limit": limit}
    told["sites"] = None if asked.sites is None else list(asked.sites)
    with translated():
        async with connection.cursor(row_factory=args_row(ViewRow)) as cursor:
            await cursor.execute(_LIST, told)
            return await cursor.fetchall()


async def read_meter_parents(connection: Connection) -> Mapping[str, str]:
    """Gives the meter behind which each stands, of those that stand behind one."""
    with translated():
        return dict(await (await connection.execute(PARENTS)).fetchall())
