import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ems_telemetry.connectors.contract import ENTRY_POINT_GROUP
from ems_telemetry.connectors.opcua import CONNECTOR_TYPE
from ems_telemetry.connectors.opcua.file import OpcUaFile

POINT = {"id": "flow", "quantity": "gas_volume", "unit": "Nm3/h", "node": "ns=2;s=Air.Flow"}


def file_with(**changes: object) -> OpcUaFile:
    keys: dict[str, Any] = {
        "type": "opcua",
        "endpoint": "opc.tcp://10.20.0.40:4840",
        "site": "BER1",
        "meters": [{"id": "CA-01", "points": [POINT]}],
    }
    return OpcUaFile.model_validate({**keys, **changes})


def with_point(**changes: object) -> OpcUaFile:
    return file_with(meters=[{"id": "CA-01", "points": [{**POINT, **changes}]}])


def test_a_short_file_is_enough() -> None:
    file = file_with()
    (point,) = file.meters[0].points
    assert (file.sampling_interval, file.publishing_interval, point.queue_size) == (None, 1.0, 10)
    assert point.source == "ns=2;s=Air.Flow"


def test_the_connector_is_found_by_its_entry_point() -> None:
    assert CONNECTOR_TYPE.name == "opcua"
    assert CONNECTOR_TYPE.file is OpcUaFile
    (found,) = entry_points(group=ENTRY_POINT_GROUP, name="opcua")
    assert found.load() is CONNECTOR_TYPE


def test_checking_a_file_does_not_load_the_protocol_library() -> None:
    program = "import sys, ems_telemetry.connectors.opcua; sys.exit('asyncua' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603  our own program


@pytest.mark.parametrize(
    "endpoint",
    [
        "10.20.0.40:4840",
        "opc.tcp://10.20.0.40",
        "opc.tcp://:4840",
        "http://plc:4840",
        "opc.tcp://plc:port",
        "opc.tcp://[::1:4840",
    ],
)
def test_an_endpoint_must_be_complete(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="is not an OPC UA endpoint"):
        file_with(endpoint=endpoint)


@pytest.mark.parametrize("endpoint", ["opc.tcp://plc:4840", "opc.tcp://plc:4840/UA/Server", "opc.tcp://[::1]:4840"])
def test_endpoints_with_names_paths_and_ipv6_are_taken(endpoint: str) -> None:
    assert file_with(endpoint=endpoint).endpoint_text == endpoint


def test_a_password_in_the_endpoint_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        file_with(endpoint="opc.tcp://ems:hunter2@plc:4840")
    assert "holds a user" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"node": "Air.Flow"}, "is not a node id"),
        ({"deadband": 0}, "greater than 0"),
        ({"deadband": float("inf")}, "finite"),
        ({"queue_size": 0}, "greater than or equal to 1"),
        ({"sampling_interval": "50"}, "is not a duration"),
    ],
)
def test_a_wrong_point_is_refused(changes: dict[str, object], hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        with_point(**changes)


@pytest.mark.parametrize(
    ("security", "hint"),
    [
        ({"policy": "Basic256Sha256", "mode": "None"}, "does not go with"),
        ({"policy": "None", "mode": "Sign"}, "does not go with"),
        ({"policy": "Basic256", "mode": "Sign"}, "Input should be"),
        ({"policy": "Basic256Sha256", "mode": "Sign", "certificate": "/no/such.der", "key": "/no/such.pem"}, "cannot be read"),
    ],
)
def test_security_that_cannot_work_is_refused(security: dict[str, str], hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        file_with(security=security)


def test_security_with_certificate_and_key_is_taken(tmp_path: Path) -> None:
    for name in ("own.der", "own.pem"):
        (tmp_path / name).write_bytes(b"-")
    paths = {"certificate": str(tmp_path / "own.der"), "key": str(tmp_path / "own.pem")}
    assert file_with(security={"policy": "Aes256_Sha256_RsaPss", "mode": "Sign", **paths}).security.key
