"""From DataValues to samples: a table of what servers say."""

import struct
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from asyncua import ua
from asyncua.ua.uatypes import VariantType

from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.picking import Unreadable
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.values import choose_time, has_overflowed, read_data_value
from ems_telemetry.connectors.status_codes import judge
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Flag, Quality, Sample

AT = datetime(2026, 3, 2, 10, 0, 0, 123_456, tzinfo=UTC)
SERVER_AT = datetime(2026, 3, 2, 10, 0, 1, tzinfo=UTC)
RECEIVED_AT = datetime(2026, 3, 2, 10, 0, 2, tzinfo=UTC)
NEVER = datetime(1601, 1, 1, tzinfo=UTC)
ITEM = WantedItem("CA-01.volume", "ns=2;s=Air.Total", parse_node("ns=2;s=Air.Total"), 0.0, 1.0, 10, None)


def said(
    value: object, type_: VariantType, status: int = 0, source: datetime | None = AT, server: datetime | None = SERVER_AT
) -> ua.DataValue:
    return ua.DataValue(
        ua.Variant(value, type_),
        ua.StatusCode(ua.UInt32(status)),
        SourceTimestamp=source,  # type: ignore[arg-type]  # asyncua names its wire type, and gives datetimes
        ServerTimestamp=server,  # type: ignore[arg-type]  # see above
    )


def read(data: ua.DataValue) -> Sample | DeadLetter:
    return read_data_value("compressor-plc", ITEM, data, RECEIVED_AT)


def sample_of(data: ua.DataValue) -> Sample:
    found = read(data)
    assert isinstance(found, Sample)
    return found


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (True, VariantType.Boolean),
        (-128, VariantType.SByte),
        (255, VariantType.Byte),
        (-32_768, VariantType.Int16),
        (65_535, VariantType.UInt16),
        (-(2**31), VariantType.Int32),
        (2**32 - 1, VariantType.UInt32),
        (-(2**63), VariantType.Int64),
        (2**53 + 1, VariantType.UInt64),
        (2**64 - 1, VariantType.UInt64),
        (0.1, VariantType.Double),
        (-0.0, VariantType.Double),
        (1.5, VariantType.Float),
        ("running", VariantType.String),
        ("", VariantType.String),
    ],
)
def test_numbers_switches_and_texts_arrive_exactly(value: object, type_: VariantType) -> None:
    found = sample_of(said(value, type_))
    assert found == Sample("CA-01.volume", AT, value, RECEIVED_AT)  # type: ignore[arg-type]  # the table's values are of any type
    assert type(found.value) is type(value)


def test_a_float_is_the_double_it_is_and_not_the_one_it_looks_like() -> None:
    as_sent = struct.unpack("<f", struct.pack("<f", 0.1))[0]
    assert sample_of(said(as_sent, VariantType.Float)).value == 0.10000000149011612


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_goes_on_as_it_is_and_is_judged_with_the_point(value: float) -> None:
    found = sample_of(said(value, VariantType.Double))
    assert (repr(found.value), found.quality) == (repr(value), Quality.GOOD)


def test_a_part_that_cannot_be_read_is_a_dead_letter_in_its_own_words() -> None:
    letter = read(said(Unreadable("there is no such field", b"\x01\x02"), VariantType.ExtensionObject))
    assert isinstance(letter, DeadLetter)
    assert letter.detail == "there is no such field"
    assert b"x01" in letter.payload


def test_an_enumeration_is_its_number() -> None:
    found = sample_of(said(ua.ServerState.Suspended, VariantType.Int32))
    assert found.value == 3
    assert type(found.value) is int


def test_a_localized_text_is_its_text() -> None:
    assert sample_of(said(ua.LocalizedText("läuft", "de"), VariantType.LocalizedText)).value == "läuft"


@pytest.mark.parametrize("data", [said(None, VariantType.Null), said(None, VariantType.String), ua.DataValue()])
def test_a_null_is_no_value_and_never_zero(data: ua.DataValue) -> None:
    found = sample_of(data)
    assert (found.value, found.quality, found.flags & Flag.INVALID_VALUE) == (None, Quality.BAD, Flag.INVALID_VALUE)


@pytest.mark.parametrize(
    ("status", "quality", "flag"),
    [
        (0x0000_0000, Quality.GOOD, 0),
        (0x0096_0000, Quality.GOOD, 0),  # GoodLocalOverride
        (0x0030_0000, Quality.GOOD, 0),  # GoodClamped
        (0x002D_0000, Quality.GOOD, 0),  # GoodSubscriptionTransferred
        (0x0000_00C0, Quality.GOOD, 0),  # OPC DA's "good" in the lower bits
        (0x0000_0480, Quality.GOOD, 0),  # Good, with the overflow bit
        (0x4000_0000, Quality.UNCERTAIN, Flag.UNCERTAIN_STATUS),
        (0x4090_0000, Quality.UNCERTAIN, Flag.UNCERTAIN_STATUS),  # UncertainLastUsableValue
        (0x8000_0000, Quality.BAD, Flag.BAD_STATUS),
        (0x808C_0000, Quality.BAD, Flag.BAD_STATUS),  # BadSensorFailure
        (0xC000_0000, Quality.BAD, Flag.BAD_STATUS),  # reserved: to be treated as bad
    ],
)
def test_the_severity_decides_the_quality(status: int, quality: Quality, flag: int) -> None:
    assert judge(status) == (quality, flag)


def test_the_whole_status_is_kept_with_an_uncertain_value() -> None:
    found = sample_of(said(5.5, VariantType.Double, 0x4090_0480))
    assert (found.value, found.quality, found.status) == (5.5, Quality.UNCERTAIN, 0x4090_0480)


def test_a_bad_status_takes_the_value_away_even_if_one_was_sent() -> None:
    found = sample_of(said(5.5, VariantType.Double, 0x808C_0000))
    assert (found.value, found.quality, found.status, found.flags) == (None, Quality.BAD, 0x808C_0000, Flag.BAD_STATUS)


def test_a_bad_array_is_a_sample_without_a_value() -> None:
    assert sample_of(said([1.0], VariantType.Double, 0x808C_0000)).value is None


@pytest.mark.parametrize(
    ("source", "server", "chosen"),
    [
        (AT, SERVER_AT, (AT, 0)),
        (None, SERVER_AT, (SERVER_AT, Flag.SERVER_TIME)),
        (NEVER, SERVER_AT, (SERVER_AT, Flag.SERVER_TIME)),
        (None, None, (None, 0)),
        (NEVER, NEVER, (None, 0)),
        (AT.replace(tzinfo=None), None, (AT, 0)),
    ],
)
def test_the_time_is_the_source_s_else_the_server_s_else_none(
    source: datetime | None, server: datetime | None, chosen: tuple[datetime | None, int]
) -> None:
    assert choose_time(said(1.0, VariantType.Double, source=source, server=server)) == chosen


@pytest.mark.parametrize(
    ("status", "overflowed"),
    [(0x0000_0480, True), (0x4090_0480, True), (0, False), (0x0000_0400, False), (0x0000_0080, False), (0x0000_0880, False)],
)
def test_the_overflow_bit_counts_only_with_the_info_type_data_value(status: int, overflowed: bool) -> None:  # noqa: FBT001  a column
    assert has_overflowed(said(1.0, VariantType.Double, status)) is overflowed


@pytest.mark.parametrize(
    ("value", "type_", "detail"),
    [
        ([1.0, 2.0], VariantType.Double, "an array of Double is not a number, a Boolean or a text"),
        ([], VariantType.Int32, "an array of Int32 is not a number, a Boolean or a text"),
        (b"\x01", VariantType.ByteString, "ByteString is not a number, a Boolean or a text"),
        (ua.Argument(), VariantType.ExtensionObject, "ExtensionObject is not a number, a Boolean or a text"),
        (uuid4(), VariantType.Guid, "Guid is not a number, a Boolean or a text"),
        (AT, VariantType.DateTime, "DateTime is not a number, a Boolean or a text"),
    ],
)
def test_what_no_sample_can_hold_is_a_dead_letter(value: object, type_: VariantType, detail: str) -> None:
    letter = read(said(value, type_))
    assert isinstance(letter, DeadLetter)
    assert (letter.connector, letter.point, letter.reason) == ("compressor-plc", "CA-01.volume", "unsupported_value")
    assert (letter.detail, letter.source, letter.received_at) == (detail, "ns=2;s=Air.Total", RECEIVED_AT)
    assert letter.payload.startswith(b"DataValue(")


def test_a_long_dead_letter_is_cut_and_tells_its_length() -> None:
    letter = read(said([0.0] * 10_000, VariantType.Double))
    assert isinstance(letter, DeadLetter)
    assert len(letter.payload) == DEAD_LETTER_PAYLOAD_BYTES
    assert "cut from" in letter.detail


def test_two_dead_letters_are_two() -> None:
    first, second = read(said([1.0], VariantType.Double)), read(said([1.0], VariantType.Double))
    assert isinstance(first, DeadLetter)
    assert isinstance(second, DeadLetter)
    assert first.id != second.id
