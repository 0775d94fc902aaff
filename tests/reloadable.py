"""The collecting and the storing half of a service, on files that a test changes, with a reloader between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from ems_telemetry.api.standing import Reload
from ems_telemetry.clock import SystemClock
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.config.service import WhenFull
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.model import Sample
from ems_telemetry.observe import Metrics
from ems_telemetry.records.packing.maker import PackRoom
from ems_telemetry.service.assembly import Assembler
from ems_telemetry.service.collecting import Collection
from ems_telemetry.service.deriving import Deriving
from ems_telemetry.service.gap_ledger import GapLedger
from ems_telemetry.service.heartbeat import Heartbeat
from ems_telemetry.service.plant_rows import as_accepted
from ems_telemetry.service.reloading import Hooks, Reloader, Running
from ems_telemetry.service.stopping import StopRequest
from ems_telemetry.service.storing import Storing
from ems_telemetry.service.working import store_while
from ems_telemetry.spool.sqlite import SqliteSpool
from ems_telemetry.storage.database import Database

PLANT = "sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin, areas: [hall-1]}]\n"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"


def manual(meter: str, *keys: str, unit: str = "m3", quantity: str = "water_volume", kind: str = "counter") -> str:
    """A connector file of a meter read by hand, with one point."""
    point = f"{{id: volume, quantity: {quantity}, unit: {unit}, kind: {kind}}}"
    return "\n".join(["type: manual", "site: BER1", f"meters: [{{id: {meter}, points: [{point}]}}]", *keys]) + "\n"


class Reloadable:
    """Files in a folder, and what runs by them once `running` was entered."""

    def __init__(self, folder: Path, database: str = NOWHERE) -> None:
        self.folder = folder
        self.url = database
        self.database = Database(database)
        self.metrics = Metrics()
        self.clock = SystemClock()
        self.applied: list[Configuration] = []
        self.told: list[Reload] = []
        for name in ("config", "connectors"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.write("config/ems-telemetry.yaml", "spool: {directory: ../spool}\n")
        self.write("config/plant.yaml", PLANT)
        for number, name in enumerate(("a", "b", "c"), 1):
            self.write(f"connectors/{name}.yaml", manual(f"WM-0{number}"))
        self.spool = SqliteSpool(folder / "spool", max_size_bytes=2**26, when_full=WhenFull.REFUSE)
        self.ledger = GapLedger(Heartbeat(folder / "spool"), metrics=self.metrics, clock=self.clock)
        self.assembler = Assembler(self.spool, self.ledger, metrics=self.metrics, clock=self.clock)
        self.collection = Collection()
        self.stopping = StopRequest(10.0, self.clock)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def read(self) -> Configuration:
        types = find_file_models()
        return load(self.folder / "config/ems-telemetry.yaml", types, {})

    @property
    def names(self) -> set[str]:
        """The connectors that run."""
        return set(self.collection._running)

    def connector(self, name: str) -> object:
        """The connector that runs under a name: another one after a restart."""
        return self.collection._running[name][0]

    async def measure(self, key: str, value: float) -> None:
        """Hands a value over as a connector would."""
        name = next(point.connector for point in self.reloader.running.configuration.points if point.key == key)
        pipeline = self.collection._running[name][0].pipeline
        assert await pipeline.offer([Sample(key, datetime.now(UTC), value, datetime.now(UTC))])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Reloader]:
        """Runs it for the length of a `with`; the database need not be there."""
        configuration = self.read()
        running = Running(configuration, as_accepted(configuration, self.clock.now()))
        async with AsyncExitStack() as stack:
            await self.spool.open()
            stack.push_async_callback(self.spool.close)
            await stack.enter_async_context(self.database)
            self.storing = Storing(
                configuration, self.database, self.spool, metrics=self.metrics, clock=self.clock, accepted=running.accepted
            )
            hooks = Hooks(read=self.read, apply=self.applied.append, tell=self.told.append)
            self.reloader = Reloader(running, self.assembler, self.collection, self.storing, hooks=hooks, clock=self.clock)
            connectors = self.assembler.build(configuration)
            self.assembler.follow(configuration, connectors)
            async with asyncio.TaskGroup() as group:
                collecting = group.create_task(self.collection.run(connectors, self.stopping))
                group.create_task(self.reloader.run(self.stopping))
                group.create_task(self._store(collecting))
                await asyncio.sleep(0)
                try:
                    yield self.reloader
                finally:
                    self.stopping.ask()

    async def _store(self, collecting: "asyncio.Task[None]") -> None:
        collected = asyncio.Event()
        collecting.add_done_callback(lambda _: collected.set())
        settings = self.read().settings
        deriving = Deriving(self.database, settings, PackRoom(), metrics=self.metrics, clock=self.clock)
        self.storing.follow = deriving.follow
        await store_while(self.storing, deriving, collected, self.stopping)
