"""Outages filled from the history of node-opcua: nothing missing, nothing doubled, and what can't be had written down."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fakes import RememberingSink, apart, until
from integration.opcua.air_plant import air_file, of_point, running
from integration.opcua.kept_counters import (
    backfilled,
    history_questions,
    missing_and_doubled,
    refuse_history,
    until_complete,
)
from servers.cable import Cable, cable_to
from servers.node_opcua import NodeOpcuaServer
from servers.process import LOOPBACK, serving

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.mark_store import FILE_NAME
from ems_telemetry.model import DeadLetter, Flag, Receipt, Sample
from ems_telemetry.observe import LinkState

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

TOTAL: dict[str, dict[str, object]] = {"total": {"node": "Kept.0", "queue_size": 100}}
SOON = {"delay": "300ms"}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[NodeOpcuaServer]:
    server = NodeOpcuaServer(tmp_path, furniture="history", history_variables=5)
    with serving(server):
        yield server


@asynccontextmanager
async def unplugged(cable: Cable, given: Surroundings, seconds: float) -> AsyncIterator[None]:
    """Pulls the plug for a while; inside, the connector knows that it is gone."""
    await cable.unplug()
    await until(lambda: given.report.status.state is LinkState.DOWN)
    yield
    await asyncio.sleep(seconds)
    await cable.plug_in()
    await until(lambda: given.report.status.state is LinkState.UP)


@pytest.mark.timeout(90)
@pytest.mark.endurance
async def test_an_outage_of_30_seconds_is_filled_without_a_sample_missing_or_doubled(
    kept: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with cable_to(kept.port) as cable:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", TOTAL, history=SOON)
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(20)
            async with unplugged(cable, given, 30):
                last_before = sink.samples[-1].time
            await until(lambda: bool(backfilled(sink.samples)), 30)
            await until_complete(kept, sink)
            counters = given.report.status.counters
    assert missing_and_doubled(kept, of_point(sink, "total")) == ([], [])
    assert len(backfilled(sink.samples)) >= 290
    assert counters["samples_backfilled"] == len(backfilled(sink.samples))
    assert last_before is not None
    assert all(sample.time is not None and sample.time > last_before for sample in backfilled(sink.samples))
    assert sink.gaps == {}


async def test_a_restart_of_the_service_is_an_outage_like_any_other(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    file = air_file(kept.endpoint, TOTAL, history=SOON)
    async with running(file, tmp_path) as (first, _):
        await first.wait_for_samples(10)
    await asyncio.sleep(2)
    async with running(file, tmp_path) as (second, _):
        await until(lambda: bool(backfilled(second.samples)))
        second.samples[:0] = first.samples
        await until_complete(kept, second)
    assert missing_and_doubled(kept, second.samples) == ([], [])
    assert backfilled(first.samples) == []


async def test_many_counters_are_filled_although_the_server_cuts_its_answers_and_takes_two_nodes_at_once(
    tmp_path: Path,
) -> None:
    server = NodeOpcuaServer(
        tmp_path, furniture="history", history_variables=5, history_values_per_answer=3, max_nodes_per_history_read=2
    )
    nodes = {f"total_{index}": {"node": f"Kept.{index}", "queue_size": 100} for index in range(5)}
    with serving(server):
        async with cable_to(server.port) as cable:
            file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", nodes, history={**SOON, "values_per_read": 7, "slice": "1s"})
            async with running(file, tmp_path) as (sink, given):
                await until(lambda: all(len(of_point(sink, name)) > 5 for name in nodes))
                async with unplugged(cable, given, 2.5):
                    pass
                for name, keys in nodes.items():
                    await until(lambda name=name: bool(backfilled(of_point(sink, name))))  # type: ignore[misc]
                    await until(
                        lambda name=name, keys=keys: (  # type: ignore[misc]
                            not missing_and_doubled(server, of_point(sink, name), str(keys["node"]))[0]
                        )
                    )
        found = [missing_and_doubled(server, of_point(sink, name), str(keys["node"])) for name, keys in nodes.items()]
        questions = history_questions(server)
        assert server._ask("open_continuations") == 0
    assert found == [([], [])] * 5
    assert any(question["continued"] for question in questions)


async def test_live_values_keep_flowing_while_a_large_hole_is_filled(tmp_path: Path) -> None:
    server = NodeOpcuaServer(tmp_path, furniture="history,air", history_variables=20, history_period_ms=5)
    nodes = {f"total_{index}": {"node": f"Kept.{index}", "queue_size": 1000} for index in range(20)}
    with serving(server):
        async with cable_to(server.port) as cable:
            every = {**nodes, "flow": {"node": "Air.Flow", "queue_size": 100}}
            file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", every, history=SOON)
            async with running(file, tmp_path) as (sink, given):
                await until(lambda: bool(of_point(sink, "flow")))
                async with unplugged(cable, given, 6):
                    pass
                await until(lambda: given.report.status.counters.get("holes_closed", 0) >= 20, 40)
    fetched = backfilled(sink.samples)
    assert len(fetched) > 5000
    while_filling = sink.samples[sink.samples.index(fetched[0]) : sink.samples.index(fetched[-1])]
    assert len([sample for sample in while_filling if sample.point.endswith(".flow")]) >= 2


async def test_what_the_spool_refused_is_fetched_once_it_has_room_again(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    async with running(air_file(kept.endpoint, TOTAL, history=SOON), tmp_path) as (sink, _):
        await sink.wait_for_samples(5)
        sink.refusing = True
        await until(lambda: len(sink.refused) >= 5)
        sink.refusing = False
        await until(lambda: bool(backfilled(sink.samples)))
        await until_complete(kept, sink)
    assert missing_and_doubled(kept, sink.samples) == ([], [])
    assert {sample.time for sample in sink.refused} == {sample.time for sample in backfilled(sink.samples)}


async def test_what_a_short_queue_lost_is_fetched_from_history(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    nodes = {"total": {"node": "Kept.0", "queue_size": 2}}
    file = air_file(kept.endpoint, nodes, publishing_interval="1s", history=SOON)
    async with running(file, tmp_path) as (sink, _):
        await until(lambda: len(backfilled(sink.samples)) >= 14)
        await until_complete(kept, sink)
        samples = list(sink.samples)
    assert missing_and_doubled(kept, samples) == ([], [])


async def test_an_unchanged_value_sent_again_leads_to_no_gap(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    nodes = {"level": "Kept.Level", "standing": "Kept.Standing"}
    async with cable_to(kept.port) as cable:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", nodes, history=SOON)
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(2)
            async with unplugged(cable, given, 0.5):
                pass
            await until(lambda: given.report.status.counters.get("holes_closed", 0) == 2)
    assert sink.gaps == {}
    assert backfilled(sink.samples) == []
    assert {question["node"] for question in history_questions(kept)} == {"Kept.Level"}


async def test_a_change_and_its_way_back_are_found_although_the_value_is_the_same_as_before(
    kept: NodeOpcuaServer, tmp_path: Path
) -> None:
    async with cable_to(kept.port) as cable:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", {"level": "Kept.Level"}, history=SOON)
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(1)
            async with unplugged(cable, given, 0.2):
                kept.set_each("Kept.Level", "Double", [2.5, 3.5])
                kept.set("Kept.Level", "Double", 0.0, status="BadSensorFailure")
                kept.set_each("Kept.Level", "Double", [1.5])
            await until(lambda: len(backfilled(sink.samples)) >= 3)
    found = backfilled(sink.samples)
    assert [sample.value for sample in found] == [2.5, 3.5, None]
    assert found[2].flags == Flag.BACKFILLED | Flag.BAD_STATUS
    assert found[2].status == 0x808C0000


async def test_a_point_without_history_leaves_a_gap_and_holds_up_no_other(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    nodes: dict[str, dict[str, object] | str] = {**TOTAL, "nowhere": "Kept.Nowhere"}
    async with cable_to(kept.port) as cable:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", nodes, history=SOON)
        async with running(file, tmp_path) as (sink, given):
            await until(lambda: all(of_point(sink, name) for name in nodes))
            async with unplugged(cable, given, 1):
                pass
            await until(lambda: bool(sink.gaps))
            await until_complete(kept, sink)
    (gap,) = sink.gaps.values()
    assert (gap.point, gap.cause, gap.connector) == ("CA-01.nowhere", "not_historised", "under-test")
    assert gap.end - gap.start > timedelta(seconds=1)


@pytest.mark.parametrize(
    "status",
    [
        "BadHistoryOperationUnsupported",
        apart("BadHistoryOperationInvalid"),
        apart("BadUserAccessDenied"),
    ],
)
async def test_a_refusal_for_good_leaves_a_gap_and_is_told_in_words(kept: NodeOpcuaServer, tmp_path: Path, status: str) -> None:
    refuse_history(kept, status)
    async with cable_to(kept.port) as cable:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", TOTAL, history=SOON)
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(3)
            async with unplugged(cable, given, 0.5):
                pass
            await until(lambda: bool(sink.gaps))
            problem = str(given.report.status.last_error)
    (gap,) = sink.gaps.values()
    assert (gap.point, gap.cause) == ("CA-01.total", "history_unavailable")
    assert problem.startswith("the history of CA-01.total (nsu=urn:plc:air;s=Kept.0): the server ")
    assert status in problem


@pytest.mark.parametrize(
    "status",
    [
        "BadTimeout",
        "BadNoContinuationPoints",
        apart("BadNodeIdUnknown"),
        apart("BadContinuationPointInvalid"),
    ],
)
async def test_a_refusal_that_may_pass_is_asked_again_until_nothing_is_missing(
    kept: NodeOpcuaServer, tmp_path: Path, status: str
) -> None:
    refuse_history(kept, status, times=2)
    async with cable_to(kept.port) as cable:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", TOTAL, history=SOON)
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(3)
            async with unplugged(cable, given, 0.5):
                pass
            await until(lambda: bool(backfilled(sink.samples)))
            await until_complete(kept, sink)
            counters = given.report.status.counters
    assert missing_and_doubled(kept, sink.samples) == ([], [])
    assert counters["history_failures"] == 2
    assert sink.gaps == {}


async def test_what_is_older_than_the_longest_age_is_not_asked_for_and_stays_a_gap(
    kept: NodeOpcuaServer, tmp_path: Path
) -> None:
    file = air_file(kept.endpoint, TOTAL, history={**SOON, "max_age": "2s"})
    async with running(file, tmp_path) as (first, _):
        await first.wait_for_samples(3)
    await asyncio.sleep(3)
    async with running(file, tmp_path) as (second, _):
        await until(lambda: bool(backfilled(second.samples)))
    (gap,) = second.gaps.values()
    assert gap.cause == "history_too_old"
    assert all(sample.time is not None and sample.time >= gap.end for sample in second.samples)


async def test_history_never_read_leaves_nothing_on_disk(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    state = tmp_path / "state"
    file = air_file(kept.endpoint, TOTAL, history={"read": "never"})
    async with running(file, state) as (sink, _):
        await sink.wait_for_samples(3)
    async with running(file, state) as (sink, _):
        await sink.wait_for_samples(15)
    assert not state.exists()
    assert history_questions(kept) == []
    assert backfilled(sink.samples) == []


async def test_a_damaged_store_is_set_aside_and_begun_anew(kept: NodeOpcuaServer, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / FILE_NAME).write_bytes(b"this is no database at all, and never was one" * 100)
    file = air_file(kept.endpoint, TOTAL, history=SOON)
    async with running(file, state) as (sink, given):
        await sink.wait_for_samples(3)
        assert "set aside" in str(given.report.status.last_error)
    assert [path.name for path in state.glob("marks.db.damaged-*")]
    await asyncio.sleep(1)
    async with running(file, state) as (sink, _):
        await until(lambda: bool(backfilled(sink.samples)))


async def test_a_session_that_ends_in_the_middle_is_gone_on_with_in_the_next(tmp_path: Path) -> None:
    server = NodeOpcuaServer(tmp_path, furniture="history", history_values_per_answer=5)
    with serving(server):
        async with cable_to(server.port) as cable:
            file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", TOTAL, history=SOON)
            sink = CuttingSink(cable, after=4)
            async with running(file, tmp_path, sink=sink) as (_, given):
                await sink.wait_for_samples(5)
                async with unplugged(cable, given, 4):
                    pass
                await until(lambda: sink.has_cut)
                await until_complete(server, sink)
        found = missing_and_doubled(server, sink.samples)
        questions = history_questions(server)
    assert found == ([], [])
    beginnings = [datetime.fromisoformat(question["start"]) for question in questions if not question["continued"]]
    assert len(beginnings) >= 2
    assert beginnings == sorted(set(beginnings))


class CuttingSink(RememberingSink):
    """Cuts the cable while what was missed is handed over."""

    def __init__(self, cable: Cable, after: int) -> None:
        super().__init__()
        self._cable = cable
        self._left = after

    @property
    def has_cut(self) -> bool:
        return self._left <= 0

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        await super().deliver(samples, dead_letters, receipts)
        self._left -= 1
        if self._left == 0:
            self._cable.cut()
