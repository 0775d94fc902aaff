"""Over TCP a reply passes only under its request's transaction, protocol, unit and length, and alone."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ems_telemetry.connectors.modbus.decode import data_size_bytes
from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, WrongReplyError
from ems_telemetry.connectors.modbus.mbap import Mbap, MbapExchange
from ems_telemetry.connectors.modbus.pdu import ReadDeviceIdentification, ReadRequest, ReportServerId
from ems_telemetry.connectors.modbus.registers import Table

EXCHANGE = MbapExchange(7, 17, ReadRequest(Table.HOLDING, 40, 2))
RIGHT = bytes.fromhex("0007 0000 0007 11 03 04 0102 0304")


@pytest.mark.parametrize(
    ("table", "function"), [(Table.COIL, "01"), (Table.DISCRETE, "02"), (Table.HOLDING, "03"), (Table.INPUT, "04")]
)
def test_a_read_is_laid_out_as_the_specification_says(table: Table, function: str) -> None:
    assert MbapExchange(7, 17, ReadRequest(table, 40, 2)).frame == bytes.fromhex(f"0007 0000 0006 11 {function} 0028 0002")


def test_questions_for_identity_are_laid_out_as_the_specification_says() -> None:
    assert MbapExchange(1, 255, ReportServerId()).frame == bytes.fromhex("0001 0000 0002 ff 11")
    assert MbapExchange(1, 1, ReadDeviceIdentification()).frame == bytes.fromhex("0001 0000 0005 01 2b 0e 01 00")


def test_transaction_ids_go_on_and_round_and_are_never_zero() -> None:
    framing, request = Mbap(), ReportServerId()
    seen = [struct.unpack(">H", framing.begin(1, request).frame[:2])[0] for _ in range(0x10000 + 2)]
    assert (seen[:2], seen[0xFFFE : 0xFFFE + 3]) == ([1, 2], [0xFFFF, 1, 2])
    assert 0 not in seen


def test_the_right_reply_gives_its_data_once_all_of_it_has_come() -> None:
    assert [EXCHANGE.read(RIGHT[:length]) for length in range(len(RIGHT))] == [None] * len(RIGHT)
    assert EXCHANGE.read(RIGHT) == bytes.fromhex("01020304")


@pytest.mark.parametrize("code", range(1, 12))
def test_an_exception_is_the_device_speaking(code: int) -> None:
    with pytest.raises(ExceptionReplyError) as caught:
        EXCHANGE.read(bytes.fromhex(f"0007 0000 0003 11 83 {code:02x}"))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("words", "frame"),
    [
        ("another request", "0006 0000 0007 11 03 04 0102 0304"),
        ("another request", "0000 0000 0007 11 03 04 0102 0304"),
        ("protocol 1 came", "0007 0001 0007 11 03 04 0102 0304"),
        ("unit 18 replied instead of unit 17", "0007 0000 0007 12 03 04 0102 0304"),
        ("function 4 came", "0007 0000 0007 11 04 04 0102 0304"),
        ("function 132 came", "0007 0000 0003 11 84 02"),
        ("function 131 came", "0007 0000 0004 11 83 02 00"),
        ("2 bytes of data came", "0007 0000 0005 11 03 02 0102"),
        ("6 bytes of data came", "0007 0000 0009 11 03 06 0102 0304 0506"),
        ("0 bytes of data came", "0007 0000 0003 11 03 00"),
        ("said to be 2", "0007 0000 0007 11 03 02 0102 0304"),
        ("said to be 6", "0007 0000 0007 11 03 06 0102 0304"),
        ("a reply of 1 bytes", "0007 0000 0001 11"),
        ("a reply of 65535 bytes", "0007 0000 ffff 11 03 04 0102 0304"),
        ("a reply of 0 bytes", "0007 0000 0000 11 03 04 0102 0304"),
        ("1 bytes came behind the reply", "0007 0000 0007 11 03 04 0102 0304 00"),
        ("13 bytes came behind the reply", "0007 0000 0007 11 03 04 0102 0304" * 2),
        ("behind the reply", "0007 0000 0003 11 83 02 00"),
        ("a reply of protocol 1792", "00 0007 0000 0007 11 03 04 0102 0304"),
    ],
)
def test_a_reply_that_answers_something_else_is_refused(words: str, frame: str) -> None:
    with pytest.raises(WrongReplyError, match=words):
        EXCHANGE.read(bytes.fromhex(frame))


requests = st.builds(ReadRequest, st.sampled_from(Table), st.integers(0, 3), st.integers(1, 4))


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), requests),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.binary(max_size=9)),
)
def test_a_well_formed_reply_passes_only_for_the_request_it_answers(
    asked: tuple[int, int, ReadRequest], said: tuple[int, int, int, bytes]
) -> None:
    transaction, unit_id, function, data = said
    frame = struct.pack(">HHHBBB", transaction, 0, len(data) + 3, unit_id, function, len(data)) + data
    wanted = data_size_bytes(asked[2].table, asked[2].count)
    try:
        read = MbapExchange(*asked).read(frame)
    except WrongReplyError:
        read = None
    fits = (transaction, unit_id, function, len(data)) == (*asked[:2], asked[2].table.function, wanted)
    assert read == (data if fits else None)


@given(st.binary(max_size=300))
@example(RIGHT)
def test_nothing_but_the_right_reply_ever_passes(frame: bytes) -> None:
    try:
        data = EXCHANGE.read(frame)
    except (WrongReplyError, ExceptionReplyError):
        return
    assert data is None or frame == struct.pack(">HHHBBB", 7, 0, 7, 17, 3, 4) + data
