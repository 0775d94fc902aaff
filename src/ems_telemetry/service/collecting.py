"""Runs the connectors side by side, so that whatever happens to one leaves the others alone."""

import asyncio
from collections.abc import Callable, Sequence

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.contract import Connector
from ems_telemetry.observe import ConnectorReport, get_logger
from ems_telemetry.retry import Backoff
from ems_telemetry.service.pipeline import Pipeline

STOP_WITHIN_S = 5.0


class SupervisedConnector:
    """A connector that is built and run anew if it fails in a way it should not. Run once; stop at any time."""

    def __init__(self, build: Callable[[], Connector], pipeline: Pipeline, report: ConnectorReport, clock: Clock) -> None:
        self._build = build
        self._connector = build()
        self._pipeline = pipeline
        self._report = report
        self._clock = clock
        self._backoff = Backoff(initial_s=1.0, cap_s=60.0)
        self._stopping = asyncio.Event()
        self.name = report.status.name

    async def run(self) -> None:
        """Serves the endpoint until `stop`; a fault in one connector is never the end of the service."""
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
        await self._pipeline.close()

    async def _recover(self, error: Exception, delay_s: float) -> None:
        get_logger("ems_telemetry.service").exception(
            "a connector failed and is run again", event_code="connector_failed", connector=self.name
        )
        self._report.down(f"internal error: {type(error).__name__}: {error}", delay_s)
        await self._clock.sleep(delay_s)
        self._connector = self._build()
        if self._stopping.is_set():
            self._connector.stop()


async def collect(connectors: Sequence[SupervisedConnector], stopping: asyncio.Event) -> None:
    """Runs all connectors until `stopping` is set, then stops them and writes down what the spool had refused.

    One that has not stopped after five seconds is cancelled: what it had not acknowledged comes again.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(connector.run(), name=f"connector-{connector.name}") for connector in connectors]
        await stopping.wait()
        for connector in connectors:
            connector.stop()
        _, late = await asyncio.wait(tasks, timeout=STOP_WITHIN_S) if tasks else (set(), set())
        for task in late:
            get_logger("ems_telemetry.service").warning(
                "a connector did not stop in time and was cancelled", event_code="connector_cancelled", task=task.get_name()
            )
            task.cancel()
    for connector in connectors:
        await connector.close()
