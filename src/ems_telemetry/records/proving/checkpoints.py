"""Makes checkpoints: after each local day of a site one Merkle root over what was kept for it that day.

Who keeps the root on paper can tell later, from a record and a few hashes, that this record was among them (RFC 6962). Each
checkpoint is one transaction, together with its line in the audit trail; looking twice changes nothing.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.clock import Clock
from ems_telemetry.evidence.canonical import canonical, digest, leaf
from ems_telemetry.evidence.envelope import record_leaf
from ems_telemetry.evidence.merkle import Tree
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.storage.audit import Act, Actor, append_act, lock_trail, read_head
from ems_telemetry.storage.checkpoints import (
    CheckpointRow,
    LastCheckpoint,
    NewDigest,
    add_checkpoint,
    covering_checkpoints,
    last_checkpoints,
    read_kept_records,
    read_new_digests,
)
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.records import RecordRow

SETTLED: Final = timedelta(minutes=15)
"""A day is over so long after its end: what was begun before it is committed by then."""
MOST_DAYS: Final = 100
"""So many checkpoints in one pass; after a long pause the rest waits for the next."""
ACTOR: Final = Actor("service:checkpoints", "ems-telemetry")


class Inclusion(NamedTuple):
    """The proof that a record is in a checkpoint: its leaf, its place from 0, and the path to the root (RFC 6962, 2.1.1)."""

    checkpoint: CheckpointRow
    leaf: bytes
    place: int
    path: tuple[bytes, ...]


class Checkpointer:
    """Makes the checkpoints that are due. Building one does no I/O.

    Args:
        database: open.
        clock: tells which days are over.
        key: signs them; None: they are kept without a signature.
    """

    def __init__(self, database: Database, clock: Clock, key: SigningKey | None = None) -> None:
        self._database = database
        self._clock = clock
        self._key = key

    async def catch_up(self) -> int:
        """Makes what is due of every site, oldest day first, or as much as one pass takes.

        Returns:
            How many were made.

        Raises:
            EmsTelemetryError: the database is out of reach.
        """
        async with self._database.connection() as connection:
            sites = await last_checkpoints(connection)
        made, over = 0, self._clock.now() - SETTLED
        for site in sites:
            while made < MOST_DAYS and (day := _next_day(site)) is not None and day[1] <= over:
                async with self._database.connection() as connection:
                    row = await make_checkpoint(connection, site, day, self._clock.now(), self._key)
                site = site._replace(day_end=row.day_end, head_seq=row.head_seq)  # noqa: PLW2901  # the next day is that of it
                made += 1
        return made


async def make_checkpoint(
    connection: Connection, site: LastCheckpoint, day: tuple[datetime, datetime], now: datetime, key: SigningKey | None
) -> CheckpointRow:
    """Makes the checkpoint of a day in the open transaction: its records by sequence number, then digests of raw readings."""
    await lock_trail(connection)
    head = await read_head(connection)
    after = head.seq if site.head_seq is None else site.head_seq
    records = await read_kept_records(connection, site.site, day, after=after, head=head.seq)
    digests = await read_new_digests(connection, site.site, day)
    leaves = [*map(record_leaf, records), *map(digest_leaf, digests)]
    row = CheckpointRow(
        site=site.site, day_start=day[0], day_end=day[1], seq=0, timezone=site.timezone, records=len(records),
        digests=len(digests), root=Tree(leaves).root.hex(), head_seq=head.seq, head_hash=head.hash, made_at=now, key_id=None,
        signature=None, leaves=b"".join(leaves), hash="",
    )  # fmt: skip
    if key is not None:
        row = row._replace(key_id=key.public.key_id, signature=key.sign(canonical(row.statement())).hex())
    row = row._replace(hash=digest(row.content()).hex())
    local = day[0].astimezone(ZoneInfo(site.timezone)).date().isoformat()
    act = Act("checkpoint.made", "checkpoint", f"{site.site}/{local}", 1, site.site, None, None, row.hash)
    row = row._replace(seq=(await append_act(connection, ACTOR, act, now)).seq)
    await add_checkpoint(connection, row)
    return row


async def find_inclusion(connection: Connection, row: RecordRow) -> Inclusion | None:
    """Proves that a revision is in the checkpoint of the day it was kept; None where there is none yet."""
    own = record_leaf(row.envelope)
    for checkpoint in await covering_checkpoints(connection, row.site, row.seq, row.computed_at):
        leaves = checkpoint.split_leaves()
        if own in leaves:
            index = leaves.index(own)
            return Inclusion(checkpoint, own, index, Tree(leaves).audit_proof(index))
    return None


def digest_leaf(row: NewDigest) -> bytes:
    """Gives the leaf of a digest of raw readings, 32 bytes."""
    return leaf({"kind": "raw_digest", **row._asdict()})


def _next_day(site: LastCheckpoint) -> tuple[datetime, datetime] | None:
    since = site.day_end or site.first
    if since is None:
        return None
    start, end = edges_of(Period.DAY, microseconds(since), microseconds(since) + 1, ZoneInfo(site.timezone))[:2]
    return moment_of(start), moment_of(end)
