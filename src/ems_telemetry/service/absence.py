"""What can be known of a service that does not answer: who holds its spool, what is in that, whether the database is there."""

import asyncio
from pathlib import Path

from pydantic import BaseModel

from ems_telemetry.clock import Clock
from ems_telemetry.config.service import EMBEDDED, DatabaseSettings, Settings
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.service.switch_file import Switch, read_switch
from ems_telemetry.spool.lock import ReaderLock
from ems_telemetry.spool.peeking import peek
from ems_telemetry.storage.database import Database

ASK_WITHIN_S = 8.0


class Absence(BaseModel):
    """A service seen from outside. `database` says how the database is; None where it runs only together with the service."""

    spool_directory: Path
    spool_is_held: bool
    process: int | None
    """Which process holds the spool; None if none does, or if it is not one of this machine."""
    spool_problem: str | None = None
    batches: int | None = None
    size_bytes: int | None = None
    max_size_bytes: int
    oldest_age_s: float | None = None
    writes: Switch | None = None
    database_answers: bool | None = None
    database: str | None = None


async def look_from_outside(settings: Settings, clock: Clock) -> Absence:
    """Looks at what the service leaves behind; changes nothing, and starts nothing."""
    spool, lock = settings.spool, ReaderLock(settings.spool.directory)
    seen = Absence(
        spool_directory=spool.directory.resolve(),
        spool_is_held=lock.is_held(),
        process=lock.holding_process(),
        max_size_bytes=spool.max_size,
        writes=await asyncio.to_thread(read_switch, spool.directory),
    )
    database = await _ask(settings.database)
    return seen.model_copy(update=await asyncio.to_thread(_look_into_spool, settings, clock) | database)


def _look_into_spool(settings: Settings, clock: Clock) -> dict[str, object]:
    try:
        state = peek(settings.spool.directory, settings.spool.max_size)
    except EmsTelemetryError as error:
        return {"spool_problem": str(error)}
    if state is None:
        return {"spool_problem": "there is no spool yet"}
    age_s = None if state.oldest_at is None else max(0.0, (clock.now() - state.oldest_at).total_seconds())
    return {"batches": state.batches, "size_bytes": state.size_bytes, "oldest_age_s": age_s}


async def _ask(settings: DatabaseSettings) -> dict[str, object]:
    if settings.url == EMBEDDED:
        return {}
    try:
        async with Database(settings.url, settings.read_password(), max_connections=1) as database:
            async with asyncio.timeout(ASK_WITHIN_S):
                await database.check()
            return {"database_answers": True, "database": f"{database.address} answers"}
    except TimeoutError:
        return {"database_answers": False, "database": f"no answer within {ASK_WITHIN_S:g} s"}
    except (EmsTelemetryError, OSError) as error:
        return {"database_answers": False, "database": str(error)}
