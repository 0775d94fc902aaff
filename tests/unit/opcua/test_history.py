"""Filling holes where a server answers as few do, with services made by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError
from fakes import RememberingSink, surroundings, until

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.file import History, OpcUaFile
from ems_telemetry.connectors.opcua.history import Backfill
from ems_telemetry.connectors.opcua.marks import Arrival, Marks
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.resolving import Target
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.model import Flag

BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
POINTS = [f"P-{number}.v" for number in range(8)]
ITEMS = [WantedItem(point, f"i={number}", parse_node(f"i={number}"), 0.0, 1.0, 10) for number, point in enumerate(POINTS)]

AnswerOne = Callable[[int, ua.ReadRawModifiedDetails], ua.HistoryReadResult]


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def result(*times: datetime | None, status: int = 0) -> ua.HistoryReadResult:
    values = [ua.DataValue(ua.Variant(1.0), SourceTimestamp=time) for time in times]  # type: ignore[arg-type]  # asyncua names its wire types
    return ua.HistoryReadResult(ua.StatusCode(ua.UInt32(status)), HistoryData=ua.HistoryData(DataValues=values))


class Historian:
    """Answers each node, by its number, with one function."""

    def __init__(self, answer: AnswerOne, *, historizing: bool = True) -> None:
        self._answer = answer
        self._historizing = historizing
        self.timestamps: list[ua.TimestampsToReturn] = []

    async def read_attributes(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        told = 0b101 if attribute is AttributeIds.UserAccessLevel else self._historizing
        return [ua.DataValue(ua.Variant(told)) for _ in nodes]

    async def history_read(self, parameters: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        self.timestamps.append(parameters.TimestampsToReturn)
        details = parameters.HistoryReadDetails
        assert isinstance(details, ua.ReadRawModifiedDetails)
        return [self._answer(int(node.NodeId.Identifier), details) for node in parameters.NodesToRead]


class SessionWith(Session):
    def __init__(self, services: Historian, folder: Path) -> None:
        point = {"id": "v", "quantity": "gas_volume", "unit": "Nm3", "node": "i=1"}
        file = {"type": "opcua", "endpoint": "opc.tcp://plc:4840", "site": "BER1", "meters": [{"id": "P-0", "points": [point]}]}
        given = surroundings(folder)
        super().__init__(OpcUaFile.model_validate(file), "plc", folder, given.clock)
        self._historian = services

    @property
    def services(self) -> Historian:  # type: ignore[override]  # speaks reading alone
        return self._historian


@asynccontextmanager
async def filling(
    historian: Historian, folder: Path, **settings: str
) -> AsyncIterator[tuple[RememberingSink, Marks, Surroundings]]:
    """Runs a backfill of points that each miss ten seconds."""
    sink, marks = RememberingSink(), Marks(POINTS)
    given = surroundings(folder, sink=sink)
    for point in POINTS:
        marks.advance(Arrival(point, at(0), at(0)))
    marks.interrupt()
    for point in POINTS:
        marks.advance(Arrival(point, at(10), at(10)))

    async def locate(items: Sequence[WantedItem]) -> list[Target | None]:
        numbers = [int(item.source.removeprefix("i=")) for item in items]
        return [Target(ua.NodeId(number, 2)) for number in numbers]  # type: ignore[arg-type]  # see above

    history = History.model_validate({"delay": "100ms", **settings})
    backfill = Backfill(SessionWith(historian, folder), ITEMS, marks, locate, history, given)
    task = asyncio.create_task(backfill.fill_holes())
    try:
        yield sink, marks, given
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_node_that_makes_every_call_fail_ends_up_alone_and_the_others_are_filled(tmp_path: Path) -> None:
    def answer(number: int, _: ua.ReadRawModifiedDetails) -> ua.HistoryReadResult:
        if number == 5:
            raise UaStatusCodeError(StatusCodes.BadInternalError)  # type: ignore[no-untyped-call]  # asyncua leaves its errors untyped
        return result(at(3))

    async with filling(Historian(answer), tmp_path) as (sink, marks, given):
        await until(lambda: set(marks.holes()) == {POINTS[5]})
        assert "BadInternalError" in str(given.report.status.last_error)
    assert {sample.point for sample in sink.samples} == set(POINTS) - {POINTS[5]}
    assert sink.gaps == {}


async def test_a_history_without_times_leaves_gaps(tmp_path: Path) -> None:
    async with filling(Historian(lambda *_: result(None)), tmp_path) as (sink, marks, given):
        await until(lambda: not marks.holes())
        assert "have no times" in str(given.report.status.last_error)
    assert sink.samples == []
    assert {gap.cause for gap in sink.gaps.values()} == {"history_unavailable"}
    assert len(sink.gaps) == len(POINTS)


async def test_a_history_without_server_times_is_asked_for_the_source_s_alone(tmp_path: Path) -> None:
    historian: Historian

    def answer(*_: object) -> ua.HistoryReadResult:
        refused = historian.timestamps[-1] is not ua.TimestampsToReturn.Source
        return result(status=StatusCodes.BadTimestampNotSupported) if refused else result(at(4))

    historian = Historian(answer)
    async with filling(historian, tmp_path) as (sink, marks, _):
        await until(lambda: not marks.holes())
    assert len(sink.samples) == len(POINTS)
    assert all(sample.flags == Flag.BACKFILLED for sample in sink.samples)


@pytest.mark.parametrize(("historizing", "gaps"), [(True, 0), (False, len(POINTS))])
async def test_no_data_is_believed_unless_the_history_stands_still(tmp_path: Path, *, historizing: bool, gaps: int) -> None:
    historian = Historian(lambda *_: result(status=StatusCodes.GoodNoData), historizing=historizing)
    async with filling(historian, tmp_path) as (sink, marks, _):
        await until(lambda: not marks.holes())
    assert [gap.cause for gap in sink.gaps.values()] == ["not_historised"] * gaps


async def test_values_the_server_has_lost_leave_a_gap_of_that_stretch(tmp_path: Path) -> None:
    async with filling(Historian(lambda *_: result(status=StatusCodes.BadDataLost)), tmp_path) as (sink, marks, _):
        await until(lambda: not marks.holes())
    assert {(gap.cause, gap.end) for gap in sink.gaps.values()} == {("history_unavailable", at(10))}


async def test_a_gap_written_twice_is_one_row(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        async with filling(Historian(lambda *_: result(status=StatusCodes.BadNotSupported)), tmp_path) as (sink, marks, _given):
            await until(lambda marks=marks: not marks.holes())  # type: ignore[misc]
        found.append(set(sink.gaps))
    assert found[0] == found[1]


async def test_while_nothing_becomes_durable_nothing_counts_as_filled(tmp_path: Path) -> None:
    async with filling(Historian(lambda *_: result(at(3))), tmp_path) as (sink, marks, _):
        sink.durable.clear()
        await until(lambda: sink.waiting > 0)
        assert set(marks.holes()) == set(POINTS)
        sink.durable.set()
        await until(lambda: not marks.holes())


@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
@pytest.mark.parametrize("end_belongs", [True, False])
async def test_no_value_at_the_edge_of_two_slices_is_missing_or_doubled(
    tmp_path: Path, *, order: str, end_belongs: bool
) -> None:
    kept = [at(step / 1000) for step in range(11_000)]

    def answer(_: int, details: ua.ReadRawModifiedDetails) -> ua.HistoryReadResult:
        start, end = details.StartTime, details.EndTime
        return result(*(time for time in kept if start <= time < end or (end_belongs and time == end)))

    async with filling(Historian(answer), tmp_path, slice="1s", order=order, values_per_read="5000") as (sink, marks, _):
        await until(lambda: not marks.holes(), timeout_s=100)
    of_one = sorted(sample.time for sample in sink.samples if sample.point == POINTS[0] and sample.time is not None)
    assert of_one == [time for time in kept if at(0) < time < at(10)]
