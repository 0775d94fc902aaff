"""Requests that are done once, however often they are sent: what was answered is kept in the transaction of the change.

Either both are there or neither is. Of two at the same moment one is done, and the other is told so at once.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.storage.database import Connection

KEPT: Final = timedelta(days=7)
MOST_BODY_BYTES: Final = 256 * 1024


class Once(NamedTuple):
    """A request that is to be done once: who sends it, by which word of theirs, and the digest of all that it says."""

    caller: str
    key: str
    request_sha256: bytes


class StoredAnswer(NamedTuple):
    """What was answered. `body` None: it was too large to be kept."""

    status: int
    body: bytes | None


class KeyReusedError(EmsTelemetryError):
    """The word stands for another request of the same caller."""


class InProgressError(EmsTelemetryError):
    """The same request is being done in another transaction."""


@dataclass(slots=True)
class Turn:
    """One attempt at a request. `stored` is what was answered before: then nothing is to be done."""

    stored: StoredAnswer | None = None
    answer: StoredAnswer | None = field(default=None, repr=False)

    def keep(self, status: int, body: bytes) -> None:
        """Says what is answered; it is kept when the block ends well."""
        self.answer = StoredAnswer(status, body if len(body) <= MOST_BODY_BYTES else None)


LOCK_KEY = """
    SELECT pg_try_advisory_xact_lock(hashtext('ems_telemetry.idempotency'), hashtext(%(caller)s || ' ' || %(key)s))"""
"""Whoever does a request does it alone; false where somebody is at it, or at one that hashes to the same number."""

FIND_ANSWER = f"""
    SELECT request_sha256, status, body FROM idempotency_keys
    WHERE caller = %(caller)s AND key = %(key)s AND created_at > now() - interval '{KEPT.days} days'"""  # noqa: S608  # a constant
"""What was answered to a request, if it was done."""

KEEP_ANSWER = """
    INSERT INTO idempotency_keys (caller, key, request_sha256, status, body)
    VALUES (%(caller)s, %(key)s, %(request_sha256)s, %(status)s, %(body)s)
    ON CONFLICT (caller, key) DO UPDATE SET
        request_sha256 = excluded.request_sha256, status = excluded.status, body = excluded.body, created_at = now()"""
"""Keeps what is answered; one whose time is over makes room."""

FORGET_ANSWERS = f"DELETE FROM idempotency_keys WHERE created_at <= now() - interval '{KEPT.days} days'"  # noqa: S608  # see above
"""Forgets those whose time is over."""


@asynccontextmanager
async def idempotent(connection: Connection, once: Once | None) -> AsyncIterator[Turn]:
    """Does a request once, in the transaction that the connection is in. Without `once` it is simply done.

    The block looks at `stored` first, and does nothing where it is there; otherwise it makes its change by this connection and
    calls `keep`. An error within keeps nothing, so that the request may be sent again.

    Raises:
        KeyReusedError: the word stands for another request.
        InProgressError: the same request is being done at this moment.
    """
    if once is None:
        yield Turn()
        return
    locked = await (await connection.execute(LOCK_KEY, {"caller": once.caller, "key": once.key})).fetchone()
    if locked != (True,):
        raise InProgressError(f'"{once.key}" is being done')
    found = await (await connection.execute(FIND_ANSWER.encode(), {"caller": once.caller, "key": once.key})).fetchone()
    if found is None:
        turn = Turn()
    elif bytes(found[0]) != once.request_sha256:
        raise KeyReusedError(f'"{once.key}" stands for another request')
    else:
        turn = Turn(StoredAnswer(found[1], None if found[2] is None else bytes(found[2])))
    yield turn
    if turn.stored is None and turn.answer is not None:
        await connection.execute(KEEP_ANSWER, {**once._asdict(), **turn.answer._asdict()})


async def forget_answers(connection: Connection) -> int:
    """Forgets what was answered more than seven days ago; tells how many that were."""
    return (await connection.execute(FORGET_ANSWERS.encode())).rowcount
