"""`demo`: a simulated plant, the real service, and a line of counts; nothing to install or configure first."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ems_telemetry.cli.counting import Counts, read_counts
from ems_telemetry.cli.output import say
from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.simulator import PlantSimulator, Ports
from ems_telemetry.errors import PermanentError
from ems_telemetry.observe import configure_logging
from ems_telemetry.shipped import shipped

EVERY_S = 5.0
START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
SETTLE_EVERY_S = 0.5
SETTLE_LOOKS = 20
"""How often the counts are looked at in the end, until nothing is under way any more."""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("demo")(demo)


def demo(
    seconds: Annotated[float, typer.Option(help="End by itself after so long; 0: run until Ctrl-C.")] = 0.0,
    database: Annotated[str | None, typer.Option(help="PostgreSQL URL; an embedded database if not said.")] = None,
    directory: Annotated[Path | None, typer.Option(help="Keep the demo's data here; a temporary folder if not said.")] = None,
    port: Annotated[int, typer.Option(help="Port of the page; a free one if not said.")] = 0,
) -> None:
    """Try everything: a simulated plant, the service, a page in the browser."""
    configure_logging("error")
    with _folder(directory) as folder:
        asyncio.run(_Demo(folder, database, port or _free_port()).run(seconds))


class _Demo:
    """The plant in this process, the service in one of its own, as in production."""

    def __init__(self, folder: Path, database: str | None, port: int) -> None:
        self._folder = folder
        self._database = database or "embedded"
        self._page = f"http://127.0.0.1:{port}"
        self._port = port
        self._log = folder / "service.log"
        self._plant = PlantSimulator(Ports(), clock=SystemClock())
        self._ending = asyncio.Event()

    async def run(self, seconds: float) -> None:
        """Runs the demo for so long, or until it is told to stop."""
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signal_, self._ending.set)
        plant = self._plant
        started: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(plant.run(started.set_result), name="plant")
        either: set[asyncio.Future[Any]] = {serving, started}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            counts = await self._with_plant(await started, seconds)
        finally:
            plant.stop()
            await serving
        say(counts.summary())

    async def _with_plant(self, ports: Ports, seconds: float) -> Counts:
        say(f"plant     opc.tcp://127.0.0.1:{ports.opcua}  tcp://127.0.0.1:{ports.modbus}  mqtt://127.0.0.1:{ports.mqtt}")
        async with self._service(ports) as process:
            await self._wait_until_up(process)
            say(f"page      {self._page}")
            say(f"log       {self._log}")
            counts = await self._watch(process, seconds)
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        if process.returncode != 0:
            raise PermanentError(f"the service ended with {process.returncode}:\n{self._tail()}")
        return counts

    @contextlib.asynccontextmanager
    async def _service(self, ports: Ports) -> AsyncIterator[asyncio.subprocess.Process]:
        command = (sys.executable, "-m", "ems_telemetry.cli.main", "run")
        with self._log.open("wb") as log:
            # A session of its own, so that Ctrl-C reaches the demo alone and the service is stopped in order.
            process = await asyncio.create_subprocess_exec(
                *command, env=self._environment(ports), stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _environment(self, ports: Ports) -> Mapping[str, str]:
        return {
            **os.environ,
            "EMS_TELEMETRY_CONFIG": str(shipped("config") / "demo" / "ems-telemetry.yaml"),
            "EMS_DEMO_OPCUA_PORT": str(ports.opcua),
            "EMS_DEMO_MODBUS_PORT": str(ports.modbus),
            "EMS_DEMO_MQTT_PORT": str(ports.mqtt),
            "EMS_TELEMETRY__API__PORT": str(self._port),
            "EMS_TELEMETRY__DATABASE__URL": self._database,
            "EMS_TELEMETRY__DATABASE__DIRECTORY": str(self._folder / "database"),
            "EMS_TELEMETRY__SPOOL__DIRECTORY": str(self._folder / "spool"),
        }

    async def _wait_until_up(self, process: asyncio.subprocess.Process) -> None:
        deadline = asyncio.get_running_loop().time() + START_WITHIN_S
        while asyncio.get_running_loop().time() < deadline and not self._ending.is_set():
            if process.returncode is not None:
                break
            if await read_counts(self._page) is not None:
                return
            await asyncio.sleep(0.2)
        if not self._ending.is_set():
            raise PermanentError(f"the service did not start:\n{self._tail()}")

    async def _watch(self, process: asyncio.subprocess.Process, seconds: float) -> Counts:
        """Prints counts until the time is up; then silences the plant, lets the spool empty, and gives the last counts."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        counts = Counts()
        while not self._ending.is_set() and process.returncode is None:
            left_s = seconds - (loop.time() - began_s) if seconds else EVERY_S
            if left_s <= 0:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), min(EVERY_S, left_s))
            counts = await read_counts(self._page) or counts
            say(f"{loop.time() - began_s:5.0f} s   {counts.line()}")
        self._plant.stop()
        for _ in range(SETTLE_LOOKS):
            before, counts = counts, await read_counts(self._page) or counts
            if counts == before and not counts.spooled:
                break
            await asyncio.sleep(SETTLE_EVERY_S)
        return counts

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="ems-telemetry-demo-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
