"""Troubles with outages and history that users of other systems have reported, and that must not come back here."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import until
from integration.opcua.air_plant import air_file, running
from integration.opcua.kept_counters import (
    backfilled,
    counted_by,
    history_questions,
    missing_and_doubled,
    times_of,
    until_complete,
)
from servers.cable import cable_to
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, serving

from ems_telemetry.model import Flag
from ems_telemetry.observe import LinkState

TOTAL = {"total": {"node": "Kept.0", "queue_size": 100}}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOpcuaServer]:
    server = NodeOpcuaServer(tmp_path_factory.mktemp("server"), furniture="history")
    with serving(server):
        yield server


# https://github.com/Azure/Industrial-IoT/issues/1995
async def test_azure_industrial_iot_1995_what_an_outage_left_out_is_read_from_the_history_afterwards(
    kept: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with cable_to(kept.port) as cable:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", TOTAL, history={"delay": "300ms"})
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(5)
            await cable.unplug()
            await until(lambda: given.report.status.state is LinkState.DOWN)
            before = times_of(sink.samples)[-1]
            await asyncio.sleep(3)
            await cable.plug_in()
            await until(lambda: bool(backfilled(sink.samples)))
            await until_complete(kept, sink)
    assert missing_and_doubled(kept, sink.samples) == ([], [])
    live = [sample for sample in sink.samples if not sample.flags & Flag.BACKFILLED]
    first_live = min(time for time in times_of(live) if time > before)
    in_the_gap = [count.time for count in counted_by(kept) if before < count.time < first_live]
    assert times_of(backfilled(sink.samples)) == in_the_gap
    assert len(in_the_gap) > 25


# https://github.com/OptimistikSAS/OIBus/issues/3291
@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
async def test_oibus_3291_a_gap_is_filled_from_the_end_that_was_chosen(
    kept: NodeOpcuaServer, tmp_path: Path, order: str
) -> None:
    asked_before = len(history_questions(kept))
    file = air_file(kept.endpoint, TOTAL, history={"delay": "300ms", "slice": "1s", "order": order})
    async with running(file, tmp_path) as (first, _):
        await first.wait_for_samples(5)
    await asyncio.sleep(4)
    async with running(file, tmp_path) as (second, _):
        await until(lambda: bool(backfilled(second.samples)))
        second.samples[:0] = first.samples
        await until_complete(kept, second)
    assert missing_and_doubled(kept, second.samples) == ([], [])
    starts = [question["start"] for question in history_questions(kept)[asked_before:] if not question["continued"]]
    assert len(starts) >= 4
    assert starts == sorted(starts, reverse=order == "newest_first")
    seconds = [int(sample.time.timestamp()) for sample in backfilled(second.samples) if sample.time is not None]
    assert (seconds[0] < seconds[-1]) == (order == "oldest_first")
