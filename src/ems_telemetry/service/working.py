"""The storing half of the service at work: readings into the database, and whatever is made of them there."""

import asyncio
from contextlib import suppress

from ems_telemetry.service.deriving import Deriving
from ems_telemetry.service.stopping import DRAINING, WRITING, StopRequest
from ems_telemetry.service.storing import Storing

_LOOK_AGAIN_S = 0.05
_REMEMBER_EVERY_S = 5.0


async def store_while(storing: Storing, deriving: Deriving, collected: asyncio.Event, stopping: StopRequest) -> None:
    """Stores until nothing more will be collected, and then what is left in the spool if there is time for it.

    A transaction that takes longer is broken off: what it held is still in the spool.
    """
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(storing.writer.run(), name="writer")
        deriving_ = group.create_task(_derive(storing, deriving), name="deriving")
        remembering = group.create_task(_remember(storing), name="marks")
        await collected.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(_drained(storing), stopping.left_s(DRAINING))
        storing.writer.stop()
        deriving_.cancel()
        await asyncio.wait({writing}, timeout=stopping.left_s(WRITING))
        writing.cancel()
        remembering.cancel()
        await storing.remember()


async def _derive(storing: Storing, deriving: Deriving) -> None:
    """Lets the others work once there are tables."""
    await storing.prepared.wait()
    await deriving.run(storing.gate)


async def _remember(storing: Storing) -> None:
    while True:
        await asyncio.sleep(_REMEMBER_EVERY_S)
        await storing.remember()


async def _drained(storing: Storing) -> None:
    """Returns when the spool is empty, or at once if the database is away: what is in the spool is safe there."""
    while storing.writer.state.connected and storing.spool.state().batches:  # noqa: ASYNC110 - two states, no event for both
        await asyncio.sleep(_LOOK_AGAIN_S)
