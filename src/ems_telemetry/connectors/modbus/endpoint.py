"""The endpoint of a Modbus connector, as `tcp://10.20.0.31:502` or `serial:///dev/ttyUSB0?baudrate=9600`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ems_telemetry.config.problems import not_known


class Scheme(StrEnum):
    """How an endpoint is reached."""

    TCP = "tcp"
    """Modbus TCP."""
    RTU_OVER_TCP = "rtu-over-tcp"
    """A serial device server that passes on what comes over TCP as it is."""
    TLS = "tls"
    """Modbus TCP within TLS: Modbus/TCP Security."""
    SERIAL = "serial"
    """RTU over a serial port of this machine."""

    @property
    def is_rtu(self) -> bool:
        """True where requests are framed as on a serial line, without a transaction id."""
        return self in (Scheme.RTU_OVER_TCP, Scheme.SERIAL)


_PORTS: Mapping[Scheme, int] = {Scheme.TCP: 502, Scheme.TLS: 802}
_EXAMPLES: Mapping[Scheme, str] = {
    Scheme.TCP: "tcp://10.20.0.31:502",
    Scheme.RTU_OVER_TCP: "rtu-over-tcp://10.20.0.31:4001",
    Scheme.TLS: "tls://10.20.0.31:802",
    Scheme.SERIAL: "serial:///dev/ttyUSB0?baudrate=19200&parity=E&stopbits=1",
}
_MANNERS: Mapping[Scheme, str] = {
    Scheme.TCP: "plain Modbus TCP",
    Scheme.RTU_OVER_TCP: "RTU over TCP",
    Scheme.TLS: "Modbus TCP within TLS",
}


_SILENT_CHARACTERS = 3.5
_BITS_PER_CHARACTER = 11
"""A start bit, eight of data, parity or a second stop bit, and a stop bit. With fewer the silence is a little longer."""
_FASTEST_COUNTED_BAUD = 19_200
SHORTEST_SILENCE_S = 0.001_75
"""Above 19200 baud the specification fixes the silence, since timers do no better."""


class SerialPort(NamedTuple):
    """A serial device, and how characters are sent over it; the defaults are those of the serial line specification."""

    device: str
    baudrate: int = 19_200
    parity: str = "E"
    """N, E or O: none, even or odd. Without parity the specification wants two stop bits; many devices send one."""
    bytesize: int = 8
    stopbits: int = 1

    @property
    def bits_per_character(self) -> int:
        """How many bits a byte takes on the wire: a start bit, the data, parity and stop bits."""
        return 1 + self.bytesize + (self.parity != "N") + self.stopbits

    @property
    def words(self) -> str:
        """The settings as manuals write them, as `19200 baud, 8E1`."""
        return f"{self.baudrate} baud, {self.bytesize}{self.parity}{self.stopbits}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where units are reached and how: a host and a TCP port, or a serial port of this machine."""

    scheme: Scheme
    host: str = ""
    port: int = 0
    serial: SerialPort | None = None
    """For the scheme `serial`, which has neither host nor port."""

    @property
    def place(self) -> str:
        """What everybody who speaks to it shares: `host:port`, or the path of the device."""
        return self._address if self.serial is None else self.serial.device

    @property
    def manner(self) -> str:
        """How it is spoken to, in words: its framing, and the settings of a serial line."""
        return _MANNERS[self.scheme] if self.serial is None else f"RTU at {self.serial.words}"

    @property
    def _address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        if self.serial is None:
            return f"{self.scheme}://{self._address}"
        device, *values = self.serial
        settings = "&".join(f"{key}={value}" for key, value in zip(SerialPort._fields[1:], values, strict=True))
        return f"serial://{device}?{settings}"


class Pauses(NamedTuple):
    """The rest that devices need, in seconds."""

    between_requests_s: float = 0.0
    """From the end of one reply to the next request."""
    after_connect_s: float = 0.0
    """From the connect to the first request."""


def silence_between_frames_s(baudrate: int) -> float:
    """Tells how long a line must be silent before a frame: 3.5 characters, and 1.75 ms above 19200 baud."""
    if baudrate > _FASTEST_COUNTED_BAUD:
        return SHORTEST_SILENCE_S
    return _SILENT_CHARACTERS * _BITS_PER_CHARACTER / baudrate


def parse_endpoint(text: str) -> Endpoint:
    """Reads an endpoint.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    name, separator, _ = text.partition("://")
    if not separator:
        raise _malformed(text, Scheme.TCP)
    if name not in _EXAMPLES:
        message = f'endpoint "{text}": {not_known("scheme", name, list(Scheme))}'
        raise ValueError(message)
    scheme = Scheme(name)
    try:
        parts = urlsplit(text)
        # Neither a port out of range nor a name no server can have is told by the split itself.
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise _malformed(text, scheme) from error
    return _parse_serial(text, parts) if scheme is Scheme.SERIAL else _parse_host(text, scheme, parts)


def _parse_host(text: str, scheme: Scheme, parts: SplitResult) -> Endpoint:
    extra = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if not parts.hostname or extra or parts.port == 0:
        raise _malformed(text, scheme)
    port = _PORTS.get(scheme) if parts.port is None else parts.port
    if port is None:
        message = f'endpoint "{text}" names no port, and {scheme} has no usual one; write it as {_EXAMPLES[scheme]}'
        raise ValueError(message)
    return Endpoint(scheme, parts.hostname, port)


def _parse_serial(text: str, parts: SplitResult) -> Endpoint:
    if parts.netloc or parts.fragment or len(parts.path) < len("/x"):
        raise _malformed(text, Scheme.SERIAL)
    settings = _settings(text, parts.query)
    parity = settings.pop("parity", SerialPort._field_defaults["parity"])
    return Endpoint(
        Scheme.SERIAL, serial=SerialPort(parts.path, parity=parity, **{key: int(settings[key]) for key in settings})
    )


def _settings(text: str, query: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    for written in query.split("&") if query else ():
        key, _, value = written.partition("=")
        if key not in _ALLOWED:
            message = f'endpoint "{text}": {not_known("setting", key, _ALLOWED)}'
            raise ValueError(message)
        if key in settings:
            message = f'endpoint "{text}": {key} is said twice'
            raise ValueError(message)
        settings[key] = _checked(text, key, value.upper())
    return settings


_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "baudrate": tuple(
        str(rate)
        for rate in (300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 460800, 921600)
    ),
    "parity": ("N", "E", "O"),
    "bytesize": ("8",),
    "stopbits": ("1", "2"),
}


def _checked(text: str, key: str, value: str) -> str:
    allowed = _ALLOWED[key]
    if value in allowed:
        return value
    why = "; RTU needs bytes of eight bits" if key == "bytesize" else ""
    message = f'endpoint "{text}": {key} "{value}" is not one of {", ".join(allowed)}{why}'
    raise ValueError(message)


def _malformed(text: str, scheme: Scheme) -> ValueError:
    what = "a serial line" if scheme is Scheme.SERIAL else f"{'an' if scheme.is_rtu else 'a'} {_NAMES[scheme]} endpoint"
    return ValueError(f'endpoint "{text}" is not {what}; write it as {_EXAMPLES[scheme]}')


_NAMES: Mapping[Scheme, str] = {
    Scheme.TCP: "Modbus TCP",
    Scheme.RTU_OVER_TCP: "RTU-over-TCP",
    Scheme.TLS: "Modbus TLS",
}
