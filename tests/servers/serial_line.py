"""A serial line without hardware: two pseudo-terminals joined by socat, and modbus-tk's units at the far end.

A pseudo-terminal keeps no baud rate and knows no parity: its lines are `parity=N`.
"""

import contextlib
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import serial
from modbus_tk import modbus_rtu

from servers.modbus import Seen, give_registers
from servers.process import LOOPBACK, ServerProcess, free_port, serving

START_S = 10.0


class SerialCable:
    """A line that a test may pull out, as a USB adapter is, and put in again."""

    def __init__(self, folder: Path, port: int | None) -> None:
        """Takes the folder of the devices, and the TCP port it ends at; without one, its far end is a device too."""
        self.near, self.far = folder / "near", folder / "far"
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def plug_in(self) -> None:
        """Returns when the devices are there."""
        with (self._folder / "socat.log").open("wb") as log:
            far = f"pty,raw,echo=0,link={self.far}" if self._port is None else f"tcp:{LOOPBACK}:{self._port},nodelay"
            command = [socat(), f"pty,raw,echo=0,link={self.near}", far]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        deadline_s = time.monotonic() + START_S
        while not (self.near.exists() and (self.far.exists() or self._port is not None)):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError((self._folder / "socat.log").read_text())
            time.sleep(0.01)

    def pull_out(self) -> None:
        """Returns when the devices are gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_S)
            self._process = None


@contextlib.contextmanager
def serial_cable(folder: Path, port: int | None = None) -> Iterator[SerialCable]:
    """Lays a line for the length of a `with`: to a device at its far end, or to a TCP port where somebody speaks RTU."""
    cable = SerialCable(folder, port)
    cable.plug_in()
    try:
        yield cable
    finally:
        cable.pull_out()


def bridge(device: Path, log: Path) -> ServerProcess:
    """Makes a serial device server: what comes over TCP goes to the device as it is, and back."""
    port = free_port()
    # One connection after another, as most of these servers have it: two at once would take each other's replies.
    listening = f"tcp-listen:{port},bind={LOOPBACK},reuseaddr,fork,max-children=1"
    command = [socat(), "-t", "0", listening, f"file:{device},raw,echo=0"]
    return ServerProcess(command, port, log)


def socat() -> str:
    """Finds socat."""
    return shutil.which("socat") or "socat"


class ModbusTkRtuServer(modbus_rtu.RtuServer):  # type: ignore[misc]  # modbus-tk has no types
    """Units on one serial line. Remembers each request; units in `silent` get no reply, as units that are not there."""

    def __init__(self, device: Path) -> None:
        super().__init__(serial.Serial(str(device), baudrate=19_200, parity="N"))
        self.seen: list[Seen] = []
        self.silent: set[int] = set()
        self._ending = threading.Event()
        self._serving = threading.Thread(target=self._serve, name="modbus-tk-rtu", daemon=True)

    def begin(self) -> None:
        """Serves from a thread of its own."""
        self._serving.start()

    def end(self) -> None:
        """Returns when it serves no more."""
        self._ending.set()
        self._serving.join(START_S)
        self.close()

    def _serve(self) -> None:
        while not self._ending.is_set():
            self._do_run()

    def _handle(self, request: bytes) -> Any:  # noqa: ANN401 - modbus-tk's own
        if len(request) >= 6:
            self.seen.append(Seen(request[0], request[1], *struct.unpack(">HH", request[2:6])))
        return None if request[:1] and request[0] in self.silent else super()._handle(request)


@contextlib.contextmanager
def modbus_tk_rtu(device: Path, registers: Mapping[tuple[int, str, int], Sequence[int]]) -> Iterator[ModbusTkRtuServer]:
    """Serves blocks of registers, given by unit, table and first address, at one end of a line."""
    server = ModbusTkRtuServer(device)
    for (unit_id, table, address), values in registers.items():
        give_registers(server, unit_id, table, address, values)
    server.begin()
    try:
        yield server
    finally:
        server.end()


@contextlib.contextmanager
def serial_plant(
    folder: Path, registers: Mapping[tuple[int, str, int], Sequence[int]]
) -> Iterator[tuple[Path, ModbusTkRtuServer]]:
    """Lays a line with units at its far end; gives its near end, and the units."""
    with serial_cable(folder) as cable, modbus_tk_rtu(cable.far, registers) as server:
        yield cable.near, server


@contextlib.contextmanager
def bridged_plant(
    folder: Path, registers: Mapping[tuple[int, str, int], Sequence[int]]
) -> Iterator[tuple[int, ModbusTkRtuServer]]:
    """The same behind a serial device server; gives its TCP port."""
    with serial_plant(folder, registers) as (near, server), serving(bridge(near, folder / "bridge.log")) as bridging:
        yield bridging.port, server
