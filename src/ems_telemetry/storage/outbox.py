"""The outbox: what is to be delivered to webhooks, kept in the transaction of what happened.

The order of deliveries to a webhook is that of their numbers; of revisions it is that of their `seq`, since both are allotted
under the lock of the audit trail.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated


class Event(NamedTuple):
    """Something that happened. `site` None: it belongs to none; `seq` None: it is no revision of a record."""

    event: str
    site: str | None
    seq: int | None
    data: Mapping[str, Any]
    at: datetime


class Endpoint(NamedTuple):
    """A webhook as it holds now."""

    id: str
    site: str | None
    url: str
    events: Sequence[str]
    active: bool


class DeliveryRow(NamedTuple):
    """A delivery as it stands. `next_at` None: it is due at once, or done."""

    number: int
    id: UUID
    webhook: str
    event: str
    site: str | None
    seq: int | None
    data: Mapping[str, Any]
    occurred_at: datetime
    status: str
    attempts: int
    waiting_since: datetime
    next_at: datetime | None
    last_error: str | None
    done_at: datetime | None


class DeliveryFilter(NamedTuple):
    """Which deliveries are asked for; `sites` those of the webhooks."""

    sites: Sites = None
    webhook: str | None = None
    status: str | None = None


class Target(NamedTuple):
    """Where a delivery goes, and what signs it; the secret is shown nowhere."""

    url: str
    secret: str

    def __repr__(self) -> str:
        return "Target(…)"


_COLUMNS = (
    "number, id, webhook, event, site_id, seq, data, occurred_at, status, attempts, waiting_since, next_at, last_error, done_at"
)
_PREFIXED = ", ".join(f"o.{name}" for name in _COLUMNS.split(", "))
_PUT_WEBHOOK = """
    INSERT INTO webhooks (id, site_id, url, events, active, secret)
    VALUES (%(id)s, %(site)s, %(url)s, %(events)s, %(active)s, %(secret)s)
    ON CONFLICT (id) DO UPDATE SET site_id = excluded.site_id, url = excluded.url, events = excluded.events,
                                   active = excluded.active"""
_GIVE_UP = """
    UPDATE outbox SET status = 'failed', last_error = %(error)s, done_at = %(at)s, next_at = NULL
    WHERE webhook = %(webhook)s AND status = 'pending'"""
_SECRET = "SELECT secret FROM webhooks WHERE id = %s"  # noqa: S105  # the name of a column
_ANNOUNCE = """
    INSERT INTO outbox (webhook, event, site_id, seq, data, occurred_at, waiting_since)
    SELECT id, %(event)s, %(site)s, %(seq)s, %(data)s, %(at)s, %(at)s FROM webhooks
    WHERE active AND %(event)s = ANY (events) AND (site_id IS NULL OR site_id = %(site)s)
    ORDER BY id"""
_WANTED = "SELECT EXISTS (SELECT FROM webhooks WHERE active AND %s = ANY (events))"
# The first of each webhook alone: what comes after it waits for it.
_DUE = f"""
    SELECT {_PREFIXED}, w.url, w.secret FROM webhooks w
    CROSS JOIN LATERAL (SELECT * FROM outbox p WHERE p.status = 'pending' AND p.webhook = w.id ORDER BY p.number LIMIT 1) o
    WHERE w.active AND (%(webhook)s::text IS NULL OR w.id = %(webhook)s)
      AND (o.next_at IS NULL OR o.next_at <= %(now)s)"""  # noqa: S608  # a constant of this module
_DELIVERED = """
    UPDATE outbox SET status = 'delivered', attempts = attempts + 1, last_error = NULL, next_at = NULL, done_at = %(at)s
    WHERE id = %(id)s"""
_POSTPONE = """
    UPDATE outbox SET attempts = attempts + 1, last_error = %(error)s, next_at = %(next_at)s,
           status = CASE WHEN %(next_at)s::timestamptz IS NULL THEN 'failed' ELSE status END,
           done_at = CASE WHEN %(next_at)s::timestamptz IS NULL THEN %(at)s ELSE done_at END
    WHERE id = %(id)s AND status = 'pending'"""
_LIST = f"""
    SELECT {_PREFIXED} FROM outbox o JOIN webhooks w ON w.id = o.webhook
    WHERE o.number > %(after)s
      AND (%(webhook)s::text IS NULL OR o.webhook = %(webhook)s)
      AND (%(status)s::text IS NULL OR o.status = %(status)s)
      AND (%(id)s::uuid IS NULL OR o.id = %(id)s)
      AND (%(sites)s::text[] IS NULL OR w.site_id = ANY (%(sites)s))
    ORDER BY o.number LIMIT %(limit)s"""  # noqa: S608  # a constant of this module
_RETRY = f"""
    UPDATE outbox SET status = 'pending', next_at = NULL, done_at = NULL,
           waiting_since = CASE WHEN status = 'failed' THEN %(at)s ELSE waiting_since END
    WHERE id = %(id)s AND status <> 'delivered' RETURNING {_COLUMNS}"""  # noqa: S608  # a constant of this module
_COUNT = "SELECT status, count(*) FROM outbox WHERE status <> 'delivered' GROUP BY status"
_PURGE = "DELETE FROM outbox WHERE status <> 'pending' AND done_at < %s"


async def put_webhook(connection: Connection, endpoint: Endpoint, secret: str, note: str, at: datetime) -> None:
    """Takes over how a webhook holds now.

    Args:
        connection: in the transaction in which it was stated or decided about.
        endpoint: how it holds; what waits for one that is not active fails.
        secret: signs its deliveries; one that it has stays.
        note: why what waits for it fails.
        at: when.
    """
    with translated():
        await connection.execute(
            _PUT_WEBHOOK, {**endpoint._asdict(), "events": [str(each) for each in endpoint.events], "secret": secret}
        )
        if not endpoint.active:
            await connection.execute(_GIVE_UP, {"webhook": endpoint.id, "error": note, "at": at})


async def read_webhook_secret(connection: Connection, id_: str) -> str:
    """Gives the secret of a webhook, which is to be shown once."""
    with translated():
        (secret,) = await (await connection.execute(_SECRET, (id_,))).fetchone() or ("",)
    return str(secret)


async def announce(connection: Connection, event: Event) -> int:
    """Puts an event into the outbox of every webhook that wants it, in the open transaction; tells how many these are."""
    with translated():
        return (await connection.execute(_ANNOUNCE, {**event._asdict(), "data": Jsonb(dict(event.data))})).rowcount


async def is_wanted(connection: Connection, event: str) -> bool:
    """Tells whether any webhook wants events of this kind."""
    with translated():
        return await (await connection.execute(_WANTED, (event,))).fetchone() == (True,)


async def read_due(connection: Connection, now: datetime, webhook: str | None = None) -> list[tuple[DeliveryRow, Target]]:
    """Gives of each active webhook the first delivery that waits, if it is due; those behind it wait for it."""
    with translated():
        rows = await (await connection.execute(_DUE.encode(), {"now": now, "webhook": webhook})).fetchall()
    return [(DeliveryRow(*row[:-2]), Target(*row[-2:])) for row in rows]


async def note_delivered(connection: Connection, id_: UUID, at: datetime) -> None:
    """Takes note that a delivery was accepted."""
    with translated():
        await connection.execute(_DELIVERED, {"id": id_, "at": at})


async def note_failure(connection: Connection, id_: UUID, error: str, at: datetime, next_at: datetime | None) -> None:
    """Takes note that an attempt failed, and when the next one is due; None: there is none."""
    with translated():
        await connection.execute(_POSTPONE, {"id": id_, "error": error, "at": at, "next_at": next_at})


async def list_deliveries(
    connection: Connection, asked: DeliveryFilter, after: int, limit: int, id_: UUID | None = None
) -> list[DeliveryRow]:
    """Gives deliveries by their number."""
    sites = None if asked.sites is None else list(asked.sites)
    told = {**asked._asdict(), "sites": sites, "after": after, "limit": limit, "id": id_}
    with translated():
        async with connection.cursor(row_factory=args_row(DeliveryRow)) as cursor:
            await cursor.execute(_LIST.encode(), told)
            return await cursor.fetchall()


async def retry_delivery(connection: Connection, id_: UUID, at: datetime) -> DeliveryRow | None:
    """Lets a delivery be tried at once, and for days again if it had failed; None where it was delivered."""
    with translated():
        async with connection.cursor(row_factory=args_row(DeliveryRow)) as cursor:
            await cursor.execute(_RETRY.encode(), {"id": id_, "at": at})
            return await cursor.fetchone()


async def count_deliveries(connection: Connection) -> dict[str, int]:
    """Counts what waits (`pending`) and what was given up (`failed`)."""
    with translated():
        return dict(await (await connection.execute(_COUNT)).fetchall())


async def purge_deliveries(connection: Connection, now: datetime, after: timedelta) -> int:
    """Removes what was delivered or given up so long ago; tells how many these were."""
    with translated():
        return (await connection.execute(_PURGE, (now - after,))).rowcount
