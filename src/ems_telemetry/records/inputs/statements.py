"""What people stated of how something was operated, read as inputs: of units, and of the instruments that measure them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.registers.operations import OperatingState
from ems_telemetry.storage.entries import EntryRow

KIND = "operating_state"
MAINTAINED = (OperatingState.MAINTENANCE, OperatingState.CALIBRATION)
"""States in which an instrument measures nothing that counts."""


async def gather_stated(
    sources: Sources, site: str, start: datetime, end: datetime, equipment: Collection[str]
) -> list[dict[str, Any]]:
    """Reads what was stated within `[start, end)` of units and of the whole site, as inputs of `stated_of`."""
    rows = await _stated(sources, site, start, end)
    return _used(sources, [row for row in rows if row.body["equipment"] is None or row.body["equipment"] in equipment])


async def gather_stated_maintenance(
    sources: Sources, site: str, start: datetime, end: datetime, named: Collection[str]
) -> list[dict[str, Any]]:
    """Reads when an instrument was said to be maintained or calibrated, under any of the names it has."""
    rows = await _stated(sources, site, start, end)
    return _used(sources, [row for row in rows if row.body["equipment"] in named and row.body["state"] in MAINTAINED])


async def _stated(sources: Sources, site: str, start: datetime, end: datetime) -> Sequence[EntryRow]:
    return await sources.happened(KIND, start, end, site=site, use=False)


def _used(sources: Sources, rows: Sequence[EntryRow]) -> list[dict[str, Any]]:
    sources.use(rows)
    return [{**{name: row.body[name] for name in ("from", "to", "state", "equipment")}, "id": row.id} for row in rows]
