"""Debian's mbpoll, a Modbus client that is not ours, as a second opinion on what a server says."""

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from servers.process import LOOPBACK

TIMEOUT_S = 20.0
_VALUE = re.compile(r"^\[(\d+)\]:\s+(\d+)", re.MULTILINE)
_TABLES = {"coil": "0", "discrete": "1", "input": "3", "holding": "4"}


async def poll_tcp(port: int, unit_id: int, table: str, address: int, count: int) -> list[int]:
    """Reads registers or bits over TCP, by wire address."""
    return await _poll(["-m", "tcp", "-p", str(port), *_what(unit_id, table, address, count), LOOPBACK])


async def poll_rtu(device: Path, unit_id: int, table: str, address: int, count: int) -> list[int]:
    """Reads registers or bits over a serial device, by wire address."""
    return await _poll(["-m", "rtu", "-b", "19200", "-P", "none", *_what(unit_id, table, address, count), str(device)])


def _what(unit_id: int, table: str, address: int, count: int) -> list[str]:
    return ["-0", "-1", "-q", "-a", str(unit_id), "-t", _TABLES[table], "-r", str(address), "-c", str(count)]


async def _poll(arguments: Sequence[str]) -> list[int]:
    program = shutil.which("mbpoll") or "mbpoll"
    process = await asyncio.create_subprocess_exec(program, *arguments, stdout=-1, stderr=-2)
    said, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    text = said.decode(errors="replace")
    if process.returncode != 0:
        raise RuntimeError(text)
    return [int(value) for _, value in _VALUE.findall(text)]
