"""A meter that serves the map of its profile is read whole by the connector, and proved to be that meter."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from fakes import surroundings
from profile_files import loaded_file, meter_of
from servers.meter_model import ModelledMeter, model
from servers.modbus import LOOPBACK, ModbusTkServer, modbus_tk

from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.library import KnownProfile, Library
from ems_telemetry.connectors.modbus.looking import look
from ems_telemetry.model import Flag, Quality, Sample

PROFILES = list(Library().all())
UNITS: Mapping[str, int] = {known.name: place for place, known in enumerate(PROFILES, 1)}


@pytest.fixture(scope="module")
def models() -> Mapping[str, ModelledMeter]:
    return {known.name: model(known.read()) for known in PROFILES}


@pytest.fixture(scope="module")
def server(models: Mapping[str, ModelledMeter]) -> Iterator[ModbusTkServer]:
    """Serves each profile as a unit of its own."""
    with modbus_tk({}) as server:
        for name, modelled in models.items():
            modelled.serve(server, UNITS[name])
        yield server


def file_of(folder: Path, port: int, name: str, modelled: ModelledMeter, unit_id: int) -> ModbusFile:
    file = loaded_file(folder, meter_of(name, modelled.settings, unit_id))
    return file.model_copy(update={"endpoint": f"tcp://{LOOPBACK}:{port}"})


async def assert_read_whole(file: ModbusFile, modelled: ModelledMeter, folder: Path) -> None:
    given = surroundings(folder)
    found = await look(file, given)
    assert given.report.status.last_error is None
    read = {item.point.partition(".")[2]: item for item in found if isinstance(item, Sample)}
    assert {name: sample.value for name, sample in read.items()} == pytest.approx(modelled.expected, rel=1e-12)
    assert len(found) == len(read)
    assert {(sample.quality, sample.flags & Flag.UNPROVED) for sample in read.values()} == {(Quality.GOOD, 0)}


@pytest.mark.parametrize("known", PROFILES, ids=lambda known: known.name)
async def test_every_profile_is_read_whole_from_a_server_that_serves_its_map(
    known: KnownProfile, models: Mapping[str, ModelledMeter], server: ModbusTkServer, tmp_path: Path
) -> None:
    modelled = models[known.name]
    await assert_read_whole(file_of(tmp_path, server.port, known.name, modelled, UNITS[known.name]), modelled, tmp_path)


@pytest.mark.parametrize(
    ("name", "sunspec_model"),
    [("sunspec/meter", 203), ("sunspec/meter", 213), ("sunspec/inverter", 103), ("sunspec/inverter", 113)],
)
async def test_a_sunspec_device_is_read_whole_whichever_model_it_has(name: str, sunspec_model: int, tmp_path: Path) -> None:
    modelled = model(Library().find(name).read(), sunspec_model=sunspec_model)
    with modbus_tk({}) as server:
        modelled.serve(server, 1)
        await assert_read_whole(file_of(tmp_path, server.port, name, modelled, 1), modelled, tmp_path)


def has_first_read(known: KnownProfile) -> bool:
    """Looks for the key in its text: to read all profiles takes seconds of each process that collects tests."""
    return "\nfirst_read:" in known.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("known", [known for known in PROFILES if has_first_read(known)], ids=lambda known: known.name)
async def test_a_meter_with_another_map_is_found_out_and_its_values_are_marked(
    known: KnownProfile, models: Mapping[str, ModelledMeter], tmp_path: Path
) -> None:
    modelled = models[known.name]
    shifted = modelled._replace(registers={(table, at + 1): value for (table, at), value in modelled.registers.items()})
    with modbus_tk({}) as server:
        shifted.serve(server, 1)
        given = surroundings(tmp_path)
        found = await look(file_of(tmp_path, server.port, known.name, modelled, 1), given)
    assert f"does not look like {known.name}" in str(given.report.status.last_error)
    samples = [item for item in found if isinstance(item, Sample) and item.value is not None]
    assert all(sample.quality < Quality.GOOD and sample.flags & Flag.UNPROVED for sample in samples)
