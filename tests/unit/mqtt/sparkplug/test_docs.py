"""The page on Sparkplug names every key, counter and reason, and the example file is a right one."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.sparkplug.edge_node import BEFORE_BIRTH, UNKNOWN_METRIC
from ems_telemetry.connectors.mqtt.sparkplug.points import UNDISCOVERED_METRIC
from ems_telemetry.connectors.mqtt.sparkplug.reading import UNSUPPORTED_METRIC, VALUE_UNREADABLE
from ems_telemetry.connectors.mqtt.sparkplug.settings import SparkplugSettings
from ems_telemetry.connectors.mqtt.sparkplug.troubles import Trouble
from ems_telemetry.shipped import shipped

PAGE = Path(__file__).parents[4] / "docs" / "connectors" / "sparkplug.md"
KEYS = [*SparkplugSettings.model_fields, "device", "metric"]
COUNTERS = ["births", "deaths", "metrics_unwanted", "metrics_undiscovered", "messages_late", "rebirths_requested"]
REASONS = [BEFORE_BIRTH, UNKNOWN_METRIC, UNDISCOVERED_METRIC, UNSUPPORTED_METRIC, VALUE_UNREADABLE, "payload_unreadable"]


@pytest.mark.parametrize("word", [*KEYS, *COUNTERS, *(trouble.counter for trouble in Trouble), *REASONS])
def test_every_word_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE.read_text()


@pytest.mark.parametrize("key", ["payload", "sparkplug"])
def test_the_page_on_mqtt_leads_there(key: str) -> None:
    text = (PAGE.parent / "mqtt.md").read_text()
    assert f"| `{key}` |" in text
    assert "(sparkplug.md)" in text


def test_the_example_file_is_right() -> None:
    text = (shipped("connectors") / "line-3-sparkplug.yaml").read_text()
    file = MqttFile.model_validate(YAML(typ="safe").load(text))
    assert [point.source for point in file.meters[0].points] == ["Plant-1/line-3/main-meter Energy/Import"]
    assert file.sparkplug is not None
    assert [file.sparkplug.takes(name) for name in ("Energy/Export", "Power", "Recipe")] == [True, True, False]
