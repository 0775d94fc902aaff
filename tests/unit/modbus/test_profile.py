"""A profile: its mistakes are named with file and line, and its parameters settle its points."""

from decimal import Decimal
from pathlib import Path

import pytest
from profile_files import OWN, loaded_file, problems, write_profile
from pydantic import ValidationError

from ems_telemetry.connectors.modbus.library import KnownProfile
from ems_telemetry.connectors.modbus.profile import Parameter, Profile
from ems_telemetry.errors import ConfigurationError

METER = "{id: EM-01, unit_id: 1, profile: acme/meter-3, parameters: {unit: kWh}}"
FREQUENCY = "{id: frequency, register: input, address: 0, type: float32, quantity: frequency, unit: Hz}"


def mistakes(folder: Path, text: str) -> list[str]:
    """Tells what is wrong with a profile, each with the line in its file."""
    path = write_profile(folder, text=text)
    with pytest.raises(ConfigurationError) as told:
        KnownProfile("acme/meter-3", path).read()
    return [str(problem).removeprefix(f"{path}:") for problem in told.value.problems]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "type: int32, quantity: active_energy",
            "type: int33, quantity: active_energy",
            '12: type "int33" is not known; did you mean int32?',
        ),
        ("register: input, address: 2", "regster: input, address: 2", '11: key "regster" is not known; did you mean register?'),
        ("sources: [Acme manual, edition 2]", "sources: []", "3: sources needs at least 1"),
        ("point: frequency, range", "point: frequncy, range", '5: point "frequncy" is not known; did you mean frequency?'),
        ("scale_by: [ratio]", "scale_by: [ration]", '11: parameter "ration" is not known; did you mean ratio?'),
        ("scale_by: [ratio]", "scale_by: [unit]", "11: parameter unit is no number and cannot scale"),
        ("scale_by: [ratio]", "when: {mode: 1}", '11: parameter "mode" is not known; known are ratio, unit'),
        ('"{unit}"', '"{unti}"', '12: parameter "unti" is not known; did you mean unit?'),
        ("[Wh, kWh]", "[Wh, kvarh]", '12: unit "kvarh" does not measure active_energy_import (stored in kWh)'),
        ("unit: W,", "unit: kwt,", '11: unit "kwt" is not a unit; did you mean kW?'),
        ("quantity: active_power", "quantity: activ_power", '11: quantity "activ_power" is not known; did you mean'),
        ("{default: 1, ", "{default: 3, choices: [1, 2], ", '7: parameter default "3" is none of 1, 2'),
        ("id: active_power", "id: frequency", '11: point "frequency" is there twice'),
        ("title: Acme Meter 3\n", "", 'title" is missing: Maker and model, as people call it'),
        (
            "addressing: zero_based",
            "addressing: zero-based",
            '4: addressing "zero-based" is not known; did you mean zero_based?',
        ),
    ],
)
def test_a_mistake_in_a_profile_is_named_with_its_line(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in OWN
    (mistake,) = mistakes(tmp_path, OWN.replace(right, wrong))
    assert message in mistake


def test_all_mistakes_of_a_profile_are_named_at_once(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, OWN.replace("type: float32", "type: float").replace("register: input", "register: in"))) == 4


def test_a_connector_file_says_that_the_file_of_its_profile_has_a_mistake_and_where(tmp_path: Path) -> None:
    write_profile(tmp_path, text=OWN.replace("type: float32", "type: float33"))
    (problem,) = problems(tmp_path, METER)
    assert problem == (
        'hall.yaml:5: meter EM-01: its file has mistakes: profiles/acme/meter-3.yaml:10: type "float33" is not known; '
        "did you mean float32?"
    )


def test_a_profile_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "title: [Acme\nmedium: electricity\n")
    assert "is not valid YAML here" in mistake


def test_a_parameter_scales_and_names_a_unit(tmp_path: Path) -> None:
    write_profile(tmp_path)
    parameters = "{ratio: 40, unit: Wh}"
    file = loaded_file(tmp_path, METER.replace("{unit: kWh}", parameters))
    points = {point.id: point for point in file.meters[0].points}
    assert (points["active_power"].scale, points["active_power"].unit) == (Decimal(400), "W")
    assert (points["energy_import"].scale, points["energy_import"].unit) == (Decimal(1), "Wh")


def with_two_units(*choices: str) -> str:
    gas = "{{id: co, register: input, address: 6, type: float32, quantity: co_concentration, unit: mg/Nm3, {more}}}"
    points = "\n".join(f"  - {gas.format(more=choice)}" for choice in choices)
    parameters = "parameters: {shown: {choices: [ppm, mg], meaning: the unit}}"
    return f"title: A\nsources: [A manual]\naddressing: zero_based\n{parameters}\npoints:\n  - {FREQUENCY}\n{points}\n"


def test_one_id_may_stand_for_different_parameters(tmp_path: Path) -> None:
    text = with_two_units("scale: 1.25, when: {shown: ppm}", "when: {shown: [mg]}")
    profile = KnownProfile("a/b", write_profile(tmp_path, text=text)).read()
    scales = {
        shown: [point.get("scale", 1) for point in profile.points_for({"shown": shown}) if point["id"] == "co"]
        for shown in ("ppm", "mg")
    }
    assert scales == {"ppm": [1.25], "mg": [1]}


@pytest.mark.parametrize("other", ["scale: 2", "when: {shown: ppm}", "when: {shown: [mg, ppm]}"])
def test_one_id_may_not_stand_twice_for_one_meter(tmp_path: Path, other: str) -> None:
    (mistake,) = mistakes(tmp_path, with_two_units("when: {shown: ppm}", other))
    assert mistake.startswith('8: point "co" is there twice')


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "parameter unit is missing, one of Wh, kWh: the unit it was ordered with"),
        ({"unit": "MWh"}, 'parameter unit "MWh" is none of Wh, kWh'),
        (
            {"unit": "Wh", "ratio": 0},
            'parameter ratio "0" is not a number above 0: what its transformers divide by',
        ),
        ({"unit": "Wh", "ratio": "forty"}, 'parameter ratio "forty" is not a number above 0'),
        ({"unit": "Wh", "ratio": True}, 'parameter ratio "True" is not a number above 0'),
        ({"unit": "Wh", "ratio": float("nan")}, 'parameter ratio "nan" is not a number above 0'),
        ({"unit": "Wh", "ratio": float("inf")}, 'parameter ratio "inf" is not a number above 0'),
        ({"unit": "Wh", "ratios": 1}, 'parameter "ratios" is not known; did you mean ratio?'),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_named(tmp_path: Path, given: dict[str, object], message: str) -> None:
    profile = KnownProfile("acme/meter-3", write_profile(tmp_path)).read()
    with pytest.raises(ValueError, match=r"^parameter") as told:
        profile.settings_from(given)
    assert str(told.value).startswith(message)


def test_parameters_have_their_defaults_and_a_number_may_stand_in_quotes(tmp_path: Path) -> None:
    profile = KnownProfile("acme/meter-3", write_profile(tmp_path)).read()
    assert profile.settings_from({"unit": "Wh"}) == {"ratio": Decimal(1), "unit": "Wh"}
    assert profile.settings_from({"unit": "Wh", "ratio": 2.5})["ratio"] == Decimal("2.5")
    two = Parameter(meaning="how many", choices=(Decimal(1), Decimal(2)))
    tariffs = profile.model_copy(update={"parameters": {"tariffs": two}})
    for written in (2, 2.0, "2"):
        assert tariffs.settings_from({"tariffs": written}) == {"tariffs": Decimal(2)}
    with pytest.raises(ValueError, match=r"tariffs \"True\" is none of 1, 2"):
        tariffs.settings_from({"tariffs": True})


@pytest.mark.parametrize("hole", [{"register": "input", "first": 5, "last": 4}, {"register": "inputs", "first": 4, "last": 5}])
def test_a_hole_that_cannot_be_is_refused(hole: dict[str, object]) -> None:
    written = {"title": "A", "sources": ["A manual"], "addressing": "zero_based", "holes": [hole]}
    with pytest.raises(ValidationError, match=r"lies behind last|input"):
        Profile.model_validate({**written, "points": [{"id": "a"}]})
