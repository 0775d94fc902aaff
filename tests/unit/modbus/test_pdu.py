"""A reply passes only if it answers exactly the request, and no request writes."""

import dataclasses
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, WrongReplyError
from ems_telemetry.connectors.modbus.identification import read_objects
from ems_telemetry.connectors.modbus.pdu import (
    IdentificationCode,
    ReadDeviceIdentification,
    ReadRequest,
    ReportServerId,
    Request,
)
from ems_telemetry.connectors.modbus.registers import Table

READING_FUNCTIONS = {1, 2, 3, 4, 17, 43}
REGISTERS = ReadRequest(Table.HOLDING, 40, 2)
IDENTIFICATION = bytes.fromhex("2b0e01 01 00 00 02 00 03 414345 01 02 5831")
REPLIES: list[tuple[Request, bytes, bytes]] = [
    (REGISTERS, bytes.fromhex("03 04 0102 0304"), bytes.fromhex("01020304")),
    (ReadRequest(Table.INPUT, 8, 1), bytes.fromhex("04 02 000a"), bytes.fromhex("000a")),
    (ReadRequest(Table.COIL, 0x13, 0x25), bytes.fromhex("01 05 cd6bb20e1b"), bytes.fromhex("cd6bb20e1b")),
    (ReadRequest(Table.DISCRETE, 0xC4, 0x16), bytes.fromhex("02 03 acdb35"), bytes.fromhex("acdb35")),
    (ReportServerId(), bytes.fromhex("11 04 414243 ff"), b"ABC\xff"),
    (ReportServerId(), bytes.fromhex("11 00"), b""),
    (ReadDeviceIdentification(), IDENTIFICATION, IDENTIFICATION[3:]),
    (ReadDeviceIdentification(IdentificationCode.SPECIFIC, 7), bytes.fromhex("2b0e04 81 00 00 00"), bytes.fromhex("81000000")),
]


def every_request() -> Iterator[Request]:
    """All kinds with the values at and around their limits; each object of an identification."""
    for table in Table:
        most = 2000 if table.holds_bits else 125
        for address in (0, 1, 5, 6, 15, 16, 255, 256, 65_535 - most, 65_536 - most):
            for count in (1, 2, 8, 9, most - 1, most):
                yield ReadRequest(table, address, count)
    yield ReportServerId()
    for code in IdentificationCode:
        yield from (ReadDeviceIdentification(code, object_id) for object_id in range(256))


def test_no_request_can_be_made_that_writes() -> None:
    kinds = set()
    for request in every_request():
        kinds.add(type(request))
        assert request.pdu[0] in READING_FUNCTIONS
        assert len(request.pdu) == {17: 1, 43: 4}.get(request.pdu[0], 5)
        assert request.pdu[0] != 43 or request.pdu[1] == 14, "function 43 has kinds that do more than read"
    assert kinds == set(get_args(Request))


@given(st.sampled_from(Table), st.integers(-1, 70_000), st.integers(-1, 2_100))
def test_a_read_is_one_the_specification_allows_or_is_none(table: Table, address: int, count: int) -> None:
    allowed = address >= 0 and 1 <= count <= (2000 if table.holds_bits else 125) and address + count <= 65_536
    try:
        request = ReadRequest(table, address, count)
    except ValueError:
        assert not allowed
    else:
        assert allowed
        assert request.pdu == bytes([table.function]) + address.to_bytes(2, "big") + count.to_bytes(2, "big")


@pytest.mark.parametrize("request_", [REGISTERS, ReportServerId(), ReadDeviceIdentification()])
def test_a_request_cannot_be_turned_into_another(request_: Request) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        request_.pdu = b"\x06\x00\x01\x00\x01"  # type: ignore[misc]
    with pytest.raises(ValueError, match="pdu is declared with init=False"):
        dataclasses.replace(request_, pdu=b"\x06\x00\x01\x00\x01")


@pytest.mark.parametrize(("code", "object_id"), [(0, 0), (5, 0), (1, -1), (1, 256)])
def test_an_identification_that_does_not_exist_cannot_be_asked_for(code: int, object_id: int) -> None:
    with pytest.raises(ValueError, match=r"object|IdentificationCode"):
        ReadDeviceIdentification(code, object_id)  # type: ignore[arg-type]


@pytest.mark.parametrize(("request_", "reply", "data"), REPLIES)
def test_the_right_reply_gives_its_data(request_: Request, reply: bytes, data: bytes) -> None:
    assert request_.read_reply(reply) == data


@pytest.mark.parametrize(("request_", "reply", "data"), REPLIES)
def test_the_size_of_a_reply_is_known_from_its_beginning(request_: Request, reply: bytes, data: bytes) -> None:
    sizes = [request_.reply_size_bytes(reply[:length]) for length in range(len(reply) + 1)]
    assert sizes[0] is None
    assert sizes[-1] == len(reply) >= len(data)
    assert {size for size in sizes if size is not None} == {len(reply)}


@pytest.mark.parametrize(("request_", "reply", "data"), REPLIES)
@pytest.mark.parametrize("code", range(1, 12))
def test_an_exception_is_the_device_speaking(request_: Request, reply: bytes, data: bytes, code: int) -> None:
    said = bytes([reply[0] | 0x80, code])
    assert request_.reply_size_bytes(said[:1]) == 2
    with pytest.raises(ExceptionReplyError) as caught:
        request_.read_reply(said)
    assert (caught.value.code, data) == (code, data)


@pytest.mark.parametrize(("request_", "reply", "data"), REPLIES)
def test_the_reply_to_another_function_is_refused_at_its_first_byte(request_: Request, reply: bytes, data: bytes) -> None:
    for function in set(range(256)) - {reply[0], reply[0] | 0x80}:
        with pytest.raises(WrongReplyError):
            request_.reply_size_bytes(bytes([function]))
        with pytest.raises(WrongReplyError):
            request_.read_reply(bytes([function]) + reply[1:])
    assert request_.read_reply(reply) == data


@pytest.mark.parametrize(("request_", "reply", "data"), REPLIES)
def test_a_reply_cut_short_or_with_a_tail_is_refused(request_: Request, reply: bytes, data: bytes) -> None:
    for damaged in [*(reply[:length] for length in range(len(reply))), reply + b"\x00", reply + data + b"\x01"]:
        with pytest.raises(WrongReplyError):
            request_.read_reply(damaged)


@pytest.mark.parametrize(
    ("what", "reply"),
    [
        ("an exception with a tail", "83 02 00"),
        ("fewer registers", "03 02 0102"),
        ("more registers", "03 06 0102 0304 0506"),
        ("no registers", "03 00"),
        ("a byte count too small", "03 02 0102 0304"),
        ("a byte count too large", "03 06 0102 0304"),
        ("nothing", ""),
    ],
)
def test_registers_that_were_not_asked_for_are_refused(what: str, reply: str) -> None:
    with pytest.raises(WrongReplyError):
        REGISTERS.read_reply(bytes.fromhex(reply))
    assert what


@pytest.mark.parametrize(
    ("what", "reply"),
    [
        ("another kind", "2b0d01 01 00 00 00"),
        ("another code", "2b0e02 01 00 00 00"),
        ("fewer objects than said", "2b0e01 01 00 00 02 00 01 41"),
        ("more objects than said", "2b0e01 01 00 00 00 00 01 41"),
        ("an object cut short", "2b0e01 01 00 00 01 00 05 41"),
    ],
)
def test_an_identification_of_another_form_is_refused(what: str, reply: str) -> None:
    with pytest.raises(WrongReplyError):
        ReadDeviceIdentification().read_reply(bytes.fromhex(reply))
    assert what


def test_an_identification_is_taken_apart() -> None:
    whole = read_objects(IDENTIFICATION[3:])
    assert (whole.objects, whole.next_object_id) == ({0: b"ACE", 1: b"X1"}, None)
    assert read_objects(bytes.fromhex("83 ff 80 01 7f 00")).next_object_id == 0x80


@given(st.binary(max_size=300))
@example(bytes.fromhex("03 04 0102 0304"))
def test_nothing_but_the_right_reply_ever_passes(pdu: bytes) -> None:
    try:
        data = REGISTERS.read_reply(pdu)
    except (WrongReplyError, ExceptionReplyError):
        return
    assert pdu == b"\x03\x04" + data
