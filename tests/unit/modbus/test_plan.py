"""Points become few requests, and no limit is broken whatever the points."""

from hypothesis import given
from hypothesis import strategies as st
from modbus_files import meter, modbus_file, point

from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.plan import Block, Hole, Limits, plan_blocks, plan_polls
from ems_telemetry.connectors.modbus.registers import RegisterPoint, Spelling, Table, ValueType

NUMBERS = [type_ for type_ in ValueType if type_.code and type_ is not ValueType.BOOL]


def holding(address: int, type_: ValueType = ValueType.UINT16, exponent: int | None = None) -> RegisterPoint:
    return RegisterPoint(f"{address}", Table.HOLDING, address, Spelling(type_), exponent)


def spans(
    points: list[RegisterPoint], max_gap: int = 16, max_registers: int = 125, holes: tuple[Hole, ...] = ()
) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in plan_blocks(points, Limits(max_gap, max_registers, holes))]


def test_points_near_each_other_share_a_request() -> None:
    assert spans([holding(30, ValueType.UINT32), holding(17), holding(0)]) == [(0, 32)]


def test_a_gap_longer_than_allowed_is_not_read_across() -> None:
    assert spans([holding(0), holding(18)]) == [(0, 1), (18, 1)]
    assert spans([holding(0), holding(2)], max_gap=0) == [(0, 1), (2, 1)]
    assert spans([holding(0), holding(1)], max_gap=0) == [(0, 2)]


def test_a_request_is_no_longer_than_the_device_serves_and_splits_no_value() -> None:
    assert spans([holding(address, ValueType.UINT32) for address in range(0, 12, 2)], max_registers=5) == [
        (0, 4),
        (4, 4),
        (8, 4),
    ]


def test_tables_are_never_mixed() -> None:
    mixed = [holding(0), RegisterPoint("i", Table.INPUT, 1, Spelling(ValueType.INT16))]
    assert {block.table for block in plan_blocks(mixed, Limits(16, 125))} == {Table.HOLDING, Table.INPUT}


def test_coils_are_read_up_to_two_thousand_at_once() -> None:
    coils = [RegisterPoint(str(address), Table.COIL, address, Spelling(ValueType.BOOL)) for address in range(2001)]
    assert [block.count for block in plan_blocks(coils, Limits(16, 125))] == [2000, 1]


def test_several_bits_of_one_register_are_read_once() -> None:
    bits = [RegisterPoint(str(bit), Table.HOLDING, 7, Spelling(ValueType.BOOL, bit=bit)) for bit in range(16)]
    assert spans(bits) == [(7, 1)]


def test_value_and_exponent_are_read_in_one_request() -> None:
    assert spans([holding(0, exponent=21)]) == [(0, 22)]
    assert spans([holding(30, exponent=5), holding(7)], max_gap=0) == [(5, 26)]


def test_a_declared_hole_is_never_read_across() -> None:
    hole = (Table.HOLDING, 3, 5)
    assert spans([holding(0), holding(6)], holes=(hole,)) == [(0, 1), (6, 1)]
    assert spans([holding(0), holding(2), holding(6)], holes=(hole,)) == [(0, 3), (6, 1)]
    assert spans([holding(0), holding(6)], holes=((Table.INPUT, 3, 5),)) == [(0, 7)]


def test_a_request_is_halved_between_its_values_until_one_place_is_left() -> None:
    block = plan_blocks([holding(0), holding(2, ValueType.UINT32), holding(10), holding(30)], Limits(50, 125))[0]
    halves = block.halves()
    assert halves is not None
    assert [str(half) for half in halves] == ["holding 0 to 3", "holding 10 to 30"]
    quarters = [quarter for half in halves for quarter in half.halves() or ()]
    assert [str(quarter) for quarter in quarters] == ["holding 0", "holding 2 to 3", "holding 10", "holding 30"]
    assert all(quarter.halves() is None for quarter in quarters)


def test_values_that_share_registers_are_not_halved() -> None:
    bits = [RegisterPoint(str(bit), Table.HOLDING, 7, Spelling(ValueType.BOOL, bit=bit)) for bit in range(16)]
    (block,) = plan_blocks(bits, Limits(0, 125))
    assert block.halves() is None


register_points = st.builds(
    RegisterPoint,
    key=st.uuids().map(str),
    table=st.sampled_from([Table.HOLDING, Table.INPUT]),
    address=st.integers(0, 400),
    spelling=st.sampled_from(NUMBERS).map(Spelling),
    exponent=st.none(),
    sentinels=st.just(frozenset()),
)
bit_points = st.builds(
    RegisterPoint,
    key=st.uuids().map(str),
    table=st.sampled_from([Table.COIL, Table.DISCRETE]),
    address=st.integers(0, 5000),
    spelling=st.just(Spelling(ValueType.BOOL)),
    exponent=st.none(),
    sentinels=st.just(frozenset()),
)


@given(st.lists(register_points | bit_points, max_size=60), st.integers(0, 125), st.integers(4, 125))
def test_every_point_is_read_once_and_whole_and_no_limit_is_broken(
    points: list[RegisterPoint], max_gap: int, max_registers: int
) -> None:
    blocks = plan_blocks(points, Limits(max_gap, max_registers))
    assert sorted(point.key for block in blocks for point in block.points) == sorted(point.key for point in points)
    for block in blocks:
        assert 1 <= block.count <= (max_registers * 16 if block.table.holds_bits else max_registers)
        assert min(point.address for point in block.points) == block.address
        assert max(point.end for point in block.points) == block.address + block.count
        assert all(point.table is block.table for point in block.points)
        used = {address for point in block.points for address in range(point.address, point.end)}
        unused = "".join("." if address in used else "x" for address in range(block.address, block.address + block.count))
        assert all(len(gap) <= max_gap for gap in unused.split("."))


def test_meters_of_one_unit_and_cadence_are_read_together() -> None:
    written = {
        "type": "modbus",
        "endpoint": "tcp://127.0.0.1",
        "site": "S",
        "meters": [
            {**meter(1, [point("a", 0)]), "id": "first"},
            {**meter(1, [point("b", 1)]), "id": "second"},
            {**meter(1, [point("c", 2)], interval="1m"), "id": "third"},
            meter(2, [point("d", 0)], timeout="3s", max_register_gap=0, max_registers=10),
        ],
    }
    polls = plan_polls(ModbusFile.model_validate(written))
    assert [(poll.unit_id, poll.interval_s, poll.timeout_s, len(poll.blocks)) for poll in polls] == [
        (1, 10.0, 1.0, 1),
        (1, 60.0, 1.0, 1),
        (2, 10.0, 3.0, 1),
    ]
    assert [point.key for point in polls[0].blocks[0].points] == ["first.a", "second.b"]


def test_a_timeout_that_is_not_said_leaves_half_of_the_shortest_interval_to_the_other_units() -> None:
    file = modbus_file(502, {1: [point("a", 0)]}, interval="500ms")
    assert plan_polls(file)[0].timeout_s == 0.25


@given(st.lists(register_points, min_size=1, max_size=40))
def test_halving_loses_and_doubles_no_point(points: list[RegisterPoint]) -> None:
    def leaves(block: Block) -> list[Block]:
        halves = block.halves()
        return [block] if halves is None else [leaf for half in halves for leaf in leaves(half)]

    found = [leaf for block in plan_blocks(points, Limits(125, 125)) for leaf in leaves(block)]
    assert sorted(point.key for leaf in found for point in leaf.points) == sorted(point.key for point in points)
    assert all(leaf.address <= p.start and p.end <= leaf.address + leaf.count for leaf in found for p in leaf.points)


@given(st.lists(register_points, max_size=40), st.lists(st.integers(0, 400), max_size=5))
def test_no_request_touches_a_hole(points: list[RegisterPoint], starts: list[int]) -> None:
    holes = [(Table.HOLDING, start, start + 2) for start in starts]
    kept = [p for p in points if not any(p.table is t and p.start < end and first < p.end for t, first, end in holes)]
    for block in plan_blocks(kept, Limits(125, 125, tuple(holes))):
        for table, first, end in holes:
            assert block.table is not table or block.address + block.count <= first or end <= block.address
