"""Where the simulated plant listens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback TCP ports of the three servers; 0 asks for any free one."""

    opcua: int = 0
    modbus: int = 0
    mqtt: int = 0
