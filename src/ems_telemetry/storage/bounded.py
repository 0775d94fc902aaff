"""Waits of the writer for the database that end, whatever the server does."""

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError

TRANSACTION_TIMEOUT_S = 120.0
LAST_TRANSACTION_S = 1.0
"""How long a transaction may go on once the writer is cancelled; one that is broken off is still in the spool."""

T = TypeVar("T")


async def answered(asking: Awaitable[T], timeout_s: float) -> T:
    """Bounds the wait for a server that no longer answers and has not closed the connection either.

    Raises:
        ConnectionLostError: it did not answer in time.
    """
    try:
        # A load that is written is broken off by it, and is still in the spool.
        async with asyncio.timeout(timeout_s):
            return await asking
    except TimeoutError as error:
        raise ConnectionLostError(f"the database did not answer within {timeout_s:g} s") from error


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Lets work end although its caller is cancelled meanwhile, if that takes no longer than a moment."""
    task = asyncio.create_task(work, name="writer-transaction")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task}, timeout=LAST_TRANSACTION_S)
        finally:
            task.cancel()
        with suppress(EmsTelemetryError, asyncio.CancelledError):
            await task
        raise
