"""A Modbus file is checked to the last register, and each mistake is named with its line."""

from pathlib import Path
from textwrap import indent

import pytest
from modbus_files import modbus_file, point
from pydantic import ValidationError

from ems_telemetry.config.load import load, read_connector
from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.registers import Addressing, Table, wire_address
from ems_telemetry.errors import ConfigurationError
from ems_telemetry.shipped import shipped

HEAD = """\
type: modbus
endpoint: tcp://10.20.0.31
site: BER1
{head}
meters:
  - id: WM-07
    unit_id: 7
{more}    points:
"""
POINT = "{{id: volume, quantity: water_volume, unit: m3, kind: counter, {keys}}}"


def problems(folder: Path, points: list[str], head: str = "", more: str = "") -> list[str]:
    (folder / "connectors").mkdir()
    (folder / "plant.yaml").write_text("sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin}]\n")
    (folder / "ems-telemetry.yaml").write_text("connectors: connectors/*.yaml\n")
    text = HEAD.format(head=head, more=more and f"    {more}\n") + indent("".join(f"- {line}\n" for line in points), " " * 6)
    (folder / "connectors/hall.yaml").write_text(text)
    try:
        load(folder / "ems-telemetry.yaml", {"modbus": CONNECTOR_TYPE.file})
    except ConfigurationError as error:
        return [str(problem).removeprefix(f"{folder}/connectors/") for problem in error.problems]
    return []


def read_file(folder: Path, points: list[str], head: str = "") -> ModbusFile:
    assert problems(folder, points, head) == []
    _, file = read_connector(folder / "connectors/hall.yaml", {"modbus": ModbusFile})
    assert isinstance(file, ModbusFile)
    return file


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("register: holdin, address: 4, type: uint16", 'register "holdin" is not known; did you mean holding?'),
        ("regster: holding, address: 4, type: uint16", 'key "regster" is not known; did you mean register?'),
        ("register: holding, address: 4, type: uint33", 'type "uint33" is not known; did you mean uint32?'),
        ("register: holding, address: 4, type: uint32, order: ABDC", 'order "ABDC" is not known'),
        ("register: coil, address: 4, type: uint16", "type uint16 does not fit a coil, which is one bit; say type: bool"),
        ("register: coil, address: 4, type: bool, bit: 2", "bit 2 does not fit a coil"),
        ("register: holding, address: 4, type: bool", "type bool in the holding registers needs a bit from 0 to 15"),
        ("register: holding, address: 4, type: bool, bit: 16", 'bit "16" must be less than 16'),
        ("register: holding, address: 4, type: uint16, bit: 1", "bit 1 does not fit type uint16"),
        ("register: holding, address: 65536, type: uint16", "address 65536 does not exist; with zero_based addressing"),
        ("register: holding, address: 65535, type: uint32", "uint32 at wire address 65535 goes beyond the last, 65535"),
        ("register: holding, address: 4, type: uint16, invalid: [70000]", "invalid 70000 cannot be in an uint16"),
        ("register: holding, address: 4, type: uint16, invalid: [0x12345]", "invalid 0x12345 cannot be in an uint16"),
        ("register: holding, address: 4, type: uint16, invalid: [none]", 'invalid "none" is a text; in an uint16'),
        ("register: holding, address: 4, type: bcd", "type bcd needs its length in registers, as length: 4"),
        ("register: holding, address: 4, type: uint32, length: 2", "length 2 does not fit type uint32, which takes 2"),
        ("register: holding, address: 4, type: uint32, base: 1000", "base 1000 does not fit type uint32; say type: words"),
        ("register: holding, address: 4, type: uint32, order: EFGHABCD", "order EFGHABCD is for 64-bit values"),
        ("register: holding, address: 4, type: string, length: 4", "a string is a value only with states:"),
        ("register: holding, address: 4, type: bool, bit: 1, exponent_address: 5", "exponent_address does not fit type bool"),
        ("register: holding, address: 4", "type missing; say register, address and type, or the field of a SunSpec model"),
        ("register: holding, address: 4, type: uint16, field: W", "field is for SunSpec models"),
        (
            "register: holding, address: 4, type: uint16, exponent_address: 400",
            "lie 397 registers apart, more than max_registers",
        ),
    ],
)
def test_a_wrong_point_is_named_with_its_line(tmp_path: Path, keys: str, message: str) -> None:
    [problem] = problems(tmp_path, [POINT.format(keys=keys)])
    assert problem.startswith("hall.yaml:9: point WM-07.volume: ")
    assert message in problem


def test_an_address_that_the_addressing_does_not_have_is_named_with_its_line(tmp_path: Path) -> None:
    right = "{id: flow, quantity: water_flow, unit: m3/h, register: holding, address: 40051, type: uint16}"
    wrong = POINT.format(keys="register: input, address: 40041, type: uint32")
    [problem] = problems(tmp_path, [right, wrong], head="addressing: modicon")
    assert problem.startswith("hall.yaml:10: point WM-07.volume: address 40041 is no input address in modicon addressing")
    assert "begin at 30001" in problem


def test_values_that_cross_are_refused_since_one_is_off_by_one(tmp_path: Path) -> None:
    first = POINT.format(keys="register: holding, address: 40, type: uint32")
    second = "{id: flow, quantity: water_flow, unit: m3/h, register: holding, address: 41, type: float32}"
    [problem] = problems(tmp_path, [first, second])
    assert problem.startswith("hall.yaml:10: point WM-07.flow: registers 41 to 42 cross 40 to 41 of WM-07.volume")


def test_a_value_wider_than_the_device_serves_at_once_is_refused(tmp_path: Path) -> None:
    wide = POINT.format(keys="register: holding, address: 40, type: uint64")
    [problem] = problems(tmp_path, [wide], head="max_registers: 2")
    assert "uint64 takes 4 registers, more than max_registers 2" in problem


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("rtu-over-tcp://10.20.0.31", "names no port"),
        ("10.20.0.31:502", "write it as tcp://10.20.0.31:502"),
        ("tcp://10.20.0.31:99999", "write it as tcp://10.20.0.31:502"),
        ("tcp://10.20.0.31/unit/1", "write it as tcp://10.20.0.31:502"),
        ("tcp://me:secret@10.20.0.31", "write it as tcp://10.20.0.31:502"),
    ],
)
def test_an_endpoint_of_another_kind_is_refused(endpoint: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        modbus_file(1, {1: [point("a", 0)]}, endpoint=endpoint)


def test_a_point_in_a_hole_is_refused_with_its_line(tmp_path: Path) -> None:
    keys = "register: holding, address: 41, type: uint32"
    hole = "holes: [{register: holding, first: 42, last: 50}]"
    [problem] = problems(tmp_path, [POINT.format(keys=keys)], head="addressing: one_based", more=hole)
    assert problem.startswith("hall.yaml:10: point WM-07.volume: wire address 41 lies in a hole, 41 to 49")


def test_orders_come_from_the_point_then_the_meter_then_the_file() -> None:
    points = [
        point("a", 0, "uint32"),
        point("b", 2, "uint64"),
        point("c", 6, "uint64", order="DCBAHGFE"),
        point("d", 10, "uint16", order="BADC"),
    ]
    file = modbus_file(1, {1: points}, order="CDAB", order_64="EFGHABCD")
    assert [read.source.rpartition(" ")[2] for read in file.meters[0].points] == ["CDAB", "EFGHABCD", "DCBAHGFE", "BADC"]


@pytest.mark.parametrize(
    ("endpoint", "host", "port"), [("tcp://meter.plant", "meter.plant", 502), ("tcp://[fd00::1]:1502", "fd00::1", 1502)]
)
def test_an_endpoint_names_a_host_and_perhaps_a_port(endpoint: str, host: str, port: int) -> None:
    where = modbus_file(1, {1: [point("a", 0)]}, endpoint=endpoint).where
    assert (where.host, where.port) == (host, port)


def test_files_that_name_one_endpoint_share_its_line() -> None:
    file = modbus_file(1, {1: [point("a", 0)]}, endpoint="tcp://meter.plant")
    assert file.line == ("meter.plant:502", "plain Modbus TCP")


@pytest.mark.parametrize(
    ("address", "table", "addressing", "wire"),
    [
        (40, Table.HOLDING, Addressing.ZERO_BASED, 40),
        (41, Table.HOLDING, Addressing.ONE_BASED, 40),
        (40041, Table.HOLDING, Addressing.MODICON, 40),
        (400041, Table.HOLDING, Addressing.MODICON, 40),
        (465536, Table.HOLDING, Addressing.MODICON, 65535),
        (30001, Table.INPUT, Addressing.MODICON, 0),
        (10010, Table.DISCRETE, Addressing.MODICON, 9),
        (1, Table.COIL, Addressing.MODICON, 0),
    ],
)
def test_each_addressing_leads_to_the_wire_address(address: int, table: Table, addressing: Addressing, wire: int) -> None:
    assert wire_address(address, table, addressing) == wire


@pytest.mark.parametrize(
    ("address", "table", "addressing"),
    [
        (0, Table.HOLDING, Addressing.ONE_BASED),
        (40000, Table.HOLDING, Addressing.MODICON),
        (40001, Table.INPUT, Addressing.MODICON),
        (465537, Table.HOLDING, Addressing.MODICON),
        (41, Table.HOLDING, Addressing.MODICON),
    ],
)
def test_an_address_outside_the_addressing_is_refused(address: int, table: Table, addressing: Addressing) -> None:
    with pytest.raises(ValueError, match="address"):
        wire_address(address, table, addressing)


def test_the_source_of_a_point_names_unit_table_wire_address_and_form() -> None:
    points = [
        point("a", 40041, "uint32"),
        point("b", 40050, "bool", bit=3, order="DCBA"),
        point("c", 12, "bool", register="coil"),
    ]
    file = modbus_file(1, {7: points}, addressing="modicon")
    assert [read.source for read in file.meters[0].points] == [
        "unit 7 holding 40 uint32 ABCD",
        "unit 7 holding 49 bool DCBA bit 3",
        "unit 7 coil 11",
    ]


def test_sentinels_may_be_written_as_bits_or_as_the_number_read() -> None:
    points = [
        point("a", 0, "int16", invalid=[0x8000, -1]),
        point("b", 1, "uint32", invalid=[0xFFFFFFFF]),
        point("c", 3, "int64", invalid=[0x8000000000000000]),
    ]
    read = modbus_file(1, {1: points}).meters[0].points
    assert [each.sentinels for each in read] == [{-0x8000, -1}, {0xFFFFFFFF}, {-0x8000000000000000}]


def test_what_is_written_in_hexadecimal_is_bits_and_what_is_written_in_decimal_a_number(tmp_path: Path) -> None:
    keys = "register: holding, address: 40, type: float32, invalid: [0xC61C3C00, 9999, '0x7FC00000', -1.5]"
    file = read_file(tmp_path, [POINT.format(keys=keys)])
    assert file.meters[0].points[0].sentinels == {-9999.0, 9999, -1.5}


def test_bits_are_read_as_their_type_reads_them(tmp_path: Path) -> None:
    digits = "register: holding, address: 40, type: bcd, length: 2, invalid: [0x00009999, 0xFFFFFFFF]"
    words = "register: holding, address: 44, type: words, length: 2, base: 10000, invalid: [0x0001000A]"
    flow = "{{id: flow, quantity: water_flow, unit: m3/h, {keys}}}"
    file = read_file(tmp_path, [POINT.format(keys=digits), flow.format(keys=words)])
    assert [point.sentinels for point in file.meters[0].points] == [{9999}, {10_010}]


def test_the_shipped_example_is_in_order() -> None:
    configuration = load(shipped("config") / "ems-telemetry.yaml", {"modbus": CONNECTOR_TYPE.file}, only_shipped_modbus())
    assert "WM-07.volume" in [found.key for found in configuration.points]


def only_shipped_modbus() -> dict[str, str]:
    return {"EMS_TELEMETRY__CONNECTORS": "../connectors/hall-1-switchboard.yaml"}


def test_the_schema_calls_the_table_as_the_file_does() -> None:
    properties = ModbusFile.model_json_schema()["$defs"]["ModbusPoint"]["properties"]
    assert "register" in properties
    assert "table" not in properties
