"""One line with ten units of which one is dead, one slow and one lies; and what became of each, as figures."""

import asyncio
import random
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from fakes import RememberingSink, surroundings
from modbus_files import modbus_file, point
from servers.lying_modbus import Asked, LyingModbusServer, reply, spelled

from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.model import Quality, Sample

UNITS = range(1, 11)
DEAD, SLOW, LYING = 3, 5, 8
WELL = tuple(unit for unit in UNITS if unit not in (DEAD, SLOW, LYING))
INTERVAL_S = 1.0
TIMEOUT_S = 0.2
SLOW_S = 0.15
ADDRESSES = (5, 60)
END_S = 10.0


class UnitFigures(NamedTuple):
    """What came of one unit. Times are in seconds."""

    ticks_due: int
    samples: int
    """Good ones of its first point."""
    wrong: int
    """Of all its points, those that are not what its registers hold."""
    longest_pause_s: float
    """Between two samples of its first point, by the time they stand for."""


class Figures(NamedTuple):
    """What came of the line."""

    units: Mapping[int, UnitFigures]
    counters: Mapping[str, int]
    connections: int


class TroubledLine:
    """Answers for all units. Its dice fall the same way in every run."""

    def __init__(self) -> None:
        self._dice = random.Random(20_260_302)  # noqa: S311 - no secret

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answers one request."""
        if asked.unit_id == DEAD:
            return
        if asked.unit_id == SLOW:
            await asyncio.sleep(SLOW_S)
        right = reply(asked)
        writer.write(self._lie(asked, right) if asked.unit_id == LYING else right)

    def _lie(self, asked: Asked, right: bytes) -> bytes:
        lies = (
            reply(asked, transaction=asked.transaction - 1, address=1),
            reply(asked, unit_id=WELL[0]),
            reply(asked, function=4, address=2),
            reply(asked, quantity=asked.quantity + 1),
            struct.pack(">HHHB", asked.transaction, 0, 1, asked.unit_id),
            right + right,
            right[:9],
            b"",
            right,
        )
        return self._dice.choice(lies)


async def run_crowded_line(seconds: float, folder: Path) -> Figures:
    """Runs the connector for so long, and counts."""
    sink = RememberingSink()
    given = surroundings(folder, sink=sink)
    points = [point(f"p{address}", address) for address in ADDRESSES]
    async with LyingModbusServer(TroubledLine()).serving() as server:
        file = modbus_file(server.port, dict.fromkeys(UNITS, points), interval=f"{INTERVAL_S:g}s", timeout=f"{TIMEOUT_S:g}s")
        connector = CONNECTOR_TYPE.build(file, given)
        task = asyncio.create_task(connector.run())
        # The first tick of each unit is at once, not when it is due.
        await asyncio.sleep(INTERVAL_S)
        sink.samples.clear()
        await asyncio.sleep(seconds)
        samples = list(sink.samples)
        connector.stop()
        await asyncio.wait_for(task, END_S)
        figures = {unit: _figures_of(unit, samples, int(seconds / INTERVAL_S)) for unit in UNITS}
        return Figures(figures, dict(given.report.status.counters), server.connections)


def _figures_of(unit: int, samples: Sequence[Sample], ticks_due: int) -> UnitFigures:
    own = [sample for sample in samples if sample.point.startswith(f"M{unit}.")]
    right = {f"M{unit}.p{address}": spelled(unit, address) for address in ADDRESSES}
    wrong = sum(sample.value is not None and sample.value != right[sample.point] for sample in own)
    first = f"M{unit}.p{ADDRESSES[0]}"
    good = [sample for sample in own if sample.point == first and sample.quality == Quality.GOOD]
    times = [sample.time.timestamp() for sample in good if sample.time is not None]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    return UnitFigures(ticks_due, len(times), wrong, max(pauses, default=0.0))
