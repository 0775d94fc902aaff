"""Waiting for whichever comes first, with nothing left running behind."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Returns when the first of them does, raises what it raises, and ends the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


async def unless(stopping: asyncio.Event, work: Coroutine[Any, Any, ResultT]) -> ResultT | None:
    """Does a work and gives its result, or breaks it off when `stopping` is set and gives None.

    Returns only when the work has ended, its cleaning up included. Cancelling it cancels the work.
    """
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        working.cancel()
        await asyncio.wait((working, waiting))
    return None if working.cancelled() else working.result()
