"""Every shipped profile loads, checks and is planned within its limits, and is documented."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from profile_files import all_settings, loaded, loaded_file, meter_of, write_profile
from servers.meter_model import LAYOUTS, settings_for

from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.connectors.modbus.library import KnownProfile, Library
from ems_telemetry.connectors.modbus.plan import Block, Poll, plan_polls
from ems_telemetry.connectors.modbus.profile import Profile, Proved
from ems_telemetry.connectors.modbus.sunspec_models import MODELS
from ems_telemetry.model import Kind

DOCS = Path(__file__).parents[3] / "docs"
PROFILES = list(Library().all())
UNITS: Mapping[str, int] = {known.name: place for place, known in enumerate(PROFILES, 1)}

PHASED = ("active_power", "reactive_power", "apparent_power", "power_factor", "energy_import", "energy_export")
TARIFFED = ("energy_import", "energy_export", "reactive_energy_import", "reactive_energy_export")
ELECTRICITY: Mapping[str, str] = {
    **{f"voltage_l{phase}": "voltage" for phase in "123"},
    **{f"voltage_l{one}_l{other}": "voltage" for one, other in ("12", "23", "31")},
    **{f"current_{line}": "current" for line in ("l1", "l2", "l3", "n")},
    **{name: name for name in ("active_power", "reactive_power", "apparent_power", "power_factor", "frequency")},
    "energy_import": "active_energy_import",
    "energy_export": "active_energy_export",
    "reactive_energy_import": "reactive_energy_import",
    "reactive_energy_export": "reactive_energy_export",
}
FLOWS: Mapping[str, set[str]] = {
    "volume": {"water_volume", "gas_volume", "compressed_air_volume"},
    "flow": {"water_flow", "gas_flow", "compressed_air_flow"},
    "volume_operating": {"gas_volume_operating"},
    "flow_operating": {"gas_flow_operating"},
    "mass": {"mass", "steam_mass"},
    "mass_flow": {"mass_flow", "steam_flow"},
    "energy": {"heat_energy", "steam_energy"},
    "power": {"heat_power"},
    **{key: {"temperature"} for key in ("flow_temperature", "return_temperature", "temperature")},
    "pressure": {"pressure", "gauge_pressure"},
}
GASES = ("so2", "nox", "co", "co2", "nh3")
STATES = ("malfunction", "maintenance_request", "maintenance", "out_of_specification", "live", "system_ok")
CHECKS = ("invalid_concentration", "zero_check", "span_check")
TABLE: Mapping[str, set[str]] = {
    **{name: {quantity} for name, quantity in ELECTRICITY.items()},
    **{f"{name}_l{phase}": {ELECTRICITY[name]} for name in PHASED for phase in "123"},
    **{f"{name}_t{tariff}": {ELECTRICITY[name]} for name in TARIFFED for tariff in "12"},
    **FLOWS,
    **{f"{gas}_concentration": {f"{gas}_concentration"} for gas in GASES},
    "oxygen_content": {"oxygen_content"},
    "moisture_content": {"moisture_content"},
    **{key: {"operating_state"} for key in (*STATES, *CHECKS)},
}
"""The ids that dashboards rely on, as docs/profiles.md promises them, and what each measures."""
OUTSIDE_THE_TABLE: Mapping[str, str] = {
    "coil_temperature": "the only value of a magnetic flow meter that physics bounds, so it proves the map",
    "sound_velocity": "the only value of an ultrasonic meter that physics bounds, so it proves the map",
    "supply_voltage": "the only value of a pulse converter that is known beforehand, so it proves the map",
    "volume_reverse": "air that flows back is counted apart, and belongs to no sum",
}
PROVED_BY_NOTHING: Mapping[str, str] = {"eastron/sdm72": "it has neither a voltage nor a frequency, and does not say its model"}
COUNTED = re.compile(r"(energy|volume|mass)(_|$)")
HARDWARE_SOURCES = ("read from", "evcc-io/evcc", "whose notes call the map read from hardware")


def each(known: list[KnownProfile]) -> Iterator[object]:
    return (pytest.param(profile, id=profile.name) for profile in known)


@pytest.fixture(params=each(PROFILES))
def known(request: pytest.FixtureRequest) -> KnownProfile:
    assert isinstance(request.param, KnownProfile)
    return request.param


@pytest.fixture
def profile(known: KnownProfile) -> Profile:
    return known.read()


def ids_of(profile: Profile) -> list[str]:
    return [point.id for point in profile.points]


def test_the_library_covers_each_medium_a_plant_meters() -> None:
    media = [known.read().medium for known in PROFILES]
    assert len(PROFILES) >= 34
    assert {"electricity", "heat", "water", "gas", "steam", "compressed_air", "stack_gas"} <= set(media)


def test_its_name_is_lower_case_and_its_title_is_for_people(known: KnownProfile, profile: Profile) -> None:
    assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", known.name)
    assert profile.title != known.name
    assert profile.medium is not None


def test_it_names_its_sources_and_what_it_was_proved_by(profile: Profile) -> None:
    assert all(len(source) > 15 for source in profile.sources)
    tells_of_hardware = any(words in source for source in profile.sources for words in HARDWARE_SOURCES)
    assert profile.proved is Proved.DOCUMENTS or tells_of_hardware


def test_every_point_checks_as_in_a_connector_file_with_each_of_its_parameters(
    known: KnownProfile, profile: Profile, tmp_path: Path
) -> None:
    for settings in all_settings(profile):
        configuration = loaded(tmp_path, meter_of(known.name, settings))
        wanted = [point["id"] for point in profile.points_for(settings)]
        assert [point.point.id for point in configuration.points] == wanted


def test_it_is_planned_within_its_limits(known: KnownProfile, profile: Profile, tmp_path: Path) -> None:
    file = loaded_file(tmp_path, meter_of(known.name, settings_for(profile)))
    (poll,) = plan_polls(file)
    for block in poll.blocks:
        assert block.count <= (profile.max_registers or 125)
        assert all(first >= block.address + block.count or end <= block.address for first, end in holes(poll, block))
    read = [point for block in poll.blocks for point in block.points]
    assert len(read) == len(file.meters[0].points) or profile.sunspec


def holes(poll: Poll, block: Block) -> Iterator[tuple[int, int]]:
    return ((first, end) for table, first, end in poll.limits.holes if table is block.table)


def test_its_ids_are_those_that_dashboards_rely_on(profile: Profile) -> None:
    for point in profile.points:
        if point.id not in OUTSIDE_THE_TABLE:
            assert point.quantity in TABLE[point.id]


def test_what_counts_is_a_counter_and_nothing_else(profile: Profile) -> None:
    for point in profile.points:
        is_counted = bool(COUNTED.search(point.id)) and "flow" not in point.id
        assert (point.kind is Kind.COUNTER) == is_counted, point.id
        assert (point.kind is Kind.STATE) == (point.quantity == "operating_state"), point.id


def test_what_proves_it_is_a_point_of_every_meter_and_the_frequency_where_there_is_one(
    known: KnownProfile, profile: Profile
) -> None:
    if profile.sunspec:
        return
    assert bool(profile.first_read or profile.identity) != (known.name in PROVED_BY_NOTHING)
    if "frequency" in ids_of(profile):
        assert profile.first_read is not None
        assert (profile.first_read.point, profile.first_read.range) == ("frequency", (45, 65))
    if profile.first_read is not None:
        low, high = profile.first_read.range
        assert 0 < low < high  # an empty register reads 0, a float in the wrong order nearly 0
        assert all(not point.when for point in profile.points if point.id == profile.first_read.point)


@pytest.mark.parametrize("name", OUTSIDE_THE_TABLE)
def test_every_id_outside_the_table_is_used(name: str) -> None:
    assert any(name in ids_of(known.read()) for known in PROFILES)


@pytest.mark.parametrize("name", [*TABLE, *OUTSIDE_THE_TABLE])
def test_every_id_is_documented(name: str) -> None:
    assert f"`{name}`" in (DOCS / "profiles.md").read_text()


def test_every_profile_is_named_in_the_documentation_with_what_proved_it(known: KnownProfile, profile: Profile) -> None:
    assert f"| `{known.name}` | {profile.title} | {profile.proved} |" in (DOCS / "profiles.md").read_text()


def test_the_documentation_names_no_profile_that_is_not_shipped() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+/[a-z0-9-]+)` \|", (DOCS / "profiles.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(UNITS)


def test_the_example_of_the_documentation_is_a_profile(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(title: .*?)```", (DOCS / "profiles.md").read_text(), re.DOTALL)
    profile = KnownProfile("acme/power-3", write_profile(tmp_path, "acme/power-3", examples[0])).read()
    keys = set(Profile.model_fields) - {"sunspec"}
    assert all(re.search(rf"^{key}:", examples[0], re.MULTILINE) for key in keys)
    assert loaded(tmp_path, meter_of("acme/power-3", settings_for(profile))).points


def test_the_profiles_travel_in_the_wheel() -> None:
    pyproject = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())
    included = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["connectors"] == "ems_telemetry/shipped/connectors"


def test_the_quantities_of_the_table_exist() -> None:
    assert {quantity for quantities in TABLE.values() for quantity in quantities} <= set(QUANTITIES)


@pytest.mark.parametrize("model_id", LAYOUTS)
def test_the_fields_of_sunspec_models_lie_where_their_definitions_say(model_id: int) -> None:
    defined = {name: tuple(field) for name, field in LAYOUTS[model_id]["fields"].items()}
    assert {name: (field.type.value, field.offset, field.exponent) for name, field in MODELS[model_id].items()} == defined


def test_not_implemented_is_told_from_a_value_in_sunspec_models() -> None:
    fields = MODELS[203]
    assert fields["W"].sentinels == {-32768}
    assert fields["TotWhImp"].sentinels == frozenset()
    assert MODELS[103]["AphA"].sentinels == {65535}
