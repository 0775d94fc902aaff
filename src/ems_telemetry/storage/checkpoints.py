"""Checkpoints: one root for all that a local day added to the evidence of a site, with its leaves; added, never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.rows import args_row

from ems_telemetry.evidence.merkle import root
from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated

LEAF_BYTES = 32


class CheckpointRow(NamedTuple):
    """A checkpoint as it is kept. `root` and `head_hash` are hexadecimal; `leaves` are 32 bytes each, one after the other."""

    site: str
    day_start: datetime
    day_end: datetime
    seq: int
    timezone: str
    records: int
    digests: int
    root: str
    head_seq: int
    head_hash: str
    made_at: datetime
    key_id: str | None
    signature: str | None
    leaves: bytes
    hash: str

    def statement(self) -> dict[str, Any]:
        """What is signed, in canonical form."""
        return {
            "site": self.site, "day_start": self.day_start, "day_end": self.day_end, "tz": self.timezone,
            "size": self.size, "records": self.records, "digests": self.digests, "root": self.root,
            "head_seq": self.head_seq, "head_hash": self.head_hash, "made_at": self.made_at,
        }  # fmt: skip

    def content(self) -> dict[str, Any]:
        """What its hash is taken of; its leaves are in the root."""
        return {**self.statement(), "key_id": self.key_id, "signature": self.signature}

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return len(self.leaves) // LEAF_BYTES

    def split_leaves(self) -> list[bytes]:
        """Gives the leaves one by one."""
        return [self.leaves[at : at + LEAF_BYTES] for at in range(0, len(self.leaves), LEAF_BYTES)]

    def mismatch(self) -> str | None:
        """Tells, in words, if its leaves are other than its root says."""
        if root(self.split_leaves()).hex() == self.root:
            return None
        return f"the leaves of the checkpoint {self.site}, {self.day_start:%Y-%m-%dT%H:%MZ} do not lead to its root"


class CheckpointFilter(NamedTuple):
    """Which checkpoints are asked for."""

    sites: Sites = None
    site: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class LastCheckpoint(NamedTuple):
    """A site, where its last checkpoint ends and what it covered; None where it has none, but has records since `first`."""

    site: str
    timezone: str
    day_end: datetime | None
    head_seq: int | None
    first: datetime | None


class NewDigest(NamedTuple):
    """A digest of raw readings that was kept on a day."""

    point: str
    day_start: datetime
    day_end: datetime
    revision: int
    readings: int
    digest: str


COLUMNS = (
    "site_id, day_start, day_end, seq, timezone, records, digests, root, head_seq, head_hash, made_at, key_id, signature, "
    "leaves, hash"
)
_LAST = """
    SELECT s.id, s.timezone, c.day_end, c.head_seq, (SELECT min(computed_at) FROM records r WHERE r.site_id = s.id)
    FROM sites s
    LEFT JOIN LATERAL (SELECT day_end, head_seq FROM checkpoints WHERE site_id = s.id ORDER BY day_start DESC LIMIT 1) c ON true
    ORDER BY s.id"""
# Each revision belongs to one day alone, also one that was committed after the checkpoint of the day of its time.
_RECORDS = """
    SELECT envelope FROM (
        SELECT seq, envelope FROM records
        WHERE site_id = %(site)s AND seq <= %(head)s AND computed_at >= %(since)s AND computed_at < %(until)s
        UNION ALL
        SELECT seq, envelope FROM records
        WHERE site_id = %(site)s AND seq > %(after)s AND seq <= %(head)s AND computed_at < %(since)s
    ) kept ORDER BY seq"""
_DIGESTS = """
    SELECT p.key, d.day_start, d.day_end, d.revision, d.readings, d.digest
    FROM raw_digests d JOIN points p ON p.id = d.point_id JOIN meters m ON m.id = p.meter_id
    WHERE m.site_id = %(site)s AND d.computed_at >= %(since)s AND d.computed_at < %(until)s
    ORDER BY p.key, d.day_start, d.revision"""
_ADD = f"INSERT INTO checkpoints ({COLUMNS}) VALUES ({', '.join(['%s'] * 15)})"  # noqa: S608  # a constant of this module
_LIST = f"""
    SELECT {COLUMNS} FROM checkpoints
    WHERE (%(sites)s::text[] IS NULL OR site_id = ANY (%(sites)s)) AND (%(site)s::text IS NULL OR site_id = %(site)s)
      AND (%(since)s::timestamptz IS NULL OR day_end > %(since)s)
      AND (%(until)s::timestamptz IS NULL OR day_start < %(until)s)
      AND (%(start)s::timestamptz IS NULL OR (day_start, site_id) > (%(start)s, %(after)s))
    ORDER BY day_start, site_id LIMIT %(limit)s"""  # noqa: S608  # a constant of this module
_COVERING = f"""
    SELECT {COLUMNS} FROM checkpoints WHERE site_id = %s AND head_seq >= %s AND day_end > %s
    ORDER BY day_start LIMIT 2"""  # noqa: S608  # a constant of this module


async def last_checkpoints(connection: Connection) -> list[LastCheckpoint]:
    """Tells of each site up to where it has checkpoints."""
    with translated():
        async with connection.cursor(row_factory=args_row(LastCheckpoint)) as cursor:
            await cursor.execute(_LAST)
            return await cursor.fetchall()


async def read_kept_records(
    connection: Connection, site: str, day: tuple[datetime, datetime], *, after: int, head: int
) -> list[dict[str, Any]]:
    """Gives the envelopes of the revisions that were kept on a day, by their sequence numbers.

    Args:
        connection: in a transaction.
        site: whose.
        day: `[start, end)`.
        after: what is beyond this sequence number was in no earlier checkpoint.
        head: nothing beyond this one.
    """
    told = {"site": site, "since": day[0], "until": day[1], "after": after, "head": head}
    with translated():
        return [envelope for (envelope,) in await (await connection.execute(_RECORDS, told)).fetchall()]


async def read_new_digests(connection: Connection, site: str, day: tuple[datetime, datetime]) -> list[NewDigest]:
    """Gives the digests of raw readings of a site's points that were kept on a day, by point, day and revision."""
    with translated():
        async with connection.cursor(row_factory=args_row(NewDigest)) as cursor:
            await cursor.execute(_DIGESTS, {"site": site, "since": day[0], "until": day[1]})
            return await cursor.fetchall()


async def add_checkpoint(connection: Connection, row: CheckpointRow) -> None:
    """Adds a checkpoint in the open transaction."""
    with translated():
        await connection.execute(_ADD.encode(), tuple(row))


async def list_checkpoints(
    connection: Connection, asked: CheckpointFilter, limit: int, after: tuple[datetime, str] | None = None
) -> list[CheckpointRow]:
    """Gives checkpoints of days that reach into a span, by day and site."""
    start, last = after or (None, None)
    sites = None if asked.sites is None else list(asked.sites)
    return await _read(connection, _LIST, {**asked._asdict(), "sites": sites, "limit": limit, "start": start, "after": last})


async def covering_checkpoints(connection: Connection, site: str, seq: int, kept_at: datetime) -> list[CheckpointRow]:
    """Gives the checkpoints that a revision can be in: that of the day it was kept, or the next if it was late for that."""
    return await _read(connection, _COVERING, (site, seq, kept_at))


async def _read(connection: Connection, query: str, told: dict[str, Any] | Sequence[Any]) -> list[CheckpointRow]:
    with translated():
        async with connection.cursor(row_factory=args_row(CheckpointRow)) as cursor:
            await cursor.execute(query.encode(), told)
            return await cursor.fetchall()
