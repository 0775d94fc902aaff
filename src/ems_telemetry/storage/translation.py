"""The one place where the database's errors become ours.

What is asked of each is whether the same call may succeed later, and if not, whether a row or the schema is to blame: a row
that cannot be stored may be set aside, a schema that does not fit makes everything wait.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from ems_telemetry.errors import (
    ConnectionLostError,
    DatabaseNotReadyError,
    EmsTelemetryError,
    LockedError,
    RejectedByDatabaseError,
    TransientError,
)

BY_SQLSTATE: Mapping[str, type[EmsTelemetryError]] = {
    # Whole classes, by the first two characters.
    "08": ConnectionLostError,  # connection exception
    "0B": TransientError,  # invalid transaction initiation
    "24": TransientError,  # invalid cursor state
    "25": TransientError,  # invalid transaction state
    "28": DatabaseNotReadyError,  # the login is refused
    "2D": TransientError,  # invalid transaction termination
    "3B": TransientError,  # savepoint exception
    "3D": DatabaseNotReadyError,  # no such database
    "3F": DatabaseNotReadyError,  # no such schema
    "40": TransientError,  # serialisation failure, deadlock
    "53": TransientError,  # out of connections, memory or disk
    "55": TransientError,  # locked, or in use
    "57": TransientError,  # cancelled, shutting down, starting up
    "58": TransientError,  # the server's operating system or disk fails
    "F0": DatabaseNotReadyError,  # the server's configuration file is wrong
    "HV": TransientError,  # foreign data wrapper
    # Codes that differ from their class.
    "25006": DatabaseNotReadyError,  # read only: a standby, or a server that ran out of disk
    "42501": DatabaseNotReadyError,  # a privilege is missing
    "42703": DatabaseNotReadyError,  # a column is missing
    "42883": DatabaseNotReadyError,  # a function is missing
    "42P01": DatabaseNotReadyError,  # a table is missing
    "53400": RejectedByDatabaseError,  # a limit per transaction: fewer rows may pass
    "55P03": LockedError,  # waited for as long as lock_timeout says
    "57P01": ConnectionLostError,  # the server shuts down
    "57P02": ConnectionLostError,  # the server crashed
    "57P03": ConnectionLostError,  # the server is starting
    "57P04": DatabaseNotReadyError,  # the database was dropped
    "57P05": ConnectionLostError,  # the session was idle for too long
    "XX001": TransientError,  # a damaged page is no fault of the row
    "XX002": TransientError,  # nor is a damaged index
}
"""Codes and classes not listed are the fault of what was sent: `RejectedByDatabaseError`."""

# Without a code the error was raised by the driver itself: it lost the server, or it could not make sense of what it was given.
WITHOUT_SQLSTATE: tuple[tuple[type[Exception], type[EmsTelemetryError]], ...] = (
    (psycopg.OperationalError, ConnectionLostError),
    (psycopg.Error, RejectedByDatabaseError),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raises our errors for the driver's within a `with`."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def translate(error: psycopg.Error) -> EmsTelemetryError:
    """Gives our error for one of the driver's, with the server's words in one line.

    Returns:
        An error to raise `from` the given one.
    """
    return kind_of(error)(describe(error))


def kind_of(error: psycopg.Error) -> type[EmsTelemetryError]:
    """Tells which of our errors stands for it."""
    code = error.sqlstate
    if code is None:
        return next(ours for theirs, ours in WITHOUT_SQLSTATE if isinstance(error, theirs))
    return BY_SQLSTATE.get(code) or BY_SQLSTATE.get(code[:2], RejectedByDatabaseError)


def describe(error: psycopg.Error) -> str:
    """Writes the server's message, its detail and its hint in one line."""
    diagnosis = error.diag
    parts = [diagnosis.message_primary or str(error), diagnosis.message_detail, diagnosis.message_hint]
    text = "; ".join(" ".join(part.split()) for part in parts if part)
    return f"{text} (SQLSTATE {error.sqlstate})" if error.sqlstate else text or type(error).__name__
