"""Which connectors a new configuration touches, and which settings must wait for the next start."""

from pathlib import Path
from typing import Literal

import pytest

from ems_telemetry.config.changes import at_run_time, compare_connectors
from ems_telemetry.config.connector import ConnectorFile, Meter, Point, UserCredentials
from ems_telemetry.config.content import hash_of, paths_of, written_files
from ems_telemetry.config.load import AnyConnectorFile, Configuration, load
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.modbus.file import ModbusFile

PLANT = "sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin, areas: [hall-1]}]\n"
POINT = "{id: power, quantity: active_power, unit: kW}"
PROFILE = """
title: A meter
sources: [its manual]
addressing: zero_based
points: [{id: power, register: input, address: 52, type: float32, quantity: active_power, unit: W}]
"""
BUS = "{type: modbus, endpoint: 'tcp://10.20.0.31:502', site: BER1, meters: [{id: EM-09, unit_id: 1, profile: acme/one}]}"


class PlcFile(ConnectorFile[Meter[Point]]):
    type: Literal["plc"]
    endpoint: str = "plc://10.20.0.40"
    interval: Duration = 10.0
    user: UserCredentials | None = None
    meters: tuple[Meter[Point], ...] = ()


def plc(meter: str, *keys: str) -> str:
    return "\n".join(["type: plc", "site: BER1", f"meters: [{{id: {meter}, points: [{POINT}]}}]", *keys]) + "\n"


class Plant:
    """A folder of files that are changed and read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("config", "connectors/profiles/acme"):
            (folder / name).mkdir(parents=True)
        self.write("config/ems-telemetry.yaml", "connectors: ../connectors/*.yaml\n")
        self.write("config/plant.yaml", PLANT)
        self.write("connectors/profiles/acme/one.yaml", PROFILE)
        self.write("secret", "s3cret\n")
        self.write("connectors/a.yaml", plc("EM-01", "user: {name: ems, password_file: ../secret}"))
        self.write("connectors/b.yaml", plc("EM-02", 'user: {name: ems, password: "${PASSWORD}"}'))
        self.write("connectors/c.yaml", BUS)
        self.write("connectors/off.yaml", plc("EM-04", "enabled: false"))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def read(self, password: str = "hunter2") -> Configuration:  # noqa: S107 - of a test
        types: dict[str, type[AnyConnectorFile]] = {"plc": PlcFile, "modbus": ModbusFile}
        return load(self.folder / "config/ems-telemetry.yaml", types, {"PASSWORD": password})


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def changed(plant: Plant, before: Configuration) -> str:
    """Tells what became of each connector, as `a restarted, d started`."""
    found = compare_connectors(before, plant.read())
    verbs = {"started": found.started, "stopped": found.stopped, "restarted": found.restarted}
    assert not set(found.kept) & {name for names in verbs.values() for name in names}
    return ", ".join(sorted(f"{name} {verb}" for verb, names in verbs.items() for name in names))


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("connectors/a.yaml", "kW", "W", "a restarted"),
        ("connectors/a.yaml", "type: plc", "type: plc\ninterval: 5s", "a restarted"),
        ("connectors/a.yaml", "id: EM-01,", "id: EM-01, area: hall-1,", "a restarted"),
        ("connectors/a.yaml", "type: plc", "enabled: false\ntype: plc", "a stopped"),
        ("connectors/off.yaml", "enabled: false", "enabled: true", "off started"),
        ("connectors/off.yaml", "kW", "W", ""),
        # What is only written otherwise is no change.
        ("connectors/a.yaml", "type: plc", "# a comment\ntype:   plc", ""),
        ("connectors/a.yaml", "type: plc", "type: plc\ninterval: 10s", ""),
        ("connectors/a.yaml", "type: plc\nsite: BER1", "site: BER1\ntype: plc", ""),
        # What it names belongs to it: secrets, and what is in profiles.
        ("secret", "s3cret", "an0ther", "a restarted"),
        ("connectors/profiles/acme/one.yaml", "52", "54", "c restarted"),
        ("connectors/profiles/acme/one.yaml", "title", "# a comment\ntitle", ""),
        # What no connector needs touches none.
        ("config/plant.yaml", "name: Berlin,", "name: Berlin works,", ""),
        ("config/ems-telemetry.yaml", "connectors:", "log: {level: debug}\nconnectors:", ""),
    ],
)
def test_only_connectors_are_touched_of_which_something_changed(
    plant: Plant, file: str, old: str, new: str, expected: str
) -> None:
    before = plant.read()
    plant.edit(file, old, new)
    assert changed(plant, before) == expected


def test_a_new_password_in_the_environment_is_a_change(plant: Plant) -> None:
    found = compare_connectors(plant.read(), plant.read(password="an0ther"))
    assert (found.restarted, found.kept) == (("b",), ("a", "c"))


def test_files_that_come_and_go_start_and_stop_their_connectors(plant: Plant) -> None:
    before = plant.read()
    (plant.folder / "connectors/b.yaml").unlink()
    plant.write("connectors/d.yaml", plc("EM-05"))
    assert changed(plant, before) == "b stopped, d started"


def test_a_file_under_another_name_is_another_connector(plant: Plant) -> None:
    before = plant.read()
    (plant.folder / "connectors/b.yaml").rename(plant.folder / "connectors/e.yaml")
    assert changed(plant, before) == "b stopped, e started"


def test_settings_that_sockets_and_files_stand_on_wait_for_the_next_start(plant: Plant) -> None:
    before = plant.read()
    text = "api: {port: 9000}\nspool: {max_size: 1GiB}\nretention: {readings: 1y}\nstop_within: 20s\n"
    plant.write("config/ems-telemetry.yaml", text)
    running, waiting = at_run_time(before, plant.read())
    assert waiting == ("spool.max_size", "api.port")
    assert (running.settings.api.port, running.settings.spool.max_size) == (8080, 4 * 2**30)
    assert (running.settings.retention.readings, running.settings.stop_within) == (31_557_600, 20)
    again, still = at_run_time(running, plant.read())
    assert (again.settings, still) == (running.settings, waiting)


def test_a_new_password_of_the_database_waits_for_the_next_start_too(plant: Plant) -> None:
    plant.write("config/ems-telemetry.yaml", "database: {password_file: ../secret}\n")
    before = plant.read()
    plant.write("secret", "an0ther")
    running, waiting = at_run_time(before, plant.read())
    assert waiting == ("what stands in the files of database.password_file and api.tls",)
    assert at_run_time(running, plant.read())[1] == waiting


def test_the_files_of_a_configuration_are_kept_with_profiles_and_without_secrets(plant: Plant) -> None:
    plant.edit("connectors/b.yaml", "${PASSWORD}", "hunter2")
    configuration = plant.read()
    files = {file.name: file.text for file in written_files(configuration.path, configuration.sources)}
    assert list(files) == sorted(
        ["config/ems-telemetry.yaml", "config/plant.yaml", "connectors/profiles/acme/one.yaml"]
        + [f"connectors/{name}.yaml" for name in ("a", "b", "c", "off")]
    )
    assert files["connectors/profiles/acme/one.yaml"] == PROFILE
    assert 'password: "***"' in files["connectors/b.yaml"]
    assert not any(secret in str(files.values()) + repr(configuration) for secret in ("hunter2", "s3cret"))
    assert plant.folder / "secret" in {path.resolve() for path in paths_of(configuration.sources)}


def test_a_hash_is_that_of_the_texts_and_a_secret_is_not_in_it(plant: Plant) -> None:
    def hashed() -> str:
        configuration = plant.read()
        return hash_of(written_files(configuration.path, configuration.sources))

    first = hashed()
    plant.write("secret", "an0ther")
    assert hashed() == first
    plant.edit("connectors/a.yaml", "type: plc", "# a comment\ntype: plc")
    assert hashed() != first
