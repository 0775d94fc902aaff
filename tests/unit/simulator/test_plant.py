import subprocess
import sys

import pytest

from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.simulator import PlantSimulator, Ports


async def test_stop_before_run_makes_run_return_without_serving() -> None:
    simulator = PlantSimulator(Ports(), clock=SystemClock())
    simulator.stop()
    simulator.stop()
    served: list[Ports] = []
    await simulator.run(served.append)
    assert served == []


@pytest.mark.parametrize("speed", [0, -1])
def test_time_cannot_stand_still_or_go_back(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        PlantSimulator(Ports(), clock=SystemClock(), speed=speed)


def test_importing_the_simulator_loads_no_protocol_library() -> None:
    program = (
        "import sys, ems_telemetry.connectors.simulator; "
        "sys.exit(any(name in sys.modules for name in ('asyncua', 'pymodbus', 'paho')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - our own program
