"""A Modbus meter whose two registers hold another number in each reply, and a file of the numbers it has handed out.

Run as a program: `python numbered_meter.py PORT FILE`. A number is in the file before it is on its way.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from servers.modbus import ModbusTkServer

UNIT_ID = 1
NUMBERS_FILE_MODE = 0o644


class NumberedMeter(ModbusTkServer):
    """Goes on counting where its file ends."""

    def __init__(self, port: int, file: Path) -> None:
        super().__init__(port)
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        self._number = int(lines[-1].split()[0]) if lines else 0
        self._file = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, NUMBERS_FILE_MODE)

    def _handle(self, request: bytes) -> Any:  # noqa: ANN401 - modbus-tk's own
        self._number += 1
        os.write(self._file, f"{self._number} {time.time_ns() // 1_000_000}\n".encode())
        self.set(UNIT_ID, "holding", 0, [self._number >> 16, self._number & 0xFFFF])
        self.seen.clear()
        return super()._handle(request)


if __name__ == "__main__":
    NumberedMeter(int(sys.argv[1]), Path(sys.argv[2])).begin()
    threading.Event().wait()
