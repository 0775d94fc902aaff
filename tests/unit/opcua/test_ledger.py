"""The marks on disk: a crash right after the first sample of a point is an outage like any other."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from fakes import HandClock, surroundings, until

from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.ledger import Ledger
from ems_telemetry.connectors.opcua.mark_store import MarkStore
from ems_telemetry.connectors.opcua.marks import Arrival
from ems_telemetry.connectors.opcua.plan import wanted_items

FIRST = datetime(2026, 3, 2, 10, tzinfo=UTC)
POINT = {"id": "total", "node": "ns=2;s=Total", "quantity": "count", "unit": "1"}
FILE = OpcUaFile.model_validate(
    {"type": "opcua", "endpoint": "opc.tcp://plc:4840", "site": "BER1", "meters": [{"id": "M", "points": [POINT]}]}
)


async def test_the_first_mark_of_a_point_is_on_disk_at_once(tmp_path: Path) -> None:
    items = wanted_items(FILE)
    given = surroundings(tmp_path, clock=HandClock())
    ledger = Ledger(items, given, enabled=True)
    await ledger.open()
    keeping = asyncio.create_task(ledger.keep())
    store = MarkStore(given.state_directory)
    store.open()
    ledger.marks.advance(Arrival("M.total", FIRST, FIRST))
    await until(lambda: [each.mark for each in store.load([(items[0].point, items[0].source)])] == [FIRST])
    keeping.cancel()
    await asyncio.wait([keeping])
    await ledger.close()
    store.close()
