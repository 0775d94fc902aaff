"""Stores a load, all of it but what the database refuses even when it is alone: that is set aside as a dead letter."""

from collections.abc import Callable
from typing import Any

import psycopg

from ems_telemetry.errors import DatabaseNotReadyError, PermanentError
from ems_telemetry.observe import get_logger
from ems_telemetry.storage.bounded import TRANSACTION_TIMEOUT_S, answered
from ems_telemetry.storage.capability import Capability
from ems_telemetry.storage.load import Item, Load, Row, rejected
from ems_telemetry.storage.storing import Account, Tell, store

_log = get_logger("ems_telemetry.storage.writer")


async def store_bisecting(
    connection: psycopg.AsyncConnection[Any],
    capability: Capability,
    load: Load,
    meanwhile: Callable[[], None] | None = None,
    tell: Tell | None = None,
) -> Account:
    """Stores a load; see `store`. One of which something is refused takes several transactions, and is told of in the last.

    Raises:
        DatabaseNotReadyError: not even a dead letter can be stored.
        LockedError: somebody else holds what it needs.
        TransientError: it may work later.
    """
    try:
        return await answered(store(connection, capability, load, meanwhile, tell), TRANSACTION_TIMEOUT_S)
    except PermanentError as error:
        if not load.items:
            raise
        account = await _store_parts(connection, capability, load, error)
    if tell is not None:
        async with connection.transaction():
            await answered(tell(connection, account), TRANSACTION_TIMEOUT_S)
    return account


async def _store_parts(
    connection: psycopg.AsyncConnection[Any], capability: Capability, load: Load, error: PermanentError
) -> Account:
    if len(load.items) == 1:
        return await _set_aside(connection, capability, load.items[0], str(error))
    first, second = load.halves()
    return await store_bisecting(connection, capability, first) + await store_bisecting(connection, capability, second)


async def _set_aside(connection: psycopg.AsyncConnection[Any], capability: Capability, item: Item, reason: str) -> Account:
    letter = rejected(item, reason)
    _log.warning("the database refuses a row", event_code="row_refused", point=letter.point, reason=reason)
    try:
        account = await answered(store(connection, capability, Load((), (letter,), ())), TRANSACTION_TIMEOUT_S)
    except PermanentError as error:
        raise DatabaseNotReadyError(f"not even a dead letter can be stored: {error}") from error
    return account + Account(rejected=1 if isinstance(item, Row) else 0)
