"""The verbs that list and show profiles, with and without a plant."""

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from profile_files import OWN, write_plant, write_profile
from typer.testing import CliRunner, Result

from ems_telemetry.cli.main import make_app
from ems_telemetry.cli.profiles_shown import snippet
from ems_telemetry.config.load import load
from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.library import KnownProfile, Library
from ems_telemetry.errors import ConfigurationError

METER = "{id: EM-02, unit_id: 9, profile: eastron/sdm120}"
NAMES = [known.name for known in Library().all()]


@pytest.fixture(autouse=True)
def _nowhere_in_particular(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMS_TELEMETRY_CONFIG", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(make_app(), ["profiles", *arguments])


def listed(*arguments: str) -> Sequence[dict[str, Any]]:
    result = run("list", "--json", *arguments)
    assert result.exit_code == 0
    profiles: Sequence[dict[str, Any]] = json.loads(result.stdout)["profiles"]
    return profiles


def test_without_a_plant_the_shipped_profiles_are_listed() -> None:
    result = run("list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["name", "title", "medium", "points", "proved", "sources"]
    assert [line.split()[0] for line in lines[1:-1]] == NAMES
    (sdm120,) = [line for line in lines if line.startswith("eastron/sdm120 ")]
    assert "  Eastron SDM120 Modbus  " in sdm120
    assert sdm120.split()[-4:] == ["electricity", "11", "hardware", "3"]
    assert lines[-1] == f"{len(NAMES)} profile(s); `ems-telemetry profiles show NAME` tells more"


def test_the_list_is_narrowed_by_medium_and_by_words_of_name_and_title() -> None:
    assert {profile["medium"] for profile in listed("--medium", "steam")} == {"steam"}
    assert [profile["name"] for profile in listed("SDM120")] == ["eastron/sdm120"]
    assert [profile["name"] for profile in listed("krohne", "steam")] == ["krohne/gfc-300-steam"]
    assert listed("krohne", "--medium", "electricity") == []
    assert run("list", "--medium", "stem").exit_code == 2


def test_a_list_for_scripts_holds_everything() -> None:
    (tva,) = listed("spirax-sarco/tva")
    assert (tva["proved"], tva["first_read"]) == ("documents", {"point": "temperature", "range": [1.0, 260.0]})
    assert tva["identity"] == [{"register": "holding", "address": 10, "type": "uint16", "expect": [0]}]
    assert tva["points"][0] == {
        "point": "mass",
        "register": "holding",
        "address": 0,
        "type": "uint32",
        "order": "CDAB",
        "scale": "1",
        "unit": "kg",
        "quantity": "steam_mass",
        "kind": "counter",
        "when": {},
        "invalid": [],
        "rollover_at": None,
    }
    assert [source for profile in listed() for source in profile["sources"]]


def test_a_profile_is_shown_with_all_an_engineer_must_know() -> None:
    shown = run("show", "onicon/system-30")
    assert shown.exit_code == 0
    for words in (
        "Onicon System-30 BTU meter (onicon/system-30)",
        "proved:   documents",
        "source:   Onicon System-30 BTU Measurement System manual",
        "proof:    flow_temperature is read first and must be 1 to 150 degC",
        "words of length 3 to base 1000",
        "    profile: onicon/system-30",
    ):
        assert words in shown.stdout
    (energy,) = [line for line in shown.stdout.splitlines() if line.startswith("energy ")]
    assert energy.split()[1:3] == ["holding", "25"]


def test_parameters_exponents_identities_and_conditions_are_shown() -> None:
    ethermeter = run("show", "scadametrics/ethermeter").stdout
    assert "parameter flow_time: the time of the flow set in the EtherMeter (min, h, s; must be said)" in ethermeter
    assert "uint32, exponent at 20" in ethermeter
    assert "identity: holding 602 uint16 must be 25 or 6400" in run("show", "siemens/mass-6000").stdout
    assert (
        "parameter totalizer_1: what totalizer 1 is set to (mass, volume; mass if not said)"
        in run("show", "siemens/mass-6000").stdout
    )
    assert "tariffs: 2" in run("show", "siemens/pac3200").stdout
    assert "SunSpec   TotWhImp" in run("show", "sunspec/meter").stdout


def test_a_profile_is_shown_for_scripts() -> None:
    shown = json.loads(run("show", "siemens/pac3200", "--json").stdout)
    assert shown["parameters"][0]["choices"] == ["1", "2"]
    assert {point["rollover_at"] for point in shown["points"]} == {None, "1000000000000"}


def test_an_unknown_profile_is_refused_with_what_was_meant() -> None:
    result = run("show", "sdm603")
    assert isinstance(result.exception, ConfigurationError)
    assert "is not known" in str(result.exception)


def plant(folder: Path) -> tuple[str, str]:
    return "--config", str(write_plant(folder, METER))


def test_the_plants_own_profiles_are_listed_and_shown(tmp_path: Path) -> None:
    write_profile(tmp_path)
    config = plant(tmp_path)
    assert [profile["name"] for profile in listed("acme", *config)] == ["acme/meter-3"]
    shown = run("show", "acme/meter-3", *config).stdout
    assert f"file:     {tmp_path}/connectors/profiles/acme/meter-3.yaml" in shown
    assert "10 * ratio" in shown


def test_a_profile_with_a_mistake_is_told_of_and_does_not_hide_the_others(tmp_path: Path) -> None:
    write_profile(tmp_path, text=OWN.replace("float32", "flot32"))
    result = run("list", "sdm120", *plant(tmp_path))
    assert result.exit_code == 2
    assert "acme/meter-3.yaml:10: " in result.stderr
    assert "eastron/sdm120" in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_lines_shown_for_a_connector_file_check_as_they_are(name: str, tmp_path: Path) -> None:
    known: KnownProfile = Library().find(name)
    service = write_plant(tmp_path, METER)
    with (tmp_path / "connectors/hall.yaml").open("a") as file:
        file.write(snippet(known, known.read()) + "\n")
    configuration = load(service, {"modbus": CONNECTOR_TYPE.file})
    assert [meter.profile for meter in configuration.connectors[0].file.meters] == ["eastron/sdm120", name]


def test_the_lines_shown_are_indented_as_below_meters() -> None:
    known = Library().find("eastron/sdm630")
    lines = ["- id: EM-01", "  unit_id: 1", "  profile: eastron/sdm630"]
    assert snippet(known, known.read()) == indent("\n".join(lines), "  ")


def test_init_copies_no_profiles(tmp_path: Path) -> None:
    result = CliRunner().invoke(make_app(), ["init", str(tmp_path / "plant")])
    assert result.exit_code == 0
    assert not (tmp_path / "plant/connectors/profiles").exists()
    assert (tmp_path / "plant/connectors/hall-1-switchboard.yaml").exists()
