"""The simulated plant as its callers see it: three ports, a `run` that serves them and a `stop`."""

import asyncio
from collections.abc import Callable
from functools import partial

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.simulator.ports import Ports


class PlantSimulator:
    """Serves the demo plant. Building one does no I/O; it is run once.

    Args:
        ports: where to listen, on 127.0.0.1 only.
        clock: gives the time stamped on the values, and the pace.
        seed: the same seed gives the same values at the same time.
        faults: let instruments fail now and then, as `faults.py` lists.
        speed: seconds the plant lives through in one second of the clock; above 0. Times told stay the clock's.
    """

    def __init__(self, ports: Ports, *, clock: Clock, seed: int = 1, faults: bool = True, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, and is {speed}")
        self._ports = ports
        self._clock = clock
        self._seed = seed
        self._faults = faults
        self._speed = speed
        self._stopping = asyncio.Event()

    async def run(self, started: Callable[[Ports], None]) -> None:
        """Serves until `stop`, then returns with every socket closed and every task ended.

        Args:
            started: called once, with the ports in use, when all three servers answer.

        Raises:
            ConfigurationError: a port is taken, or may not be used.
        """
        if self._stopping.is_set():
            return
        from ems_telemetry.connectors.simulator.live import LivePlant  # noqa: PLC0415 - the values are built only to be served
        from ems_telemetry.connectors.simulator.serving import serve  # noqa: PLC0415 - loads asyncua and pymodbus

        switch_on = partial(LivePlant, self._clock, seed=self._seed, faults=self._faults, speed=self._speed)
        await serve(switch_on, self._ports, started, self._stopping)

    def stop(self) -> None:
        """Asks `run` to end soon. Never blocks; does no harm before `run`, twice, or after the end."""
        self._stopping.set()
