"""A Modbus TCP server not ours: modbus-tk, in this process so that a test may turn its registers, or in one of its own.

Run as a program, `python modbus.py PORT`, it serves `PLANT` until it is killed.
"""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modbus_tk import defines, modbus_tcp

LOOPBACK = "127.0.0.1"
TABLES = {
    "coil": defines.COILS,
    "discrete": defines.DISCRETE_INPUTS,
    "holding": defines.HOLDING_REGISTERS,
    "input": defines.ANALOG_INPUTS,
}


class Seen(NamedTuple):
    """A request as it reached the server."""

    unit_id: int
    function: int
    address: int
    quantity: int


def give_registers(server: Any, unit_id: int, table: str, address: int, values: Sequence[int]) -> None:  # noqa: ANN401 - modbus-tk has no types
    """Gives a unit of any server of modbus-tk a block of registers or bits."""
    block = f"{table}-{address}"
    with contextlib.suppress(Exception):
        server.add_slave(unit_id)
    slave = server.get_slave(unit_id)
    with contextlib.suppress(Exception):
        slave.add_block(block, TABLES[table], address, len(values))
    slave.set_values(block, address, list(values))


class ModbusTkServer(modbus_tcp.TcpServer):  # type: ignore[misc]  # modbus-tk has no types
    """Serves units from a thread. Remembers each request; units in `silent` get no reply; `replies` fakes whole PDUs."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port=port, address=LOOPBACK)
        self.port = port
        self.seen: list[Seen] = []
        self.silent: set[int] = set()
        self.exceptions: dict[int, int] = {}
        self.exceptions_once: list[int] = []
        self._ending = threading.Event()
        self._serving: threading.Thread | None = None

    def set(self, unit_id: int, table: str, address: int, values: Sequence[int]) -> None:
        """Gives a unit a block of registers or bits there; nothing else can be read around it."""
        give_registers(self, unit_id, table, address, values)

    def begin(self) -> None:
        """Listens, and serves from a thread of its own."""
        self._ending.clear()
        self._do_init()
        self.port = self._sock.getsockname()[1]
        self._sa = (LOOPBACK, self.port)
        self._serving = threading.Thread(target=self._serve, name="modbus-tk", daemon=True)
        self._serving.start()

    def end(self) -> None:
        """Closes all connections and stops listening; it may begin again on the same port."""
        if self._serving is None:
            return
        self._ending.set()
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1):
            self._serving.join(10)
        self._serving = None

    def _serve(self) -> None:
        while not self._ending.is_set():
            self._do_run()
        self._do_exit()

    def _handle(self, request: bytes) -> Any:  # noqa: ANN401 - modbus-tk's own
        unit_id, function = request[6], request[7]
        address, quantity = struct.unpack(">HH", request[8:12])
        self.seen.append(Seen(unit_id, function, address, quantity))
        if unit_id in self.silent:
            return None
        code = self.exceptions_once.pop(0) if self.exceptions_once else self.exceptions.get(unit_id)
        if code is not None:
            return request[:4] + struct.pack(">HBBB", 3, unit_id, function | 0x80, code)
        return super()._handle(request)


@contextlib.contextmanager
def modbus_tk(registers: Mapping[tuple[int, str, int], Sequence[int]]) -> Iterator[ModbusTkServer]:
    """Serves blocks of registers, given by unit, table and first address, for the length of a `with`."""
    server = ModbusTkServer()
    for (unit_id, table, address), values in registers.items():
        server.set(unit_id, table, address, values)
    server.begin()
    try:
        yield server
    finally:
        server.end()


PLANT: Mapping[tuple[int, str, int], Sequence[int]] = {
    (unit_id, "holding", 0): [unit_id * 1000 + address for address in range(100)] for unit_id in (1, 2, 3)
}
"""Three units whose registers hold 1000 times the unit and their own address."""


def program(port: int) -> list[str]:
    """Tells the command that serves `PLANT` in a process of its own."""
    return [sys.executable, str(Path(__file__)), str(port)]


if __name__ == "__main__":
    alone = ModbusTkServer(int(sys.argv[1]))
    for (unit_id, table, address), values in PLANT.items():
        alone.set(unit_id, table, address, values)
    alone.begin()
    threading.Event().wait()
