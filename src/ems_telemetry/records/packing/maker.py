"""Makes the packs that were asked for, one after the other, each with its line in the audit trail; and where they are kept."""

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from ems_telemetry.clock import Clock
from ems_telemetry.errors import EmsTelemetryError, PermanentError
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.observe import get_logger
from ems_telemetry.records.packing.asked import PackAsked
from ems_telemetry.records.packing.making import GATHERING, PackBench
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.packs import PackRow, finish_pack, next_pack
from ems_telemetry.waiting import unless

EVERY_S: Final = 60.0
MOST_TRIES: Final = 5
"""A pack that the database breaks off so often is given up."""


@dataclass(frozen=True, slots=True)
class PackRoom:
    """Where packs are kept, how many may be, and the key that signs them; `asked` is set when one is asked for."""

    directory: Path = Path("var/evidence")
    most: int = 100
    key: SigningKey | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event, repr=False, compare=False)

    def file_of(self, id_: UUID) -> Path:
        """Tells where a pack lies."""
        return self.directory / f"{id_}.zip"

    def count(self) -> int:
        """Counts the packs in the folder."""
        return sum(1 for _ in self.directory.glob("*.zip")) if self.directory.is_dir() else 0

    def sweep(self) -> None:
        """Removes what an earlier start left half gathered."""
        for left in self.directory.glob(f"{GATHERING}*"):
            shutil.rmtree(left, ignore_errors=True)


class PackMaker:
    """Makes packs for ever: `run` ends by being cancelled, at any time; what was not finished is made again then."""

    def __init__(self, database: Database, room: PackRoom, *, clock: Clock, backoff: Backoff) -> None:
        self._database = database
        self._room = room
        self._clock = clock
        self._backoff = backoff
        self._tries: dict[UUID, int] = {}
        self._log = get_logger(__name__)

    async def run(self) -> None:
        """Makes what is asked for, at once; looks every minute for what was left by an earlier start."""
        failures = 0
        await asyncio.to_thread(self._room.sweep)
        while True:
            self._room.asked.clear()
            try:
                made = await self.make_next()
                failures = 0
            except EmsTelemetryError as error:
                made, failures = False, failures + 1
                self._log.warning("a pack cannot be made now", event_code="pack_waiting", reason=str(error))
            if failures:
                await self._clock.sleep(self._backoff.delay_s(failures))
            elif not made:
                await unless(self._room.asked, self._clock.sleep(EVERY_S))

    async def make_next(self) -> bool:
        """Makes the pack that has waited longest, or tells why it cannot be made.

        Returns:
            Whether there was one.

        Raises:
            TransientError: the database is out of reach; the pack still waits.
        """
        async with self._database.connection() as connection:
            row = await next_pack(connection)
        if row is None:
            return False
        try:
            await self._make(row)
        except PermanentError as error:
            await self._give_up(row, str(error))
        except EmsTelemetryError as error:
            self._tries[row.id] = self._tries.get(row.id, 0) + 1
            if self._tries[row.id] < MOST_TRIES:
                raise
            await self._give_up(row, f"the database broke it off {MOST_TRIES} times: {error}")
        self._tries.pop(row.id, None)
        return True

    async def _make(self, row: PackRow) -> None:
        if self._room.key is None:
            raise PermanentError("no signing key is configured any more; set evidence.signing_key and ask again")
        target = self._room.file_of(row.id)
        try:
            await asyncio.to_thread(target.parent.mkdir, 0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise PermanentError(f"the folder {target.parent} cannot be made: {error.strerror}") from error
        bench = PackBench(self._database, self._room.key)
        made = await bench.make(target, str(row.id), PackAsked.of_scope(row.asked), self._clock.now())
        async with self._database.connection() as connection:
            await made.tell(connection, Actor(row.actor, row.actor_name, row.client), self._clock.now())
            await finish_pack(connection, row.id, self._clock.now(), made=(made.size_bytes, made.sha256))
        self._log.info("a pack is made", event_code="pack_made", pack=str(row.id), site=row.site, records=made.records)

    async def _give_up(self, row: PackRow, reason: str) -> None:
        self._log.warning("a pack is not made", event_code="pack_failed", pack=str(row.id), reason=reason)
        with suppress(OSError):  # where nothing can be removed, nothing was made
            await asyncio.to_thread(self._room.file_of(row.id).unlink)
        async with self._database.connection() as connection:
            await finish_pack(connection, row.id, self._clock.now(), reason=reason)
