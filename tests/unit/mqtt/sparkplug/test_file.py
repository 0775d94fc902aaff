"""Connector files with `payload: sparkplug_b`: what is filled in, and what is refused with its line and remedy."""

from pathlib import Path
from textwrap import dedent

import pytest
from unit.mqtt.sparkplug.line import sparkplug_file

from ems_telemetry.config.load import read_connector
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.errors import ConfigurationError

FILE = """\
type: mqtt
endpoint: mqtt://broker:1883
payload: sparkplug_b
site: BER1
sparkplug: {group: Plant-1, edge_node: line-3}
meters:
  - id: EM-30
    device: main-meter
    points:
      - {id: energy, metric: Energy/Import, quantity: active_energy_import, unit: kWh, kind: counter}
"""


def problem_of(text: str, folder: Path) -> str:
    path = folder / "line.yaml"
    path.write_text(dedent(text))
    with pytest.raises(ConfigurationError) as refused:
        read_connector(path, {"mqtt": MqttFile})
    (problem,) = refused.value.problems
    return f"{problem.line}: {problem.message}"


def test_what_is_not_said_is_filled_in() -> None:
    file = sparkplug_file()
    assert file.sparkplug is not None
    section = file.sparkplug
    assert (section.discover, section.metrics, section.request_rebirth) == (False, ("*",), False)
    assert (section.rebirth_interval, section.reorder_timeout, section.birth_timeout) == (60.0, 2.0, 10.0)
    (meter,) = file.meters
    assert (meter.group, meter.edge_node, meter.device) == ("Plant-1", "line-3", "main")
    assert [point.source for point in meter.points] == ["Plant-1/line-3/main Energy/Import", "Plant-1/line-3/main Power"]


def test_where_names_are_wildcards_the_meter_says_its_own() -> None:
    meter = {
        "id": "M",
        "group": "G",
        "edge_node": "E",
        "points": [{"id": "p", "metric": "P", "quantity": "active_power", "unit": "W"}],
    }
    file = sparkplug_file(meter, group="+", edge_node="+")
    assert file.meters[0].points[0].source == "G/E P"


def test_a_payload_said_once_holds_for_all_meters() -> None:
    point = {"id": "p", "topic": "t", "quantity": "active_power", "unit": "W"}
    content = {
        "type": "mqtt",
        "endpoint": "mqtt://b",
        "site": "S",
        "payload": "scalar",
        "meters": [{"id": "M", "points": [point]}],
    }
    assert MqttFile.model_validate(content).meters[0].payload == "scalar"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("group: Plant-1, ", "", '5: "group" is missing: Their group; "+" for all groups at the broker'),
        (
            "edge_node: line-3",
            "edge_node: line-+",
            '5: "line-+": a wildcard stands alone, as "+"; write one name, or "+" for all',
        ),
        (
            "edge_node: line-3",
            "edge_node: a/b",
            '5: "a/b" is not a name of Sparkplug: it must not be empty, nor hold "/", "+" or "#"',
        ),
        ("line-3}", "line-3, discovery: true}", '5: key "discovery" is not known; did you mean discover?'),
        ("line-3}", "line-3, reorder_timeout: 2}", "is not a duration"),
        ("line-3}", "line-3, rebirth_interval: 500ms}", '5: rebirth_interval "500ms" must be at least 1'),
        ("line-3}", "line-3, request_rebirth: perhaps}", '5: request_rebirth "perhaps" is not true or false'),
        ("sparkplug: {group: Plant-1, edge_node: line-3}\n", "", '1: payload: sparkplug_b needs "sparkplug"'),
        ("payload: sparkplug_b\n", "", '6: meter EM-30: device is for payload: sparkplug_b; this meter is told by its "topic"'),
        ("edge_node: line-3", 'edge_node: "+"', '7: meter EM-30: "edge_node" is missing: the file listens to all of them'),
        ("device: main-meter", "device: main/meter", '8: meter EM-30: "main/meter" is not a name of Sparkplug'),
        ("device: main-meter", "topic: a/b", "7: meter EM-30: topic is not for payload: sparkplug_b"),
        ("device: main-meter", "time: $.ts", "7: meter EM-30: time is not for payload: sparkplug_b"),
        (
            "device: main-meter",
            "edge_node: line-4",
            '1: meter EM-30: its edge_node is "line-4", and the file listens to "line-3" alone',
        ),
        ("device: main-meter", "payload: json", "7: meter EM-30: group is for payload: sparkplug_b"),
        (
            "metric: Energy/Import, ",
            "",
            '7: meter EM-30: point energy needs "metric", the name of its metric, as Energy/Import',
        ),
        (
            "metric: Energy/Import",
            "metric: Energy/Import, value: $.a",
            '7: meter EM-30: point energy: "value" and "topic" are not for',
        ),
        (
            "metric: Energy/Import",
            "metrics: Energy/Import",
            'point EM-30.energy: key "metrics" is not known; did you mean metric?',
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_remedy(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in FILE
    assert problem in problem_of(FILE.replace(old, new), tmp_path)


SECOND_POINT = "      - {id: again, metric: Energy/Import, quantity: active_energy_import, unit: kWh}\n"
SECOND_METER = """\
  - id: EM-31
    device: main-meter
    points:
      - {id: again, metric: Energy/Import, quantity: active_energy_import, unit: kWh}
"""
PLAIN_METER = """\
  - id: WM-1
    payload: scalar
    topic: t
    points:
      - {id: again, quantity: active_energy_import, unit: kWh}
"""


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (SECOND_POINT, '7: meter EM-30: points energy and again have the same metric "Energy/Import"'),
        (SECOND_METER, '6: meters EM-30 and EM-31 have the same metric "Plant-1/line-3/main-meter Energy/Import"'),
        (PLAIN_METER, "11: meter WM-1: group is for payload: sparkplug_b"),
    ],
)
def test_a_contradiction_is_told_with_its_line(tmp_path: Path, more: str, problem: str) -> None:
    assert problem in problem_of(FILE + more, tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (FILE[: FILE.index("meters:")], "1: nothing would be stored: list meters, or say discover: true"),
        (
            FILE[: FILE.index("meters:")].replace("payload: sparkplug_b\n", ""),
            '1: "sparkplug" is for payload: sparkplug_b; write that too, or leave "sparkplug" out',
        ),
        (FILE.replace("line-3}", "line-3}\nmeters: []\n").split("meters:\n")[0], "1: nothing would be stored"),
    ],
)
def test_a_file_that_says_too_little_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problem_of(text, tmp_path)


def test_a_file_without_meters_may_discover_them(tmp_path: Path) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(FILE[: FILE.index("meters:")].replace("line-3}", "line-3, discover: true}"))
    _, file = read_connector(path, {"mqtt": MqttFile})
    assert file.meters == ()
