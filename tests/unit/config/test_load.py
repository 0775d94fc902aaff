"""A wrong file is answered with file, line, what, the value, and what is allowed or meant."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Literal

import pytest

from ems_telemetry.config.connector import ConnectorFile, Meter, Point, UserCredentials
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.config.scalars import Duration
from ems_telemetry.errors import ConfigurationError


class RegisterPoint(Point):
    address: int


class RegisterMeter(Meter[RegisterPoint]):
    unit_id: int = 1


class RegisterFile(ConnectorFile[RegisterMeter]):
    type: Literal["registers"]
    endpoint: str
    interval: Duration = 10.0
    user: UserCredentials | None = None

    @property
    def line(self) -> tuple[str, str]:
        scheme, _, place = self.endpoint.partition("://")
        return place, scheme


SERVICE = """\
database: {url: embedded}
plant: plant.yaml
connectors: ../connectors/*.yaml
"""
PLANT = """\
sites:
  - {id: BER1, name: Berlin works, timezone: Europe/Berlin, areas: [hall-1, utilities]}
"""
CONNECTOR = """\
type: registers
endpoint: tcp://10.20.0.31:502
interval: 10s
site: BER1
meters:
  - id: EM-01
    area: hall-1
    medium: electricity
    points:
      - {id: power, quantity: active_power, unit: W, address: 52}
      - id: energy
        quantity: active_energy_import
        unit: Wh
        kind: counter
        address: 72
"""

Write = Callable[..., Path]
Load = Callable[..., Configuration]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(service: str = SERVICE, plant: str = PLANT, **connectors: str) -> Path:
        for folder in ("config", "connectors"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "config/ems-telemetry.yaml").write_text(dedent(service))
        (tmp_path / "config/plant.yaml").write_text(dedent(plant))
        for name, text in (connectors or {"hall": CONNECTOR}).items():
            (tmp_path / f"connectors/{name}.yaml").write_text(dedent(text))
        return tmp_path / "config/ems-telemetry.yaml"

    return writing


def read(path: Path, environment: dict[str, str] | None = None) -> Configuration:
    return load(path, {"registers": RegisterFile}, environment or {})


def problems(path: Path, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(path, environment)
    root = path.parent.parent
    return [str(problem).replace(f"{root}/", "").replace("config/../", "") for problem in caught.value.problems]


def test_a_right_configuration_gives_its_points_with_all_that_follows(write: Write) -> None:
    configuration = read(write())
    power, energy = configuration.points
    assert (power.key, power.connector, power.site, power.medium) == ("EM-01.power", "hall", "BER1", "electricity")
    assert (energy.quantity.unit, str(energy.conversion.factor)) == ("kWh", "0.001")
    assert power.expected_interval_s == 10


def test_relative_paths_start_from_the_file_that_names_them(write: Write, tmp_path: Path) -> None:
    settings = read(write()).settings
    assert settings.spool.directory == tmp_path / "config/var/spool"
    assert settings.database.directory == tmp_path / "config/var/database"


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        (1, "type: register", 'connectors/hall.yaml:1: type "register" is not known; did you mean registers?'),
        (2, "endpiont: tcp://10.20.0.31:502", 'connectors/hall.yaml:2: key "endpiont" is not known; did you mean endpoint?'),
        (3, "interval: 10", 'connectors/hall.yaml:3: "10" is not a duration; write a number with its unit'),
        (4, "site: BER2", 'connectors/hall.yaml:4: site "BER2" is not known; did you mean BER1?'),
        (6, "  - id: EM 01", 'connectors/hall.yaml:6: meter EM 01: id "EM 01" may hold letters, digits'),
        (
            7,
            "    area: hall-2",
            'connectors/hall.yaml:7: meter EM-01: area of site BER1 "hall-2" is not known; did you mean hall-1?',
        ),
        (
            8,
            "    medium: electricty",
            'connectors/hall.yaml:8: meter EM-01: medium "electricty" is not known; did you mean electricity?',
        ),
        (
            10,
            "      - {id: power, quantity: active_power, unit: kwh/h, address: 52}",
            'connectors/hall.yaml:10: point EM-01.power: unit "kwh/h" is not a unit; did you mean kW?',
        ),
        (
            10,
            "      - {id: power, quantity: active_powr, unit: W, address: 52}",
            'connectors/hall.yaml:10: point EM-01.power: quantity "active_powr" is not known; did you mean active_power?',
        ),
        (
            10,
            "      - {id: power, quantity: active_power, unit: W, address: fifty}",
            'connectors/hall.yaml:10: point EM-01.power: address "fifty" is not a whole number',
        ),
        (
            10,
            "      - {id: power, quantity: active_power, unit: W}",
            'connectors/hall.yaml:10: point EM-01.power: "address" is missing',
        ),
        (
            10,
            "      - {id: power, quantity: active_power, unit: W, address: 52, range: [500, 0]}",
            "connectors/hall.yaml:10: point EM-01.power: range [500.0, 0.0] must go from low to high",
        ),
        (
            10,
            "      - {id: power, quantity: active_power, unit: W, address: 52, rollover_at: 1000}",
            "connectors/hall.yaml:10: point EM-01.power: rollover_at is for counters; this point is a gauge; say kind: counter",
        ),
        (
            13,
            "        unit: kvarh",
            'connectors/hall.yaml:13: point EM-01.energy: unit "kvarh" does not measure active_energy_import',
        ),
        (
            14,
            "        kind: countr",
            'connectors/hall.yaml:14: point EM-01.energy: kind "countr" is not known; did you mean counter?',
        ),
        (14, "        scale: 0", "connectors/hall.yaml:14: point EM-01.energy: scale 0 would make every value zero"),
        (14, "        scale: much", 'connectors/hall.yaml:14: point EM-01.energy: scale "much" is not a number'),
        (14, "        unit: Wh", "connectors/hall.yaml:14: is not valid YAML here: found duplicate key"),
        (14, "       kind: counter", "connectors/hall.yaml:14: is not valid YAML here"),
        (11, "      - id: power", 'connectors/hall.yaml:11: meter EM-01: point id "power" is used twice'),
    ],
)
def test_a_wrong_line_in_a_connector_file_is_named(write: Write, line: int, wrong: str, message: str) -> None:
    lines = CONNECTOR.splitlines()
    lines[line - 1] = wrong
    found = problems(write(hall="\n".join(lines)))
    assert found[0].startswith(message), found


def test_all_problems_of_all_files_are_told_at_once(write: Write) -> None:
    found = problems(
        write(
            plant="sites: [{id: BER1, name: x, timezone: Europe/Berln}]",
            hall=CONNECTOR.replace("area: hall-1", "aera: hall-1").replace("address: 52", "adress: 52"),
            other="type: bogus",
        )
    )
    assert [problem.split(": ")[0] for problem in found] == [
        "config/plant.yaml:1",
        "connectors/hall.yaml:7",
        "connectors/hall.yaml:10",
        "connectors/other.yaml:1",
    ]
    assert "did you mean Europe/Berlin?" in found[0]


def test_one_place_spoken_to_in_two_manners_is_refused_with_both_places(write: Write) -> None:
    other = CONNECTOR.replace("EM-01", "EM-02").replace("tcp://", "rtu-over-tcp://")
    (found,) = problems(write(a=CONNECTOR, b=other))
    assert found.startswith("connectors/b.yaml:2: endpoint rtu-over-tcp://10.20.0.31:502: ")
    assert found.endswith("connectors/a.yaml:2 speaks tcp to 10.20.0.31:502; one endpoint is spoken to in one manner")


def test_files_that_speak_to_one_place_in_one_manner_or_are_not_enabled_are_fine(write: Write) -> None:
    same = CONNECTOR.replace("EM-01", "EM-02")
    disabled = CONNECTOR.replace("EM-01", "EM-03").replace("tcp://", "rtu-over-tcp://") + "enabled: false\n"
    assert len(read(write(a=CONNECTOR, b=same, c=disabled)).connectors) == 3


def test_a_meter_id_used_in_two_files_is_refused_with_both_places(write: Write) -> None:
    (found,) = problems(write(a=CONNECTOR, b=CONNECTOR))
    assert found.startswith('connectors/b.yaml:6: meter id "EM-01" is used already at')
    assert found.endswith("connectors/a.yaml:6")


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("plnt: plant.yaml", 'config/ems-telemetry.yaml:1: key "plnt" is not known; did you mean plant?'),
        ("api: {port: 80800}", 'config/ems-telemetry.yaml:1: port "80800" must be at most 65535'),
        (
            "api:\n  host: 0.0.0.0\n  allow_anonymous: true",
            "config/ems-telemetry.yaml:1: allow_anonymous is only for a loopback",
        ),
        ("spool: {max_size: 4}", 'config/ems-telemetry.yaml:1: "4" is not a size; write a number with its unit'),
        (
            "spool:\n  when_full: explode",
            'config/ems-telemetry.yaml:2: when_full "explode" is not known; known are refuse, drop',
        ),
        ("connectors: nowhere/*.yaml", 'config/ems-telemetry.yaml:1: no file matches connectors: "nowhere/*.yaml"'),
        ("plant: elsewhere.yaml", "config/elsewhere.yaml: cannot be read: No such file or directory"),
        ("database: {password_file: gone}", 'config/ems-telemetry.yaml:1: the file "'),
        ("database: {url: db.example}", "config/ems-telemetry.yaml:1: url is neither a PostgreSQL URL, as postgresql://"),
        ("- a list", "config/ems-telemetry.yaml:1: must begin with a key"),
    ],
)
def test_a_wrong_service_file_is_named(write: Write, service: str, message: str) -> None:
    found = problems(write(service=service))
    assert found[0].startswith(message), found


def test_the_service_file_itself_may_be_absent_and_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml: cannot be read"):
        read(tmp_path / "nothing.yaml")


def test_settings_come_from_the_environment_over_the_file(write: Write) -> None:
    environment = {"EMS_TELEMETRY__API__PORT": "9001", "EMS_TELEMETRY__DATABASE__URL": "postgresql://db/ems"}
    settings = read(write(service=SERVICE + "api: {port: 9000}\n"), environment).settings
    assert settings.api.port == 9001
    assert settings.database.url == "postgresql://db/ems"


def test_an_unknown_setting_in_the_environment_is_named(write: Write) -> None:
    (found,) = problems(write(), {"EMS_TELEMETRY__API__PROT": "9001"})
    assert 'EMS_TELEMETRY__API__PROT: key "prot" is not known; did you mean port?' in found


WITH_PASSWORD = CONNECTOR + 'user: {name: ems, password: "${METER_PASSWORD}"}\n'


def test_secrets_come_from_the_environment_and_are_shown_nowhere(write: Write) -> None:
    (connector,) = read(write(hall=WITH_PASSWORD), {"METER_PASSWORD": "s3cret"}).connectors
    assert isinstance(connector.file, RegisterFile)
    assert connector.file.user is not None
    password = connector.file.user.read_password()
    assert password is not None
    assert password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(connector)


def test_a_variable_that_is_not_set_is_named_with_its_line(write: Write) -> None:
    (found,) = problems(write(hall=WITH_PASSWORD))
    assert found.startswith("connectors/hall.yaml:16: the environment variable METER_PASSWORD is not set")


def test_a_secret_in_the_wrong_place_is_not_shown_in_the_message(write: Write) -> None:
    wrong = CONNECTOR.replace("address: 72", "address: ${METER_PASSWORD}")
    (found,) = problems(write(hall=wrong), {"METER_PASSWORD": "s3cret"})
    assert 'address "${METER_PASSWORD}" is not a whole number' in found
    assert "s3cret" not in found


def test_a_secret_comes_from_a_file_without_its_line_break(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    settings = read(write(service=SERVICE.replace("url: embedded", "url: embedded, password_file: ../secret"))).settings
    password = settings.database.read_password()
    assert password is not None
    assert password.get_secret_value() == "s3cret"


@pytest.mark.parametrize("content", ["", "type: registers", "meters: []", "type: 5", "type: [registers]", "meters: 3"])
def test_a_hollow_connector_file_is_a_problem_and_no_crash(write: Write, content: str) -> None:
    assert problems(write(hall=content))
