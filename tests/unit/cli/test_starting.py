"""A command loads what it needs, and no library that waits for another command: users wait for each of them to start."""

import json
import subprocess
import sys
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent

import pytest
from acceptance.three_protocols import modbus_file, mqtt_file, opcua_file
from typer.main import get_command

from ems_telemetry.cli.main import make_app
from ems_telemetry.cli.verbs import VERBS

LIBRARIES = (
    "asyncua",
    "pymodbus",
    "serial",
    "paho",
    "google.protobuf",
    "fastapi",
    "uvicorn",
    "httpx",
    "numpy",
    "pint",
    "pyarrow",
)
SETTINGS = 'database: {url: "postgresql://127.0.0.1:1/none"}\nspool: {directory: ../var/spool}\n'
PLANT = "sites:\n  - {id: BER1, name: Berlin works, timezone: Europe/Berlin}\n"


def plant(folder: Path, **connectors: str) -> Path:
    for sub in ("config", "connectors"):
        (folder / sub).mkdir()
    for name, text in connectors.items():
        (folder / "connectors" / f"{name}.yaml").write_text(dedent(text))
    (folder / "config" / "plant.yaml").write_text(PLANT)
    service = folder / "config" / "ems-telemetry.yaml"
    service.write_text(SETTINGS)
    return service


def first_paragraph(text: str) -> str:
    return cleandoc(text).partition("\n\n")[0].replace("\n", " ")


def loaded(*arguments: str) -> set[str]:
    """Runs a command in a Python of its own; gives the modules it loaded."""
    program = dedent("""
        import json, sys
        from ems_telemetry.cli.main import main
        try:
            main()
        finally:
            print(json.dumps(sorted(sys.modules)), file=sys.stderr)
    """)
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    *_, last = done.stderr.splitlines()
    assert done.returncode == 0, done.stderr[:2000]
    return set(json.loads(last))


def test_check_of_all_three_protocols_loads_no_library_of_theirs(tmp_path: Path) -> None:
    config = plant(
        tmp_path,
        air=opcua_file("opc.tcp://127.0.0.1:1"),
        meters=modbus_file(1),
        water=mqtt_file("mqtt://127.0.0.1:1"),
    )
    assert not loaded("check", "--config", str(config)) & {*LIBRARIES, "psycopg"}


def test_a_protocol_that_a_plant_does_not_have_is_not_loaded(tmp_path: Path) -> None:
    config = plant(tmp_path, water=mqtt_file("mqtt://127.0.0.1:1"))
    modules = loaded("check", "--config", str(config))
    assert "ems_telemetry.connectors.mqtt" in modules
    assert not modules & {f"ems_telemetry.connectors.{other}" for other in ("modbus", "opcua", "manual")}


def test_help_says_of_each_verb_what_the_verb_says_of_itself() -> None:
    verbs = get_command(make_app()).commands  # type: ignore[attr-defined]  # a group, since there are several verbs
    said = {name: first_paragraph(verb.help) for name, verb in verbs.items()}
    assert {name: verb.summary for name, verb in VERBS.items()} == said
    assert list(VERBS) == sorted(VERBS)


def test_help_and_the_version_load_no_verb() -> None:
    for option in ("--help", "--version", "-h"):
        modules = loaded(option)
        assert not modules & {*LIBRARIES, "ems_telemetry.cli.run", "ems_telemetry.service", "ems_telemetry.api", "psycopg"}, (
            option
        )


def test_a_verb_after_options_is_that_verb_and_not_its_line_of_the_list() -> None:
    assert "ems_telemetry.cli.schema" in loaded("--", "schema", "service")


@pytest.mark.parametrize("verb", ["migrate", "keys", "dead-letters", "import", "status", "pause-writes", "reload"])
def test_a_verb_loads_neither_the_api_nor_a_protocol(verb: str) -> None:
    assert not loaded(verb, "--help") & set(LIBRARIES)
