from collections.abc import Iterator

import psycopg
import psycopg_pool
import pytest
from psycopg import errors

from ems_telemetry.errors import (
    ConnectionLostError,
    DatabaseNotReadyError,
    EmsTelemetryError,
    LockedError,
    PermanentError,
    RejectedByDatabaseError,
    TransientError,
)
from ems_telemetry.storage.translation import BY_SQLSTATE, kind_of, translate, translated


def tree(root: type[psycopg.Error]) -> Iterator[type[psycopg.Error]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


EVERY_ERROR = sorted(set(tree(psycopg.Error)), key=lambda kind: (kind.sqlstate or "", kind.__name__))


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_every_error_of_the_driver_is_ours_and_either_transient_or_permanent(kind: type[psycopg.Error]) -> None:
    ours = translate(kind("what the server said"))
    assert isinstance(ours, TransientError) != isinstance(ours, PermanentError)
    assert "what the server said" in str(ours)


def test_the_walk_finds_the_whole_tree() -> None:
    assert len(EVERY_ERROR) > 250


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("08006", ConnectionLostError),
        ("40001", TransientError),
        ("40P01", TransientError),
        ("53100", TransientError),
        ("53300", TransientError),
        ("53400", RejectedByDatabaseError),
        ("55P03", LockedError),
        ("57014", TransientError),
        ("57P01", ConnectionLostError),
        ("57P03", ConnectionLostError),
        ("58030", TransientError),
        ("25006", DatabaseNotReadyError),
        ("28P01", DatabaseNotReadyError),
        ("3D000", DatabaseNotReadyError),
        ("42P01", DatabaseNotReadyError),
        ("42501", DatabaseNotReadyError),
        ("22003", RejectedByDatabaseError),
        ("22021", RejectedByDatabaseError),
        ("23502", RejectedByDatabaseError),
        ("23505", RejectedByDatabaseError),
        ("23514", RejectedByDatabaseError),
        ("42601", RejectedByDatabaseError),
        ("0A000", RejectedByDatabaseError),
        ("XX000", RejectedByDatabaseError),
        ("XX001", TransientError),
    ],
)
def test_what_matters_most_is_told_apart(code: str, ours: type[EmsTelemetryError]) -> None:
    assert kind_of(errors.lookup(code)("")) is ours


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (psycopg.OperationalError("the connection is closed"), ConnectionLostError),
        (psycopg_pool.PoolTimeout("waited"), ConnectionLostError),
        (psycopg_pool.PoolClosed("closed"), ConnectionLostError),
        (psycopg_pool.TooManyRequests("busy"), ConnectionLostError),
        (psycopg.DataError("NUL in a text"), RejectedByDatabaseError),
        (psycopg.InterfaceError("misuse"), RejectedByDatabaseError),
    ],
)
def test_errors_of_the_driver_itself_are_told_by_their_type(error: psycopg.Error, ours: type[EmsTelemetryError]) -> None:
    assert kind_of(error) is ours


def test_every_entry_of_the_table_is_a_code_or_a_class_of_codes() -> None:
    known = {kind.sqlstate for kind in EVERY_ERROR if kind.sqlstate}
    assert {code for code in BY_SQLSTATE if code not in known and not any(one.startswith(code) for one in known)} == set()


def test_a_message_is_one_line_and_keeps_the_cause() -> None:
    with pytest.raises(ConnectionLostError) as told, translated():
        raise psycopg.OperationalError("connection failed:\n\tIs the server running?")
    assert str(told.value) == "connection failed: Is the server running?"
    assert isinstance(told.value.__cause__, psycopg.OperationalError)
