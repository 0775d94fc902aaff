"""Runs the connectors side by side, so that whatever happens to one leaves the others alone."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.contract import Connector
from ems_telemetry.observe import ConnectorReport, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.service.stopping import CONNECTORS, StopRequest
from ems_telemetry.waiting import first_of


class SupervisedConnector:
    """A connector that is built and run anew if it fails in a way it should not. Run once; stop at any time.

    `begin` is called when it runs: by then one whose place it takes has ended.
    """

    def __init__(
        self,
        build: Callable[[], Connector],
        pipeline: Pipeline,
        report: ConnectorReport,
        clock: Clock,
        *,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._build = build
        self._begin = begin
        self._connector = build()
        self.pipeline = pipeline
        self._report = report
        self._clock = clock
        self._backoff = Backoff(initial_s=1.0, cap_s=60.0)
        self._stopping = asyncio.Event()
        self.name = report.status.name

    async def run(self) -> None:
        """Serves the endpoint until `stop`; a fault in one connector is never the end of the service."""
        self._begin()
        failures = 0
        while not self._stopping.is_set():
            try:
                return await self._connector.run()
            except Exception as error:  # noqa: BLE001 - a task's top loop: a fault of one connector must not stop the others
                failures += 1
                await self._recover(error, self._backoff.delay_s(failures))
        return None

    def stop(self) -> None:
        """Asks `run` to end."""
        self._stopping.set()
        self._connector.stop()

    async def close(self) -> None:
        """Writes down what the spool had refused last."""
        await self.pipeline.close()

    async def _recover(self, error: Exception, delay_s: float) -> None:
        get_logger("ems_telemetry.service").exception(
            "a connector failed and is run again", event_code="connector_failed", connector=self.name
        )
        self._report.down(f"internal error: {type(error).__name__}: {error}", delay_s)
        await first_of(self._clock.sleep(delay_s), self._stopping.wait())
        if not self._stopping.is_set():
            self._connector = self._build()


class Collection:
    """The connectors that run, each in a task of its own. `run` is called once; the others only while it runs."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[SupervisedConnector, asyncio.Task[None]]] = {}
        self._group = asyncio.TaskGroup()
        self._is_ending = False
        self._log = get_logger("ems_telemetry.service")

    async def run(self, connectors: Sequence[SupervisedConnector], stopping: StopRequest) -> None:
        """Runs connectors until it is time to stop, then stops those that run by then, each as `end` does."""
        async with self._group:
            self.start(connectors)
            await stopping.event.wait()
            self._is_ending = True
            await self.end(list(self._running), stopping.left_s(CONNECTORS))

    def start(self, connectors: Iterable[SupervisedConnector]) -> None:
        """Starts connectors beside those that run; does nothing once it is time to stop.

        None that runs already has the name of one of them.
        """
        for connector in connectors if not self._is_ending else ():
            task = self._group.create_task(connector.run(), name=f"connector-{connector.name}")
            self._running[connector.name] = connector, task

    async def end(self, names: Iterable[str], within_s: float) -> None:
        """Stops connectors side by side, and returns when all of them have ended and written down what the spool had refused.

        One that has not stopped in time is cancelled: what it had not acknowledged comes again.
        """
        ending = {name: self._running[name] for name in names if name in self._running}
        for connector, _ in ending.values():
            connector.stop()
        async with asyncio.TaskGroup() as group:
            for name, each in ending.items():
                group.create_task(self._end_one(*each, within_s), name=f"end-{name}")

    async def _end_one(self, connector: SupervisedConnector, task: "asyncio.Task[None]", within_s: float) -> None:
        _, late = await asyncio.wait({task}, timeout=within_s)
        if late:
            self._log.warning(
                "a connector did not stop in time and was cancelled", event_code="connector_cancelled", task=task.get_name()
            )
            task.cancel()
            await asyncio.wait({task})
        if self._running.get(connector.name, (None, None))[1] is task:
            del self._running[connector.name]
            await connector.close()
