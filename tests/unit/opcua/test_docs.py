"""The page on OPC UA names every key, and the example file is a right one."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ems_telemetry.config.connector import ConnectorFile, Point
from ems_telemetry.connectors.opcua.access import OpcUaUser, Security
from ems_telemetry.connectors.opcua.file import History, OpcUaFile, OpcUaPoint
from ems_telemetry.connectors.opcua.refusals import Cause
from ems_telemetry.shipped import shipped

PAGE = Path(__file__).parents[3] / "docs" / "connectors" / "opcua.md"
OWN_KEYS = (
    (set(OpcUaFile.model_fields) - set(ConnectorFile.model_fields))
    | (set(OpcUaPoint.model_fields) - set(Point.model_fields))
    | set(Security.model_fields)
    | set(OpcUaUser.model_fields)
    | set(History.model_fields)
)


@pytest.mark.parametrize("key", sorted(OWN_KEYS))
def test_every_key_is_on_the_page(key: str) -> None:
    assert f"`{key}`" in PAGE.read_text()


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_of_a_gap_is_on_the_page_and_in_the_database_s(cause: Cause) -> None:
    assert f"| `{cause}` |" in PAGE.read_text()
    assert f"`{cause}`" in (PAGE.parents[1] / "database.md").read_text()


def test_the_example_file_is_right() -> None:
    text = (shipped("connectors") / "compressor-plc.yaml").read_text()
    file = OpcUaFile.model_validate(YAML(typ="safe").load(text))
    assert [point.source for point in file.meters[0].points] == ["nsu=urn:plc:air;s=Air.Total", "nsu=urn:plc:air;s=Air.Flow"]
