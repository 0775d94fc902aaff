"""What is made of readings once they are stored: tables kept in order, intervals, records, packs, and word to those who wait.

Commands that only store do without it, and without what it imports.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from ems_telemetry.clock import Clock
from ems_telemetry.computing.worker import IntervalWorker
from ems_telemetry.config.service import Settings
from ems_telemetry.observe import Metrics
from ems_telemetry.records.keeping.keeper import Keeper
from ems_telemetry.records.keeping.reminding import Reminder
from ems_telemetry.records.keeping.retention import read_needed_times
from ems_telemetry.records.keeping.worker import RecordWorker
from ems_telemetry.records.packing.maker import PackMaker, PackRoom
from ems_telemetry.records.proving.checkpoints import Checkpointer
from ems_telemetry.records.sending.delivering import Courier
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.gate import Gate
from ems_telemetry.storage.maintenance import Maintenance
from ems_telemetry.waiting import unless

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Deriving:
    """Everything that works on what is stored, side by side. Building one does no I/O.

    Args:
        database: open for as long as it runs.
        settings: of the configuration that runs; `follow` takes later ones.
        packs: where evidence packs are kept, and the key that signs them.
        metrics: where it is counted.
        clock: tells what is due.
    """

    def __init__(self, database: Database, settings: Settings, packs: PackRoom, *, metrics: Metrics, clock: Clock) -> None:
        def backoff(initial_s: float, cap_s: float) -> Backoff:
            return Backoff(initial_s=initial_s, cap_s=cap_s)

        self.maintenance = Maintenance(
            database,
            settings.retention,
            read_needed=read_needed_times,
            clock=clock,
            backoff=backoff(5.0, 600.0),
            metrics=metrics,
        )
        self.intervals = IntervalWorker(database, clock=clock, metrics=metrics, backoff=backoff(2.0, 15.0))
        self.records = RecordWorker(
            Keeper(database, clock),
            Checkpointer(database, clock, packs.key),
            Reminder(database, clock),
            clock=clock,
            backoff=backoff(5.0, 60.0),
        )
        self.deliveries = Courier(database, settings.webhooks, clock=clock, metrics=metrics)
        self.packs = PackMaker(database, packs, clock=clock, backoff=backoff(5.0, 60.0))

    def follow(self, settings: Settings) -> None:
        """Goes by other settings from now on. Never blocks."""
        self.maintenance.change(settings.retention)

    async def run(self, gate: Gate) -> None:
        """Works while the gate is open. Ends by being cancelled, at any time: all of it is done in transactions."""
        workers: Mapping[str, Work] = {
            "maintenance": self.maintenance.run,
            "intervals": self.intervals.run,
            "records": self.records.run,
            "deliveries": self.deliveries.run,
            "packs": self.packs.run,
        }
        async with asyncio.TaskGroup() as group:
            for name, work in workers.items():
                group.create_task(_while_open(gate, work), name=name)


async def _while_open(gate: Gate, work: Work) -> None:
    while True:
        await gate.opened.wait()
        with gate.inside():
            await unless(gate.closed, work())
