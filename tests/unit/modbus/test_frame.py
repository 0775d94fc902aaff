"""A reply passes only if it answers exactly the request."""

import struct
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, WrongReplyError
from ems_telemetry.connectors.modbus.frame import HEADER_BYTES, Request, encode, pdu_size_bytes, read_pdu
from ems_telemetry.connectors.modbus.registers import Table

REQUEST = Request(transaction=7, unit_id=17, table=Table.HOLDING, address=40, count=2)
RIGHT = bytes.fromhex("0007 0000 0007 11 03 04 0102 0304")


def read(request: Request, frame: bytes) -> bytes:
    size = pdu_size_bytes(request, frame[:HEADER_BYTES])
    return read_pdu(request, frame[HEADER_BYTES : HEADER_BYTES + size])


@pytest.mark.parametrize(
    ("table", "function"), [(Table.COIL, "01"), (Table.DISCRETE, "02"), (Table.HOLDING, "03"), (Table.INPUT, "04")]
)
def test_a_request_is_laid_out_as_the_specification_says(table: Table, function: str) -> None:
    assert encode(replace(REQUEST, table=table)) == bytes.fromhex(f"0007 0000 0006 11 {function} 0028 0002")


def test_the_right_reply_gives_its_data() -> None:
    assert read(REQUEST, RIGHT) == bytes.fromhex("01020304")


def test_bits_come_eight_in_a_byte() -> None:
    coils = replace(REQUEST, table=Table.COIL, count=19)
    assert read(coils, bytes.fromhex("0007 0000 0006 11 01 03 cd6b05")) == bytes.fromhex("cd6b05")


@pytest.mark.parametrize("code", range(1, 12))
def test_an_exception_is_the_device_speaking(code: int) -> None:
    with pytest.raises(ExceptionReplyError) as caught:
        read(REQUEST, bytes.fromhex(f"0007 0000 0003 11 83 {code:02x}"))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("what", "frame"),
    [
        ("another request", "0006 0000 0007 11 03 04 0102 0304"),
        ("no request at all", "0000 0000 0007 11 03 04 0102 0304"),
        ("another protocol", "0007 0001 0007 11 03 04 0102 0304"),
        ("another unit", "0007 0000 0007 12 03 04 0102 0304"),
        ("another function", "0007 0000 0007 11 04 04 0102 0304"),
        ("an exception of another function", "0007 0000 0003 11 84 02"),
        ("an exception with a tail", "0007 0000 0004 11 83 02 00"),
        ("fewer registers", "0007 0000 0005 11 03 02 0102"),
        ("more registers", "0007 0000 0009 11 03 06 0102 0304 0506"),
        ("no registers", "0007 0000 0003 11 03 00"),
        ("a byte count too small", "0007 0000 0007 11 03 02 0102 0304"),
        ("a byte count too large", "0007 0000 0007 11 03 06 0102 0304"),
        ("nothing after the header", "0007 0000 0001 11"),
        ("an impossible length", "0007 0000 ffff 11 03 04 0102 0304"),
        ("a length of zero", "0007 0000 0000 11 03 04 0102 0304"),
    ],
)
def test_a_reply_that_answers_something_else_is_refused(what: str, frame: str) -> None:
    with pytest.raises(WrongReplyError):
        read(REQUEST, bytes.fromhex(frame))
    assert what


@given(st.binary(min_size=HEADER_BYTES, max_size=300))
@example(RIGHT)
def test_nothing_but_the_right_reply_ever_passes(frame: bytes) -> None:
    try:
        data = read(REQUEST, frame)
    except (WrongReplyError, ExceptionReplyError):
        return
    assert frame.startswith(struct.pack(">HHHBBB", 7, 0, 7, 17, 3, 4) + data)
