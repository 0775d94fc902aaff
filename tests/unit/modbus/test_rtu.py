"""On a serial line a reply passes only from its request's unit, with a right checksum, and alone."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from modbus_tk.utils import calculate_crc

from ems_telemetry.connectors.modbus.decode import data_size_bytes
from ems_telemetry.connectors.modbus.endpoint import silence_between_frames_s
from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, WrongReplyError
from ems_telemetry.connectors.modbus.pdu import ReadDeviceIdentification, ReadRequest, ReportServerId, Request
from ems_telemetry.connectors.modbus.registers import Table
from ems_telemetry.connectors.modbus.rtu import Rtu, RtuExchange, checksum

EXCHANGE = RtuExchange(0x11, ReadRequest(Table.HOLDING, 0x6B, 3))
RIGHT = bytes.fromhex("11 03 06 ae41 5652 4340 49ad")
DATA = bytes.fromhex("ae41 5652 4340")


def framed(body: str) -> bytes:
    return bytes.fromhex(body) + checksum(bytes.fromhex(body))


@pytest.mark.parametrize(
    ("unit_id", "request_", "frame"),
    [
        (0x11, ReadRequest(Table.COIL, 0x13, 0x25), "11 01 0013 0025 0e84"),
        (0x11, ReadRequest(Table.DISCRETE, 0xC4, 0x16), "11 02 00c4 0016 baa9"),
        (0x11, ReadRequest(Table.HOLDING, 0x6B, 3), "11 03 006b 0003 7687"),
        (0x11, ReadRequest(Table.INPUT, 8, 1), "11 04 0008 0001 b298"),
        (0x01, ReportServerId(), "01 11 c02c"),
        (0x01, ReadDeviceIdentification(), "01 2b 0e 01 00 7077"),
    ],
)
def test_a_request_is_laid_out_as_the_specification_says(unit_id: int, request_: Request, frame: str) -> None:
    assert Rtu(19_200).begin(unit_id, request_).frame == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("request_", "reply", "data"),
    [
        (ReadRequest(Table.COIL, 0x13, 0x25), "11 01 05 cd6bb20e1b 45e6", "cd6bb20e1b"),
        (ReadRequest(Table.DISCRETE, 0xC4, 0x16), "11 02 03 acdb35 2018", "acdb35"),
        (ReadRequest(Table.HOLDING, 0x6B, 3), "11 03 06 ae41 5652 4340 49ad", "ae4156524340"),
        (ReadRequest(Table.INPUT, 8, 1), "11 04 02 000a f8f4", "000a"),
    ],
)
def test_the_right_reply_gives_its_data_once_all_of_it_has_come(request_: Request, reply: str, data: str) -> None:
    exchange, frame = RtuExchange(0x11, request_), bytes.fromhex(reply)
    assert [exchange.read(frame[:length]) for length in range(1, len(frame))] == [None] * (len(frame) - 1)
    assert exchange.read(frame) == bytes.fromhex(data)


def test_an_identification_has_no_length_but_is_put_together() -> None:
    exchange = RtuExchange(1, ReadDeviceIdentification())
    frame = framed("01 2b0e01 01 00 00 02 00 03 414345 01 02 5831")
    assert [exchange.read(frame[:length]) for length in range(1, len(frame))] == [None] * (len(frame) - 1)
    assert exchange.read(frame) == frame[4:-2]


def test_an_exception_is_the_device_speaking() -> None:
    with pytest.raises(ExceptionReplyError) as caught:
        RtuExchange(0x0A, ReadRequest(Table.COIL, 0x4A1, 1)).read(bytes.fromhex("0a 81 02 b053"))
    assert caught.value.code == 2


@given(st.binary(min_size=1, max_size=256))
def test_the_checksum_is_that_of_another_implementation(data: bytes) -> None:
    assert int.from_bytes(checksum(data), "big") == calculate_crc(data)


@pytest.mark.parametrize(
    ("words", "frame"),
    [
        ("unit 18 replied instead of unit 17", framed("12 03 06 ae41 5652 4340")),
        ("unit 0 replied", b"\x00" + RIGHT),
        ("function 4 came", framed("11 04 06 ae41 5652 4340")),
        ("function 132 came", framed("11 84 02")),
        ("4 bytes of data came", framed("11 03 04 ae41 5652")),
        ("0 bytes of data came", framed("11 03 00")),
        ("checksum", RIGHT[:-1] + b"\x00"),
        ("checksum", RIGHT[:5] + b"\x00" + RIGHT[6:]),
        ("checksum", bytes.fromhex("11 83 02 0000")),
        ("1 bytes came behind", RIGHT + b"\x00"),
        ("11 bytes came behind", RIGHT * 2),
        ("a reply of 257 bytes", bytes.fromhex("11 03 ff")),
        ("behind", framed("11 83 02") + b"\x00"),
        ("behind", EXCHANGE.frame + RIGHT + b"\x00"),
        ("11 bytes came behind|replied|function|checksum", EXCHANGE.frame * 2 + RIGHT),
    ],
)
def test_a_reply_that_answers_something_else_is_refused(words: str, frame: bytes) -> None:
    with pytest.raises(WrongReplyError, match=words):
        EXCHANGE.read(frame)


def test_an_identification_that_never_ends_is_refused() -> None:
    with pytest.raises(WrongReplyError, match="which none can have"):
        RtuExchange(1, ReadDeviceIdentification()).read(bytes.fromhex("01 2b0e01 01 00 00 ff") + b"\x00\x00" * 130)


def test_the_echo_of_the_request_is_passed_over_once() -> None:
    assert EXCHANGE.read(EXCHANGE.frame) is None
    echoed = EXCHANGE.frame + RIGHT
    assert [EXCHANGE.read(echoed[:length]) for length in range(1, len(echoed))] == [None] * (len(echoed) - 1)
    assert EXCHANGE.read(echoed) == DATA


def test_an_echo_is_never_taken_for_the_reply() -> None:
    """Of some requests the first seven bytes are what a unit would send as a reply of one register."""
    alike = []
    for unit_id in range(1, 248):
        for address in range(0x200, 0x300):
            exchange = RtuExchange(unit_id, ReadRequest(Table.HOLDING, address, 1))
            body, sum_ = exchange.frame[:5], exchange.frame[5:7]
            if checksum(body) == sum_:
                alike.append((unit_id, address))
            for length in range(1, len(exchange.frame) + 1):
                assert exchange.read(exchange.frame[:length]) is None
    assert alike, "there are such requests"


@pytest.mark.parametrize(
    ("baudrate", "silence_s"),
    [(300, 0.128333), (1200, 0.032083), (9600, 0.0040104), (19_200, 0.0020052), (38_400, 0.00175), (921_600, 0.00175)],
)
def test_the_silence_before_a_frame_follows_the_baud_rate(baudrate: int, silence_s: float) -> None:
    assert silence_between_frames_s(baudrate) == pytest.approx(silence_s, rel=1e-4)
    assert Rtu(baudrate).silence_s == silence_between_frames_s(baudrate)


def test_behind_a_server_the_shortest_silence_is_kept() -> None:
    assert Rtu().silence_s == 0.00175


requests = st.builds(ReadRequest, st.sampled_from(Table), st.integers(0, 3), st.integers(1, 4))


@given(
    st.integers(1, 3),
    requests,
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.binary(max_size=9)),
    st.integers(0, 1),
)
def test_a_well_formed_reply_passes_only_for_the_request_it_answers(
    unit_id: int, asked: ReadRequest, said: tuple[int, int, bytes], echoes: int
) -> None:
    body = bytes([said[0], said[1], len(said[2])]) + said[2]
    exchange = RtuExchange(unit_id, asked)
    try:
        read = exchange.read(exchange.frame * echoes + body + checksum(body))
    except WrongReplyError:
        read = None
    fits = (*said[:2], len(said[2])) == (unit_id, asked.table.function, data_size_bytes(asked.table, asked.count))
    assert read == (said[2] if fits else None)


@given(st.binary(min_size=1, max_size=300))
@example(RIGHT)
@example(EXCHANGE.frame + RIGHT)
def test_nothing_but_the_right_reply_ever_passes(frame: bytes) -> None:
    try:
        data = EXCHANGE.read(frame)
    except (WrongReplyError, ExceptionReplyError):
        return
    body = b"\x11\x03\x06" + (data or b"")
    assert data is None or frame.removeprefix(EXCHANGE.frame) == body + checksum(body)
