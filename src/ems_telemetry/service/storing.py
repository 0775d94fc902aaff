"""The storing side: makes the database ready, drains the spool into it, and keeps it in order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration
from ems_telemetry.config.service import Settings
from ems_telemetry.errors import ConfigurationError, DatabaseNotReadyError
from ems_telemetry.model import Gap
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.service.plant_rows import PlantRows, plant_rows
from ems_telemetry.spool.port import SpoolReader
from ems_telemetry.storage.ahead import Target
from ems_telemetry.storage.audit import Act, Actor, append_now
from ems_telemetry.storage.capability import Capability, detect
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.gate import Gate
from ems_telemetry.storage.marks import Marks, find_missing
from ems_telemetry.storage.migrations import migrate, schema_state
from ems_telemetry.storage.registry import synchronise
from ems_telemetry.storage.revising import Accepted, newest_revision
from ems_telemetry.storage.storing import store_gaps
from ems_telemetry.storage.writer import Writer

MOST_UNTOLD = 100
"""How many configurations may be accepted while the database is away; of more, those in the middle are not kept."""
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
        self._marks = Marks(self._settings.spool.directory)
        self._clock = clock
        self.writer.committed = self._marks.note
        self._is_new = True
        self.missing: list[Gap] = []
        """What had been committed and was not there when the database was connected to; found last."""
        self.follow: Callable[[Settings], None] = lambda _settings: None
        """Called with the settings of each configuration that is accepted."""

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
        self.follow(configuration.settings)
        self.writer.renew()

    async def tell_trail(self, actor: Actor, act: Act) -> None:
        """Tells the audit trail of what is in no table.

        Raises:
            EmsTelemetryError: the database is out of reach.
        """
        async with self.database.connection() as connection:
            await append_now(connection, actor, act)

    async def _prepare(self) -> Target:
        """Brings schema and registry up to date, at the beginning of each connection and after each `accept`.

        Raises:
            EmsTelemetryError: the database is away or not what is needed; says what to do.
        """
        await self.database.require_primary()
        await _bring_up_to_date(self.database, self._settings)
        point_ids = await self._tell()
        await self._find_missing()
        async with self.database.connection() as connection:
            self.capability = await detect(connection)
        self._metrics.database_info.clear()
        self._metrics.database_info.labels(str(self.capability)).set(1)
        self.prepared.set()
        return Target(self.capability, point_ids, frozenset(point.key for point in self.points.points))

    async def _find_missing(self) -> None:
        """Finds out whether the database is older than what was written to it, and tells what it lacks, once."""
        if self._is_new:
            await asyncio.to_thread(self._marks.load)
            self._is_new = False
        marks = self._marks.kept(self._clock.now(), self._settings.retention.readings)
        async with self.database.connection() as connection:
            missing = await find_missing(connection, marks)
            await store_gaps(connection, missing)
        for gap in missing:
            _log.warning(
                "the database lacks readings that were written to it: it is another one, was restored from a backup, or is a "
                "standby that had not received everything",
                event_code="database_restored",
                connector=gap.connector,
                received_from=gap.start,
                received_to=gap.end,
            )
        if missing:
            self.missing = missing
            self._marks.forget([gap.connector for gap in missing])
            await self.remember()

    async def remember(self) -> None:
        """Writes down what was committed last."""
        try:
            await asyncio.to_thread(self._marks.save)
        except OSError as error:
            _log.debug("what was committed last is not written down", event_code="marks_failed", reason=str(error))

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
