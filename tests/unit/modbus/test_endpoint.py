"""An endpoint says where units are and how they are spoken to; a mistake in one is answered in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.modbus.endpoint import Endpoint, Scheme, SerialPort, parse_endpoint


@pytest.mark.parametrize(
    ("text", "place", "manner"),
    [
        ("tcp://10.20.0.31", "10.20.0.31:502", "plain Modbus TCP"),
        ("tcp://Gateway.plant:1502", "gateway.plant:1502", "plain Modbus TCP"),
        ("tcp://[fd00::1]", "[fd00::1]:502", "plain Modbus TCP"),
        ("rtu-over-tcp://10.20.0.31:502", "10.20.0.31:502", "RTU over TCP"),
        ("tls://10.20.0.31", "10.20.0.31:802", "Modbus TCP within TLS"),
        ("serial:///dev/ttyUSB0", "/dev/ttyUSB0", "RTU at 19200 baud, 8E1"),
        ("serial:///dev/ttyUSB0?baudrate=9600&parity=n", "/dev/ttyUSB0", "RTU at 9600 baud, 8N1"),
        ("serial:///dev/ttyS1?parity=N&stopbits=2&bytesize=8", "/dev/ttyS1", "RTU at 19200 baud, 8N2"),
        ("serial:///dev/serial/by-id/usb-FTDI-if00?parity=O", "/dev/serial/by-id/usb-FTDI-if00", "RTU at 19200 baud, 8O1"),
    ],
)
def test_an_endpoint_has_a_place_and_a_manner(text: str, place: str, manner: str) -> None:
    endpoint = parse_endpoint(text)
    assert (endpoint.place, endpoint.manner) == (place, manner)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.20.0.31:502", "is not a Modbus TCP endpoint; write it as tcp://10.20.0.31:502"),
        ("tpc://10.20.0.31", 'scheme "tpc" is not known; did you mean tcp?'),
        ("http://10.20.0.31", 'scheme "http" is not known; known are tcp, rtu-over-tcp, tls, serial'),
        ("tcp://", "is not a Modbus TCP endpoint; write it as tcp://10.20.0.31:502"),
        ("tcp://10.20.0.31:0", "is not a Modbus TCP endpoint"),
        ("tcp://10.20.0.31:99999", "is not a Modbus TCP endpoint"),
        ("tcp://10.20.0.31/unit/1", "is not a Modbus TCP endpoint"),
        ("tcp://10.20.0.31?unit=1", "is not a Modbus TCP endpoint"),
        ("tcp://me:secret@10.20.0.31", "is not a Modbus TCP endpoint"),
        ("tcp://plant..gateway", "is not a Modbus TCP endpoint"),
        ("tls://10.20.0.31/x", "is not a Modbus TLS endpoint; write it as tls://10.20.0.31:802"),
        (
            "rtu-over-tcp://10.20.0.31",
            "names no port, and rtu-over-tcp has no usual one; write it as rtu-over-tcp://10.20.0.31:",
        ),
        ("rtu-over-tcp://10.20.0.31:4001/x", "is not an RTU-over-TCP endpoint"),
        ("serial://dev/ttyUSB0", "is not a serial line; write it as serial:///dev/ttyUSB0?"),
        ("serial:///", "is not a serial line"),
        ("serial:///dev/ttyUSB0#1", "is not a serial line"),
        ("serial:///dev/ttyUSB0?boudrate=9600", 'setting "boudrate" is not known; did you mean baudrate?'),
        ("serial:///dev/ttyUSB0?speed=9600", 'setting "speed" is not known; known are baudrate, parity, bytesize, stopbits'),
        ("serial:///dev/ttyUSB0?baudrate=9601", 'baudrate "9601" is not one of 300, 600,'),
        ("serial:///dev/ttyUSB0?baudrate", 'baudrate "" is not one of 300, 600,'),
        ("serial:///dev/ttyUSB0?parity=M", 'parity "M" is not one of N, E, O'),
        ("serial:///dev/ttyUSB0?bytesize=7", 'bytesize "7" is not one of 8; RTU needs bytes of eight bits'),
        ("serial:///dev/ttyUSB0?stopbits=1.5", 'stopbits "1.5" is not one of 1, 2'),
        ("serial:///dev/ttyUSB0?parity=N&parity=E", "parity is said twice"),
    ],
)
def test_a_wrong_endpoint_is_answered_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="endpoint") as caught:
        parse_endpoint(text)
    assert str(caught.value).startswith(f'endpoint "{text}"')
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint(Scheme.TCP, "10.20.0.31", 502), "tcp://10.20.0.31:502"),
        (Endpoint(Scheme.TLS, "fd00::1", 802), "tls://[fd00::1]:802"),
        (Endpoint(Scheme.RTU_OVER_TCP, "a.b", 4001), "rtu-over-tcp://a.b:4001"),
        (
            Endpoint(Scheme.SERIAL, serial=SerialPort("/dev/ttyUSB0", 9600, "N", 8, 2)),
            "serial:///dev/ttyUSB0?baudrate=9600&parity=N&bytesize=8&stopbits=2",
        ),
    ],
)
def test_an_endpoint_is_written_as_it_is_read(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text
    assert parse_endpoint(text) == endpoint


@given(st.text() | st.text().map(lambda rest: f"tcp://{rest}") | st.text().map(lambda rest: f"serial:///{rest}"))
def test_whatever_is_written_is_an_endpoint_or_answered(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except ValueError as error:
        assert str(error).startswith("endpoint ")  # noqa: PT017 - most texts are wrong
    else:
        assert endpoint.place
