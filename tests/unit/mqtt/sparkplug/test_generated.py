"""What protoc made of the schema is what stands in the repository."""

import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[4] / "src"
FOLDER = Path("ems_telemetry/connectors/mqtt/sparkplug")


@pytest.mark.parametrize("name", ["sparkplug_b_pb2.py", "sparkplug_b_pb2.pyi"])
def test_the_schema_makes_what_is_here(tmp_path: Path, name: str) -> None:
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={SRC}",
        f"--python_out={tmp_path}",
        f"--pyi_out={tmp_path}",
    ]
    subprocess.run([*command, str(FOLDER / "sparkplug_b.proto")], check=True, cwd=SRC, timeout=60)  # noqa: S603 - ourselves
    assert (tmp_path / FOLDER / name).read_text() == (SRC / FOLDER / name).read_text()
