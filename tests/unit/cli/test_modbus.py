"""The verbs that need no meter: what registers may say, and what a file would ask."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from ems_telemetry.cli.main import make_app
from ems_telemetry.cli.modbus import modbus
from ems_telemetry.cli.modbus_decoding import parse_range
from ems_telemetry.cli.modbus_reading import parse_place
from ems_telemetry.connectors.modbus.registers import Addressing, Order, Table, ValueType
from ems_telemetry.connectors.modbus.units import units_of
from ems_telemetry.errors import ConfigurationError

COMMANDS = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
RUNNER = CliRunner()
FILE = """\
type: modbus
endpoint: {endpoint}
site: BER1
meters:
  - id: EM-01
    unit_id: 1
    profile: eastron/sdm630
    include: [energy_import, energy_export, active_power, voltage_l1, voltage_l2, voltage_l3, current_l1, current_l2,
              current_l3, frequency]
"""


def verbs() -> dict[str, typer.core.TyperCommand]:
    return get_command(modbus).commands  # type: ignore[attr-defined, no-any-return]  # a group, since there are several verbs


@pytest.mark.parametrize("verb", ["scan", "read", "decode", "plan"])
def test_every_verb_and_option_is_documented(verb: str) -> None:
    section = COMMANDS.partition(f"### `modbus {verb}")[2].partition("\n### ")[0]
    options = {option for parameter in verbs()[verb].params for option in parameter.opts if option.startswith("--")}
    assert [option for option in options - {"--config", "--json"} if f"`{option}" not in section] == []


def test_registers_are_shown_as_json_with_200_among_them() -> None:
    answer = RUNNER.invoke(make_app(), ["modbus", "decode", "4348", "0000", "--json"])
    readings = json.loads(answer.output)["readings"]
    assert answer.exit_code == 0
    [right] = [one for one in readings if (one["type"], one["order"], one["register"]) == ("float32", "ABCD", 0)]
    assert (right["value"], right["mark"]) == (200.0, "likely")


def test_what_is_expected_leaves_little() -> None:
    answer = RUNNER.invoke(make_app(), ["modbus", "decode", "4348", "0000", "--expect", "199..201"])
    assert [line.split() for line in answer.output.splitlines()[1:]] == [["0", "float32", "ABCD", "200", "fits", "1.0"]]


@pytest.mark.parametrize("arguments", [["zz"], ["4348", "--expect", "250..230"], ["4348", "--expect", "230"]])
def test_what_cannot_be_read_is_a_mistake_of_usage(arguments: list[str]) -> None:
    answer = RUNNER.invoke(make_app(), ["modbus", "decode", *arguments])
    assert isinstance(answer.exception, ConfigurationError)


def plan(tmp_path: Path, endpoint: str = "tcp://10.20.0.31", *arguments: str) -> str:
    file = tmp_path / "hall.yaml"
    file.write_text(FILE.format(endpoint=endpoint))
    answer = RUNNER.invoke(make_app(), ["modbus", "plan", str(file), *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_a_meter_with_ten_points_needs_three_requests_at_most(tmp_path: Path) -> None:
    told = json.loads(plan(tmp_path, "tcp://10.20.0.31", "--json"))
    assert len(told["requests"]) <= 3
    assert sum(request["points"] for request in told["requests"]) == 10
    assert told["bytes_per_s"] == sum(request["bytes"] for request in told["requests"]) / 10


def test_the_plan_of_a_serial_line_tells_how_busy_it_is(tmp_path: Path) -> None:
    assert "% of the line's time" in plan(tmp_path, "serial:///dev/ttyUSB0?baudrate=9600")
    assert "% of the line's time" not in plan(tmp_path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("holding:40", (Table.HOLDING, 40, 1)),
        ("input:52-55", (Table.INPUT, 52, 4)),
        ("coil:3", (Table.COIL, 3, 1)),
        ("holding:40:float64", (Table.HOLDING, 40, 4)),
    ],
)
def test_places_are_read_as_people_write_them(text: str, place: tuple[Table, int, int]) -> None:
    parsed = parse_place(text, Addressing.ZERO_BASED)
    assert (parsed.table, parsed.address, parsed.count) == place


def test_a_place_may_say_its_type_and_order() -> None:
    spelling = parse_place("holding:40041:uint64:EFGHABCD", Addressing.MODICON).spelling
    assert spelling is not None
    assert (spelling.type, spelling.order) == (ValueType.UINT64, Order.EFGHABCD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("holdin:40", "did you mean holding"),
        ("holding", "is no place"),
        ("holding:a", "is no place"),
        ("holding:50-40", "ends before it begins"),
        ("holding:1:float33", "did you mean float32"),
        ("holding:1:float32:ABBA", "order"),
    ],
)
def test_a_wrong_place_is_told_with_its_remedy(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_place(text, Addressing.ZERO_BASED)


def test_ranges_and_units_are_read_as_people_write_them() -> None:
    assert parse_range("-5..230.5") == (-5, 230.5)
    assert units_of("1,2,10-12,2") == (1, 2, 10, 11, 12)
    with pytest.raises(ValueError, match="write ids from 0 to 255"):
        units_of("1-300")


def test_the_command_line_does_not_load_the_protocols_library() -> None:
    program = "import sys, ems_telemetry.cli.main as main; main.make_app(); sys.exit('pymodbus' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - ourselves
