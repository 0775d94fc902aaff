"""Connector files of the type mqtt: what is filled in, and what is refused in words."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError
from unit.mqtt.meters import QUANTITY, file_of, meter, router_of

from ems_telemetry.connectors.mqtt.file import Version

PLAIN = {"id": "M", "topic": "t", "payload": "scalar", "points": [{"id": "p0", **QUANTITY}]}


def test_checking_a_file_does_not_load_the_protocol_library() -> None:
    program = "import sys, ems_telemetry.connectors.mqtt; sys.exit('paho' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603


def test_what_is_not_said_is_filled_in() -> None:
    file = file_of(meter("$.a"))
    assert (file.host, file.port, file.is_plain) == ("broker", 1883, True)
    assert (file.version, file.qos, file.keepalive, file.session_expiry) == (Version.AUTO, 1, 30.0, 604_800.0)
    assert file.meters[0].points[0].source == "t $.a"


@pytest.mark.parametrize(
    ("endpoint", "host", "port", "plain"),
    [
        ("mqtt://10.0.0.5:1884", "10.0.0.5", 1884, True),
        ("mqtts://broker.works", "broker.works", 8883, False),
        ("mqtts://[fe80::1]:8884", "fe80::1", 8884, False),
    ],
)
def test_endpoints_are_taken_apart(endpoint: str, host: str, port: int, *, plain: bool) -> None:
    file = file_of(meter("$.a"), endpoint=endpoint)
    assert (file.host, file.port, file.is_plain) == (host, port, plain)


def test_a_point_may_have_a_topic_of_its_own() -> None:
    points = [{"id": "a", **QUANTITY}, {"id": "b", "topic": "other", **QUANTITY}]
    several = {**PLAIN, "points": points}
    router = router_of(several)
    assert router.filters == ["other", "t"]
    assert [point for route in router.find("other") for point in route.shape.points] == ["M.b"]
    assert [point.source for point in file_of(several).meters[0].points] == ["t", "other"]


def test_a_topic_nobody_wants_has_no_route() -> None:
    assert router_of(meter("$.a")).find("u") == ()


def test_the_router_forgets_rather_than_grow_without_bound() -> None:
    router = router_of(meter("$.a", topic="t/#"))
    for number in range(25_000):
        assert router.find(f"t/{number}")
    assert len(router._known) <= 10_000


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"endpoint": "broker:1883"}, "must be mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"endpoint": "tcp://broker"}, "must be mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"endpoint": "mqtt://broker:0"}, "must be mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"endpoint": "mqtt://broker:99999"}, "must be mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"endpoint": "mqtt://broker/topic"}, "must be mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"endpoint": "mqtt://ems:secret@broker"}, 'must not hold a name or password; write them under "user"'),
        ({"qos": 3}, "qos"),
        ({"keepalive": "1s"}, "keepalive"),
        ({"tls": {}}, '"tls" needs an endpoint that begins with mqtts://'),
        ({"tls": {"certificate": __file__}, "endpoint": "mqtts://broker"}, '"certificate" and "key" go together'),
        ({"tls": {"ca": "nowhere.pem"}, "endpoint": "mqtts://broker"}, "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_in_words(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        file_of(meter("$.a"), **settings)
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (meter("$..a"), "can name more than one place"),
        (meter("$.a", topic="a+"), '"+" must stand alone'),
        (meter("$.a", time="$."), 'path "$."'),
        (meter("$.a", time="$.t", time_zone="Berlin"), 'time_zone "Berlin" is not known'),
        (meter("$.a", time_zone="Europe/Berlin"), 'time_format and time_zone need "time"'),
        (meter("$.a", retained="store_if_newer"), 'retained: store_if_newer needs "time"'),
        ({**meter("$.a"), "topic": None}, 'point p0 has no topic; give "topic" to the meter or to the point'),
        ({**PLAIN, "payload": "json"}, 'point p0 needs "value"'),
        ({**PLAIN, "time": "$.ts"}, 'a scalar payload has no "time"'),
        ({**PLAIN, "points": [{"id": "p0", "value": "$.a", **QUANTITY}]}, 'leave "value" out'),
        ({**PLAIN, "points": [{"id": "a", **QUANTITY}, {"id": "b", **QUANTITY}]}, "points a and b have the same topic"),
    ],
)
def test_a_wrong_meter_is_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        file_of(wrong)
    assert words in str(refused.value)
