"""The command as people type it: what it prints, and how it ends."""

import json
import re
import shutil
from pathlib import Path

import pytest
from acceptance.product import command
from evidence_packs import contents
from typer.testing import CliRunner

from ems_telemetry.cli.main import make_app
from ems_telemetry.evidence.pack import build_pack
from ems_telemetry.evidence.signing import SigningKey

VERBS = [
    "audit",
    "backfill",
    "check",
    "config",
    "dead-letters",
    "demo",
    "evidence",
    "export",
    "factors",
    "import",
    "init",
    "intervals",
    "keys",
    "meters",
    "migrate",
    "modbus",
    "mqtt",
    "opcua",
    "pause-writes",
    "profiles",
    "register",
    "reload",
    "resume-writes",
    "run",
    "schema",
    "simulate",
    "spool",
    "status",
]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example files, as `init` writes them."""
    folder = tmp_path_factory.mktemp("init") / "plant"
    done = command("init", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def plant(examples: Path, tmp_path: Path) -> Path:
    """The example files for one test, which may change them."""
    return shutil.copytree(examples, tmp_path / "plant")


def test_help_lists_the_verbs_that_exist_and_no_others() -> None:
    done = command("--help", environment={"COLUMNS": "120", "TERM": "dumb"})
    commands = done.stdout.partition("Commands")[2]
    assert sorted(re.findall(r"^│ ([a-z-]+)  ", commands, re.MULTILINE)) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    done = CliRunner().invoke(make_app(verb), [verb, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_an_unknown_verb_is_a_mistake_of_usage() -> None:
    assert command("chekc").returncode == 2


def test_the_examples_that_init_writes_are_in_order(plant: Path) -> None:
    done = command("check", cwd=plant)
    assert done.returncode == 0, done.stderr
    assert "all files are in order" in done.stdout
    assert "EM-01" in done.stdout


def test_init_overwrites_nothing(plant: Path) -> None:
    before = (plant / "config/plant.yaml").read_text()
    done = command("init", str(plant))
    assert done.returncode == 1
    assert "would be overwritten" in done.stderr
    assert (plant / "config/plant.yaml").read_text() == before


def test_a_planted_error_is_named_with_its_file_and_line(plant: Path) -> None:
    file = plant / "connectors/water-broker.yaml"
    lines = file.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "quantity: water_volume" in text)
    lines[line - 1] = lines[line - 1].replace("unit: m3", "unit: m33")
    file.write_text("\n".join(lines))
    done = command("check", cwd=plant)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f'connectors/water-broker.yaml:{line}: point WM-02.volume: unit "m33" is not a unit; did you mean m3?' in done.stderr


def test_run_refuses_a_wrong_configuration_before_anything_is_opened(plant: Path) -> None:
    (plant / "connectors/water-broker.yaml").write_text("type: mqtt\n")
    done = command("run", cwd=plant)
    assert done.returncode == 2
    assert '"endpoint" is missing' in done.stderr
    assert not (plant / "var").exists()


def test_check_gives_json_for_scripts(plant: Path) -> None:
    done = command("check", "--json", cwd=plant)
    points = {point["point"]: point for point in json.loads(done.stdout)["points"]}
    assert points["WM-02.volume"]["unit"] == "m3"
    assert points["WM-02.volume"]["source"] == "plant/utilities/wm02/telemetry $.total_m3"


@pytest.mark.parametrize("file", ["connector", "plant", "service"])
def test_schema_prints_a_json_schema(file: str) -> None:
    schema = json.loads(command("schema", file).stdout)
    assert schema["$schema"].startswith("https://json-schema.org/draft/2020-12")


def test_the_schema_of_connectors_accepts_the_examples_and_refuses_a_wrong_key(plant: Path) -> None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - the only test that needs it
    from ruamel.yaml import YAML  # noqa: PLC0415 - see above

    validator = Draft202012Validator(json.loads(command("schema", "connector").stdout))
    for file in sorted((plant / "connectors").glob("*.yaml")):
        data = YAML(typ="safe").load(file.read_text())
        assert validator.is_valid(data), file.name
        assert not validator.is_valid({**data, "endpiont": "x"}), file.name


def test_a_pack_is_verified_without_any_plant(tmp_path: Path) -> None:
    made = command("evidence", "key", "make", "signing.pem", "--json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    build_pack(tmp_path / "march.zip", contents(), SigningKey.load(tmp_path / "signing.pem"))
    trusted = json.loads(made.stdout)["public_key"]
    sound = command("evidence", "verify", "march.zip", "--key", trusted, cwd=tmp_path)
    assert (sound.returncode, sound.stderr) == (0, "")
    assert "the key you trust" in sound.stdout
    assert command("evidence", "verify", "march.zip", "--key", "00" * 32, cwd=tmp_path).returncode == 1
    assert command("evidence", "verify", "april.zip", cwd=tmp_path).returncode == 2
    assert command("evidence", "verify", "march.zip", "--key", "april.pem", cwd=tmp_path).returncode == 2
