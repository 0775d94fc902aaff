"""Profiles are found by their names: the plant's own before those that are shipped."""

from pathlib import Path

import pytest
from profile_files import OWN, loaded_file, meter_of, problems, write_plant, write_profile

from ems_telemetry.config.load import connector_paths, load_settings
from ems_telemetry.connectors.modbus.library import Library
from ems_telemetry.shipped import shipped


def test_a_shipped_profile_is_found_without_a_plant() -> None:
    known = Library().find("eastron/sdm630")
    assert known.path == shipped("connectors") / "profiles/eastron/sdm630.yaml"
    assert known.read().title == "Eastron SDM630 Modbus"


def test_a_profile_of_the_plant_comes_before_a_shipped_one_of_its_name(tmp_path: Path) -> None:
    write_profile(tmp_path, "eastron/sdm630")
    library = Library(tmp_path / "connectors")
    assert library.find("eastron/sdm630").read().title == "Acme Meter 3"
    assert library.find("eastron/sdm120").read().title == "Eastron SDM120 Modbus"
    file = loaded_file(tmp_path, meter_of("eastron/sdm630", {"unit": "kWh"}))
    assert [point.id for point in file.meters[0].points] == ["frequency", "active_power", "energy_import"]


def test_all_profiles_are_listed_once_by_their_names(tmp_path: Path) -> None:
    write_profile(tmp_path, "eastron/sdm630")
    write_profile(tmp_path)
    names = [known.name for known in Library(tmp_path / "connectors").all()]
    assert names == sorted({*(known.name for known in Library().all()), "acme/meter-3"})


def test_a_profile_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = write_profile(tmp_path)
    library = Library(tmp_path / "connectors")
    assert library.find("acme/meter-3").read().title == "Acme Meter 3"
    path.write_text(OWN.replace("Acme Meter 3", "Acme Meter Three"))
    assert library.find("acme/meter-3").read().title == "Acme Meter Three"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("sdm630", 'profile "sdm630" is not known; did you mean eastron/sdm630?'),
        ("SDM630", 'profile "SDM630" is not known; did you mean eastron/sdm630?'),
        ("eastron/sdm639", 'profile "eastron/sdm639" is not known; did you mean eastron/sdm630?'),
        ("zzz/zzz", 'profile "zzz/zzz" is not known; `ems-telemetry profiles list` shows all'),
        ("../../etc/passwd", "is not known"),
        ("eastron/../eastron/sdm630", "is not known"),
        ("/etc/passwd", "is not known"),
        ("", "is not known"),
    ],
)
def test_a_name_that_leads_nowhere_or_elsewhere_is_refused_with_what_was_meant(name: str, remedy: str) -> None:
    with pytest.raises(ValueError, match="is not known") as told:
        Library().find(name)
    assert remedy in str(told.value)


def test_an_unknown_profile_is_named_with_file_and_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "{id: EM-01, unit_id: 1, profile: eastron/sdm360}")
    assert problem.startswith('hall.yaml:5: meter EM-01: profile "eastron/sdm360" is not known; did you mean eastron/sdm')
    assert problem.endswith("`ems-telemetry profiles list` shows all")


def test_profiles_beside_connector_files_are_taken_for_no_connectors(tmp_path: Path) -> None:
    write_profile(tmp_path)
    service = write_plant(tmp_path, "{id: EM-01, unit_id: 1, profile: eastron/sdm120}")
    assert [path.name for path in connector_paths(service, load_settings(service, {}))] == ["hall.yaml"]
