"""The storing side: makes the database ready, drains the spool into it, and keeps it in order."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration
from ems_telemetry.config.service import Settings
from ems_telemetry.errors import ConfigurationError, DatabaseNotReadyError
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.service.plant_rows import PlantRows, plant_rows
from ems_telemetry.service.stopping import DRAINING, WRITING, StopRequest
from ems_telemetry.spool.port import SpoolReader
from ems_telemetry.storage.capability import Capability, detect
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.gate import Gate
from ems_telemetry.storage.maintenance import Maintenance
from ems_telemetry.storage.migrations import migrate, schema_state
from ems_telemetry.storage.registry import synchronise
from ems_telemetry.storage.revising import Accepted, newest_revision
from ems_telemetry.storage.writer import Target, Writer
from ems_telemetry.waiting import unless

MOST_UNTOLD = 100
"""How many configurations may be accepted while the database is away; of more, those in the middle are not kept."""
_LOOK_AGAIN_S = 0.05
_log = get_logger("ems_telemetry.service")


@dataclass(frozen=True, slots=True)
class _Plant:
    """A configuration as the database is to know it. `accepted` is None where nothing is to be kept of it."""

    rows: PlantRows
    accepted: Accepted | None


class Storing:
    """Everything that writes to the database, as one part."""

    def __init__(
        self,
        configuration: Configuration,
        database: Database,
        spool: SpoolReader,
        *,
        metrics: Metrics,
        clock: Clock,
        accepted: Accepted | None = None,
    ) -> None:
        self._settings = configuration.settings
        self._plants = [_Plant(plant_rows(configuration), accepted)]
        self.database = database
        self._metrics = metrics
        self.spool = spool
        self.capability: Capability | None = None
        self.revision: int | None = None
        """The number under which the database keeps the configuration; None as long as it does not know it."""
        self.prepared = asyncio.Event()
        self.told = asyncio.Event()
        """Set while the database knows the configuration that runs."""
        self.writer = Writer(
            database,
            spool,
            self._prepare,
            clock=clock,
            metrics=metrics,
            backoff=Backoff(initial_s=0.5, cap_s=15.0),
        )
        self.maintenance = Maintenance(
            database, self._settings.retention, clock=clock, backoff=Backoff(initial_s=5.0, cap_s=600.0)
        )

    @property
    def gate(self) -> Gate:
        """What everything that changes the tables passes."""
        return self.writer.gate

    @property
    def points(self) -> PlantRows:
        """The plant as it is configured now."""
        return self._plants[-1].rows

    def accept(self, configuration: Configuration, accepted: Accepted) -> None:
        """Goes by another configuration from now on: the database is told at once, or when it comes. Never blocks.

        What is spooled after this is written with the points of this configuration.
        """
        self._plants.append(_Plant(plant_rows(configuration), accepted))
        if len(self._plants) > MOST_UNTOLD:
            del self._plants[1]
        self.told.clear()
        self.revision = None
        self.maintenance.change(configuration.settings.retention)
        self.writer.renew()

    async def _prepare(self) -> Target:
        """Brings schema and registry up to date, at the beginning of each connection and after each `accept`.

        Raises:
            EmsTelemetryError: the database is away or not what is needed; says what to do.
        """
        await _bring_up_to_date(self.database, self._settings)
        point_ids = await self._tell()
        async with self.database.connection() as connection:
            self.capability = await detect(connection)
        self._metrics.database_info.clear()
        self._metrics.database_info.labels(str(self.capability)).set(1)
        self.prepared.set()
        return Target(self.capability, point_ids, frozenset(point.key for point in self.points.points))

    async def _tell(self) -> dict[str, int]:
        """Tells the database of every configuration it does not know yet, in their order: readings of each may be spooled."""
        while len(self._plants) > 1:
            try:
                await self._synchronise(self._plants[0])
            except ConfigurationError as error:
                _log.error("a past configuration is not kept", event_code="configuration_not_kept", reason=str(error))
            self._plants.pop(0)
        current = self._plants[0]
        point_ids = await self._synchronise(current)
        if current.accepted is not None:
            async with self.database.connection() as connection:
                number, _ = await newest_revision(connection) or (None, "")
            self.revision = number
        if len(self._plants) == 1:
            self.told.set()
        return point_ids

    async def _synchronise(self, plant: _Plant) -> dict[str, int]:
        rows = plant.rows
        return await synchronise(
            self.database, rows.sites, rows.meters, rows.points, discovering=rows.connectors, accepted=plant.accepted
        )


async def _bring_up_to_date(database: Database, settings: Settings) -> None:
    if settings.database.migrate:
        await migrate(database)
    elif pending := (await schema_state(database)).pending:
        message = f"the schema lacks {', '.join(pending)}; run `ems-telemetry migrate`"
        raise DatabaseNotReadyError(message)


async def store_while(storing: Storing, collected: asyncio.Event, stopping: StopRequest) -> None:
    """Stores until nothing more will be collected, and then what is left in the spool if there is time for it.

    A transaction that takes longer is broken off: what it held is still in the spool.
    """
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(storing.writer.run(), name="writer")
        maintaining = group.create_task(_maintain(storing), name="maintenance")
        await collected.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(_drained(storing), stopping.left_s(DRAINING))
        storing.writer.stop()
        maintaining.cancel()
        await asyncio.wait({writing}, timeout=stopping.left_s(WRITING))
        writing.cancel()


async def _maintain(storing: Storing) -> None:
    """Maintains the tables once there are any. May be cancelled at any time: what it does is done in transactions."""
    await storing.prepared.wait()
    while True:
        await storing.gate.opened.wait()
        await unless(storing.gate.closed, storing.maintenance.run())


async def _drained(storing: Storing) -> None:
    """Returns when the spool is empty, or at once if the database is away: what is in the spool is safe there."""
    while storing.writer.state.connected and storing.spool.state().batches:  # noqa: ASYNC110 - two states, no event for both
        await asyncio.sleep(_LOOK_AGAIN_S)
