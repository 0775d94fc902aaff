"""Messages in dead letters, read again by the file of now."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ems_telemetry.connectors.mqtt import CONNECTOR_TYPE
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.model import DeadLetter

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def file(**keys: object) -> MqttFile:
    points = [
        {"id": "energy", "value": "$.kwh", "quantity": "active_energy_import", "unit": "kWh"},
        {"id": "power", "value": "$.kw", "quantity": "active_power", "unit": "kW"},
    ]
    meter = {"id": "EM-01", "topic": "plant/em01", "time": "$.ts", "points": points, **keys}
    return MqttFile.model_validate({"type": "mqtt", "endpoint": "mqtt://broker", "site": "BER1", "meters": [meter]})


def letter(payload: bytes, point: str | None = None, topic: str = "plant/em01") -> DeadLetter:
    return DeadLetter(UUID(int=1), "broker", point, "value_missing", "", topic, payload, NOW)


def reread(file_: MqttFile, letter_: DeadLetter) -> list[tuple[str, object]]:
    assert CONNECTOR_TYPE.reread is not None
    return [(sample.point, sample.value) for sample in CONNECTOR_TYPE.reread(file_, letter_)]


def test_a_whole_message_is_read_for_all_its_points() -> None:
    read = reread(file(), letter(b'{"ts": "2026-03-02T10:00:00Z", "kwh": 1, "kw": 2}'))
    assert read == [("EM-01.energy", 1), ("EM-01.power", 2)]


def test_a_message_whose_point_is_read_now_is_fine_although_another_is_missing() -> None:
    assert ("EM-01.energy", 1) in reread(file(), letter(b'{"ts": "2026-03-02T10:00:00Z", "kwh": 1}', "EM-01.energy"))


def test_a_scalar_is_read_as_one_value() -> None:
    points = [{"id": "power", "quantity": "active_power", "unit": "kW"}]
    assert reread(file(payload="scalar", time=None, points=points), letter(b"42.5")) == [("EM-01.power", 42.5)]


@pytest.mark.parametrize(
    ("letter_", "said"),
    [
        (letter(b"no json"), "not JSON"),
        (letter(b'{"kwh": 1}'), "no time stands at"),
        (letter(b'{"ts": "2026-03-02T10:00:00Z", "kw": 1}', "EM-01.energy"), r"nothing stands at \$\.kwh"),
        (letter(b"{}", topic="plant/other"), 'no meter has the topic "plant/other"'),
    ],
)
def test_what_still_cannot_be_read_says_why(letter_: DeadLetter, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reread(file(), letter_)
