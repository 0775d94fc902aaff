"""The verbs that look into OPC UA servers: their options are documented, and they stay light until they connect."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from ems_telemetry.cli.check import check
from ems_telemetry.cli.opcua_browsing import add_to
from ems_telemetry.cli.opcua_target import Login, find_target
from ems_telemetry.errors import ConfigurationError

COMMANDS = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
ENDPOINT = "opc.tcp://10.20.0.40:4840"


def options() -> list[str]:
    app = typer.Typer()
    add_to(app)
    app.command("check")(check)
    verbs = get_command(app).commands  # type: ignore[attr-defined]  # a group, since there are several verbs
    return sorted(
        {option for verb in verbs.values() for parameter in verb.params for option in parameter.opts if "--" in option}
    )


@pytest.mark.parametrize("option", options())
def test_every_option_is_documented(option: str) -> None:
    assert f"`{option}" in COMMANDS or f", `{option}" in COMMANDS or f" {option}`" in COMMANDS


@pytest.mark.parametrize("verb", ["opcua endpoints", "opcua browse", "opcua read", "check --live"])
def test_every_verb_is_documented(verb: str) -> None:
    assert f"### `{verb}" in COMMANDS


def test_the_command_line_does_not_load_the_protocols_library() -> None:
    program = "import sys, ems_telemetry.cli.main; sys.exit('asyncua' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - ourselves


def test_a_connector_is_found_by_its_name_and_its_file_with_its_security_and_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLC_PASSWORD", "secret")
    config = tmp_path / "config" / "ems-telemetry.yaml"
    for folder in ("config", "connectors"):
        (tmp_path / folder).mkdir()
    config.write_text("pki: {directory: pki}")
    file = tmp_path / "connectors" / "plc.yaml"
    file.write_text(f'{{type: opcua, endpoint: "{ENDPOINT}", site: X, user: {{name: ems, password: "${{PLC_PASSWORD}}"}}}}')
    for endpoint in ("plc", str(file)):
        target = find_target(endpoint, config, Login())
        assert target.file.endpoint == ENDPOINT
        assert target.pki_directory == config.parent / "pki"
        assert target.user == {"name": "ems", "password": "${PLC_PASSWORD}"}
    secured = find_target("plc", config, Login(security="Basic256Sha256:Sign"))
    assert secured.security == {"policy": "Basic256Sha256", "mode": "Sign"}
    assert secured.file.user is not None
    with pytest.raises(ConfigurationError, match="did you mean plc"):
        find_target("plcc", config, Login())


@pytest.mark.parametrize(
    ("endpoint", "security", "words"),
    [
        ("opc.tcp://plc", None, "is not an OPC UA endpoint"),
        ("opc.tcp://ems:secret@plc:4840", None, "holds a user"),
        (ENDPOINT, "Basic256Sha256:None", "does not go with mode None"),
        (ENDPOINT, "Basic:Sign", "Basic256Sha256"),
        ("plc", None, "neither a URL"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_connected(
    endpoint: str, security: str | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=words) as told:
        find_target(endpoint, tmp_path / "absent.yaml", Login(security=security))
    assert "secret" not in str(told.value)


def test_without_a_configuration_it_is_said_where_certificates_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    target = find_target(ENDPOINT, Path("config/ems-telemetry.yaml"), Login(security="Basic256Sha256"))
    assert target.security == {"policy": "Basic256Sha256", "mode": "SignAndEncrypt"}
    assert str(tmp_path / "var" / "pki") in capsys.readouterr().err
