"""How what was heard at a broker is shown, and which broker is meant."""

from pathlib import Path

import pytest
from unit.mqtt.meters import message

from ems_telemetry.cli.mqtt_shown import as_json, sparkplug_words, table_of
from ems_telemetry.cli.mqtt_target import Login, find_target
from ems_telemetry.connectors.mqtt.hearing import Hearing
from ems_telemetry.errors import ConfigurationError

NOWHERE = Path("nowhere.yaml")


def heard(topics: int, fields: int = 1) -> Hearing:
    hearing = Hearing()
    for number in range(topics):
        said = ", ".join(f'"f{field}": 1' for field in range(fields))
        hearing.hear(message(f"{{{said}}}", f"t/{number:04}"), 0.0)
    return hearing


def test_a_table_that_does_not_fit_says_what_is_missing() -> None:
    table = table_of(heard(50, fields=2), most_rows=10)
    assert table.row_count == 11
    assert "… and 90 more" in str(list(table.columns[0].cells)[-1])
    assert table_of(heard(50, fields=2)).row_count == 100


def test_what_scripts_are_given() -> None:
    hearing = Hearing()
    hearing.hear(message('{"power_kw": 5}', "plant/EM-01"), 0.0)
    hearing.hear(message(b"\x01", "spBv1.0/P/NDATA/n"), 0.0)
    told = as_json("mqtt://broker", hearing)
    assert told["sparkplug"] == [{"group": "P", "edge_node": "n"}]
    topics = told["topics"]
    assert isinstance(topics, list)
    first = topics[0]
    field = {"path": "$.power_kw", "item": None, "type": "number", "value": 5, "guess": "active_power in kW?"}
    assert (first["topic"], first["payload"], first["fields"]) == ("plant/EM-01", "json", [field])
    assert "give it a connector file with payload: sparkplug_b" in next(sparkplug_words(hearing))


def test_a_url_with_its_options(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden\n")
    target = find_target("mqtt://broker", NOWHERE, Login("ems", tmp_path / "secret"))
    assert target.user == {"name": "ems", "password_file": str(tmp_path / "secret")}
    assert target.file.user is not None
    password = target.file.user.read_password()
    assert password is not None
    assert password.get_secret_value() == "hidden"


def test_a_password_from_the_environment_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "hidden")
    target = find_target("mqtt://broker", NOWHERE, Login("ems"))
    assert target.user == {"name": "ems"}
    assert "hidden" not in repr(target)


def test_a_connector_file_brings_its_user_and_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "hidden")
    (tmp_path / "ca.pem").touch()
    file = tmp_path / "broker.yaml"
    file.write_text(
        "{type: mqtt, endpoint: 'mqtts://broker', site: BER1, tls: {ca: ca.pem},"
        " user: {name: ems, password: '${BROKER_PASSWORD}'}}"
    )
    target = find_target(str(file), NOWHERE, Login())
    assert target.user == {"name": "ems", "password": "${BROKER_PASSWORD}"}
    assert target.tls == {"ca": str(tmp_path / "ca.pem")}
    assert "hidden" not in repr(target)


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [("mqtt://a:b@broker", "must not hold a name"), ("nowhere", "nor a file"), ("http://x", "must be mqtt")],
)
def test_what_is_no_broker_is_refused_in_words(endpoint: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        find_target(endpoint, NOWHERE, Login())
    assert words in str(refused.value)


def test_a_connector_of_another_type_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plc.yaml"
    file.write_text("{type: opcua, endpoint: 'opc.tcp://plc:4840', site: BER1}")
    with pytest.raises(ConfigurationError, match="is a connector of type opcua, not mqtt"):
        find_target(str(file), NOWHERE, Login())
