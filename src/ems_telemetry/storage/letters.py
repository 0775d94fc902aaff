"""Dead letters on their way again: which are to be retried, the readings that lie in them, and what became of the attempt.

An attempt is begun before its readings go into the spool and ended after it. Should the process die in between, the letter says
that it was begun, and is retried again; should the database refuse the reading once more, the writer takes the success back.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec
from psycopg.rows import args_row

from ems_telemetry.model import DeadLetter, Reading
from ems_telemetry.storage.audit import SERVICE, Act, Actor, append_now
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.losses import NO_ID, LetterFilter
from ems_telemetry.storage.reading import BEGINNING


class LetterPage(NamedTuple):
    """Which page of the letters, oldest first: how many at most, and the time and id of the last one of the page before."""

    limit: int
    after: datetime = BEGINNING
    after_id: UUID = NO_ID


class RetriedLetter(NamedTuple):
    """A letter with its payload, and whether it was made readings before."""

    letter: DeadLetter
    retried_at: datetime | None
    retry_note: str | None

    @property
    def is_done(self) -> bool:
        """True if it has become readings; false if that was begun and is not known to have ended."""
        return self.retried_at is not None and self.retry_note is not None


class _Row(msgspec.Struct):
    """A reading as the writer puts it into a letter."""

    point: str
    time: datetime
    value: float | str | None
    exact: str | None
    raw: float | str | None
    quality: int
    flags: int
    source_status: int
    received_at: datetime


_COLUMNS = "id, connector, point, reason, detail, source, payload, received_at, retried_at, retry_note"

LETTERS_TO_RETRY = f"""
    SELECT {_COLUMNS}
    FROM dead_letters
    WHERE (%(connector)s::text IS NULL OR connector = %(connector)s)
      AND (%(point)s::text IS NULL OR point = %(point)s)
      AND (%(reason)s::text IS NULL OR reason = %(reason)s)
      AND (%(again)s OR retried_at IS NULL OR retry_note IS NULL)
      AND received_at >= %(since)s AND (received_at, id) > (%(after)s, %(after_id)s)
    ORDER BY received_at, id
    LIMIT %(limit)s"""  # noqa: S608  # constants of this module
"""A page of letters to retry, oldest first."""

FIND_LETTERS = f"SELECT {_COLUMNS} FROM dead_letters WHERE id = ANY(%(ids)s) ORDER BY received_at, id"  # noqa: S608  # see above
"""Letters by their ids."""

BEGIN_RETRY = "UPDATE dead_letters SET retried_at = %(at)s, retry_note = NULL WHERE id = %(id)s"
"""An attempt begins."""

END_RETRY = "UPDATE dead_letters SET retry_note = %(note)s WHERE id = %(id)s AND retried_at = %(at)s"
"""An attempt has ended well, unless the writer has taken it back meanwhile."""

FAIL_RETRY = """
    UPDATE dead_letters SET retry_note = %(note)s, retried_at = CASE WHEN %(begun)s THEN NULL ELSE retried_at END
    WHERE id = %(id)s"""
"""An attempt came to nothing; only one that was begun takes back what stood there."""

KNOWS_POINT = "SELECT EXISTS (SELECT FROM points WHERE key = %(key)s)"


async def letters_to_retry(
    database: Database, wanted: LetterFilter, page: LetterPage, *, since: datetime = BEGINNING, again: bool = False
) -> list[RetriedLetter]:
    """Gives a page of letters, oldest first.

    Args:
        database: where they are.
        wanted: which ones.
        page: which of these.
        since: only those received from then on.
        again: also those that have become readings already.
    """
    parameters = {**wanted._asdict(), **page._asdict(), "since": since, "again": again}
    return await _fetch(database, LETTERS_TO_RETRY, parameters)


async def find_letters(database: Database, ids: list[UUID]) -> list[RetriedLetter]:
    """Finds letters by their ids; those there are not are left out."""
    return await _fetch(database, FIND_LETTERS, {"ids": ids})


async def begin_retry(database: Database, id_: UUID, at: datetime, *, by: Actor = SERVICE) -> None:
    """Takes note that the readings of a letter go into the spool now, and tells the audit trail."""
    await _execute(database, BEGIN_RETRY, {"id": id_, "at": at}, by, Act("dead_letter.retried", "dead_letter", str(id_)))


async def end_retry(database: Database, id_: UUID, at: datetime, note: str) -> None:
    """Takes note that they are there."""
    await _execute(database, END_RETRY, {"id": id_, "at": at, "note": note})


async def fail_retry(database: Database, id_: UUID, note: str, *, begun: bool = False, by: Actor = SERVICE) -> None:
    """Takes note of why nothing came of an attempt; it changes nothing but the note, unless the attempt was begun."""
    act = Act("dead_letter.retried_in_vain", "dead_letter", str(id_), detail={"note": note})
    await _execute(database, FAIL_RETRY, {"id": id_, "note": note, "begun": begun}, by, act)


async def knows_point(database: Database, key: str) -> bool:
    """Tells whether there is a point with this key, configured or made known by its device."""
    async with database.connection() as connection:
        return await (await connection.execute(KNOWS_POINT, {"key": key})).fetchone() == (True,)


def unpack_reading(payload: bytes) -> Reading | None:
    """Gives the reading that the writer put into a letter; None if the letter holds something else."""
    try:
        row = msgspec.json.decode(payload, type=_Row)
        exact = None if row.exact is None else Decimal(row.exact)
        value, raw = (None if number is None else float(number) for number in (row.value, row.raw))
    except (msgspec.MsgspecError, ValueError, ArithmeticError):
        return None
    return Reading(row.point, row.time, value, exact, raw, row.quality, row.flags, row.source_status, row.received_at)


async def _fetch(database: Database, query: str, parameters: dict[str, object]) -> list[RetriedLetter]:
    async with database.connection() as connection, connection.cursor(row_factory=args_row(_letter)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


def _letter(*columns: object) -> RetriedLetter:
    *fields, retried_at, retry_note = columns
    return RetriedLetter(DeadLetter(*fields), retried_at, retry_note)  # type: ignore[arg-type]  # columns as the query names them


async def _execute(
    database: Database, statement: str, parameters: dict[str, object], by: Actor = SERVICE, act: Act | None = None
) -> None:
    async with database.connection() as connection:
        found = await connection.execute(statement, parameters)
        if act is not None and found.rowcount:
            await append_now(connection, by, act)
