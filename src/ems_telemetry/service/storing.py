"""The storing side: makes the database ready, drains the spool into it, and keeps it in order."""

import asyncio
from contextlib import suppress

from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration
from ems_telemetry.errors import DatabaseNotReadyError
from ems_telemetry.observe import Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.service.plant_rows import plant_rows
from ems_telemetry.spool.port import SpoolReader
from ems_telemetry.storage.capability import Capability, detect
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.maintenance import Maintenance
from ems_telemetry.storage.migrations import migrate, schema_state
from ems_telemetry.storage.registry import synchronise
from ems_telemetry.storage.writer import Target, Writer

DRAIN_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.05


class Storing:
    """Everything that writes to the database, as one part."""

    def __init__(
        self, configuration: Configuration, database: Database, spool: SpoolReader, *, metrics: Metrics, clock: Clock
    ) -> None:
        self._configuration = configuration
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self.spool = spool
        self.capability: Capability | None = None
        self.prepared = asyncio.Event()
        self.writer = Writer(
            database, spool, self._prepare, clock=clock, metrics=metrics, backoff=Backoff(initial_s=0.5, cap_s=15.0)
        )
        self.maintenance = Maintenance(
            database, configuration.settings.retention, clock=clock, backoff=Backoff(initial_s=5.0, cap_s=600.0)
        )

    async def _prepare(self) -> Target:
        """Brings schema and registry up to date, at the beginning of each connection to the database.

        Raises:
            EmsTelemetryError: the database is away or not what is needed; says what to do.
        """
        if self._configuration.settings.database.migrate:
            await migrate(self._database)
        elif pending := (await schema_state(self._database)).pending:
            message = f"the schema lacks {', '.join(pending)}; run `ems-telemetry migrate`"
            raise DatabaseNotReadyError(message)
        rows = plant_rows(self._configuration)
        point_ids = await synchronise(self._database, rows.sites, rows.meters, rows.points, discovering=rows.connectors)
        async with self._database.connection() as connection:
            self.capability = await detect(connection)
        self._metrics.database_info.clear()
        self._metrics.database_info.labels(str(self.capability)).set(1)
        self.prepared.set()
        return Target(self.capability, point_ids)


async def store_while(storing: Storing, collected: asyncio.Event) -> None:
    """Stores until nothing more will be collected, and then what is left in the spool if that takes no more than seconds."""
    async with asyncio.TaskGroup() as group:
        group.create_task(storing.writer.run(), name="writer")
        maintaining = group.create_task(_maintain(storing), name="maintenance")
        await collected.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(_drained(storing), DRAIN_WITHIN_S)
        storing.writer.stop()
        maintaining.cancel()


async def _maintain(storing: Storing) -> None:
    """Maintains the tables once there are any. May be cancelled at any time: what it does is done in transactions."""
    await storing.prepared.wait()
    await storing.maintenance.run()


async def _drained(storing: Storing) -> None:
    """Returns when the spool is empty, or at once if the database is away: what is in the spool is safe there."""
    while storing.writer.state.connected and storing.spool.state().batches:  # noqa: ASYNC110 - two states, no event for both
        await asyncio.sleep(_LOOK_AGAIN_S)
