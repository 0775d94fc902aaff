"""The page on MQTT names every key, preset, reason and cause, and its examples are right."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ems_telemetry.config.connector import ConnectorFile, Meter, Point, Tls
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.meter import MqttMeter, MqttPoint, Payload
from ems_telemetry.connectors.mqtt.presets.table import PRESETS
from ems_telemetry.connectors.mqtt.shape import ItemPaths
from ems_telemetry.connectors.mqtt.strangers import UNKNOWN_METER
from ems_telemetry.shipped import shipped

PAGE = Path(__file__).parents[3] / "docs" / "connectors" / "mqtt.md"
SOURCE = Path(__file__).parents[3] / "src" / "ems_telemetry" / "connectors" / "mqtt"
TEXT = PAGE.read_text()
SPARKPLUG_TEXT = PAGE.with_name("sparkplug.md").read_text()
OWN_KEYS = (
    (set(MqttFile.model_fields) - set(ConnectorFile.model_fields))
    | (set(MqttMeter.model_fields) - set(Meter.model_fields))
    | (set(MqttPoint.model_fields) - set(Point.model_fields))
    | set(ItemPaths.model_fields)
    | set(Tls.model_fields)
)
REASON = re.compile(r'Refusal\([^"\n]*"([a-z_]+)"')


@pytest.mark.parametrize("key", sorted(OWN_KEYS))
def test_every_key_is_on_the_page(key: str) -> None:
    assert f"`{key}`" in TEXT + SPARKPLUG_TEXT


@pytest.mark.parametrize("payload", list(Payload))
def test_every_payload_is_on_the_page(payload: Payload) -> None:
    assert f"`{payload}`" in TEXT


def test_every_preset_has_its_row_and_its_example() -> None:
    assert [name for name in PRESETS if f"| `{name}` | " not in TEXT or f"payload: {name}," not in TEXT] == []


def test_every_reason_of_a_dead_letter_is_on_the_page() -> None:
    reasons = {found for path in SOURCE.rglob("*.py") for found in REASON.findall(path.read_text())}
    assert {"time_missing", "value_missing", "quality_unreadable"} < reasons
    assert [reason for reason in {*reasons, UNKNOWN_METER, "unwanted_topic"} if f"`{reason}`" not in TEXT] == []


def test_the_cause_of_a_gap_is_on_the_page_and_in_the_database_s() -> None:
    assert f"`{UNKNOWN_METER}`" in TEXT
    assert f"`{UNKNOWN_METER}`" in (PAGE.parents[1] / "database.md").read_text()


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL), ids=lambda block: block[:20])
def test_every_example_on_the_page_is_right(block: str) -> None:
    read = YAML(typ="safe").load(block if block.startswith(("#", "type", "meters")) else f"meters:\n{block}")
    content = {"type": "mqtt", "endpoint": "mqtt://broker", "site": "BER1", **read}
    content.pop("user", None)
    content.pop("tls", None)
    assert MqttFile.model_validate(content).meters


def test_the_example_file_is_right() -> None:
    file = MqttFile.model_validate(YAML(typ="safe").load((shipped("connectors") / "water-broker.yaml").read_text()))
    sources = [point.source for meter in file.meters for point in meter.points]
    assert "plant/+/WM-13/telemetry $.total_m3" in sources
    assert "tele/pump-41/SENSOR ENERGY.Total" in sources
