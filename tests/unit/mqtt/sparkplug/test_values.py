"""Values of every datatype come out as they went in: sign, width and last digit."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.mqtt.sparkplug.line import metric

from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric, Payload
from ems_telemetry.connectors.mqtt.sparkplug.values import (
    UNTYPED,
    DataType,
    UnsupportedError,
    UntypedError,
    name_of,
    read_value,
    readers_of,
)

SIGNED = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
UNSIGNED = {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64, DataType.DATE_TIME: 64}
TEXTS = (DataType.STRING, DataType.TEXT, DataType.UUID)


def value_of(type_: DataType) -> st.SearchStrategy[Any]:
    if type_ in SIGNED:
        bits = SIGNED[type_]
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if type_ in UNSIGNED:
        return st.integers(0, 2 ** UNSIGNED[type_] - 1)
    if type_ in TEXTS:
        return st.text(st.characters(exclude_categories=["Cs"]))
    if type_ is DataType.BOOLEAN:
        return st.booleans()
    return st.floats(width=32 if type_ is DataType.FLOAT else 64)


TYPED = st.sampled_from([*SIGNED, *UNSIGNED, *TEXTS, DataType.BOOLEAN, DataType.FLOAT, DataType.DOUBLE]).flatmap(
    lambda type_: st.tuples(st.just(type_), value_of(type_))
)


def over_the_wire(made: Metric) -> Metric:
    return Payload.FromString(Payload(metrics=[made]).SerializeToString()).metrics[0]


@given(TYPED)
def test_what_goes_in_comes_out(typed: tuple[DataType, Any]) -> None:
    type_, value = typed
    read = read_value(over_the_wire(metric("m", value, type=type_)), readers_of(type_))
    assert read == value or (isinstance(value, float) and math.isnan(value) and math.isnan(float(read or 0)))
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("type_", "field", "said", "value"),
    [
        (DataType.INT8, "int_value", 0x80, -128),
        (DataType.INT8, "int_value", 0xFFFF_FFFF, -1),
        (DataType.INT8, "long_value", 0xFFFF_FFFF_FFFF_FFFF, -1),
        (DataType.INT8, "int_value", 127, 127),
        (DataType.INT16, "int_value", 0x8000, -32_768),
        (DataType.INT16, "int_value", 0xFFFF_8000, -32_768),
        (DataType.INT32, "int_value", 0xFFFF_FFF4, -12),
        (DataType.INT32, "long_value", 0xFFFF_FFF4, -12),
        (DataType.INT32, "long_value", 0xFFFF_FFFF_FFFF_FFF4, -12),
        (DataType.INT64, "long_value", 0x8000_0000_0000_0000, -(2**63)),
        (DataType.INT64, "int_value", 7, 7),
        (DataType.UINT32, "long_value", 0xFFFF_FFFF, 0xFFFF_FFFF),
        (DataType.UINT64, "long_value", 2**64 - 1, 2**64 - 1),
        (DataType.UINT64, "int_value", 5, 5),
        (DataType.FLOAT, "double_value", 0.1, 0.1),
        (DataType.DOUBLE, "float_value", 0.5, 0.5),
        (DataType.BOOLEAN, "int_value", 1, True),
        (DataType.DATE_TIME, "long_value", 1_486_144_502_122, 1_486_144_502_122),
    ],
)
def test_the_ways_in_which_publishers_write_them_are_read(type_: DataType, field: str, said: Any, value: Any) -> None:  # noqa: ANN401 - of any datatype
    made = Metric(datatype=type_)
    setattr(made, field, said)
    assert read_value(made, readers_of(type_)) == value


@pytest.mark.parametrize(
    ("type_", "field", "said"),
    [
        (DataType.INT8, "int_value", 300),
        (DataType.INT16, "int_value", 0x1_0000),
        (DataType.INT32, "long_value", 2**40),
        (DataType.INT64, "int_value", 0xFFFF_FFFF),
        (DataType.UINT8, "int_value", 256),
        (DataType.UINT32, "long_value", 2**32),
        (DataType.BOOLEAN, "int_value", 2),
        (DataType.DOUBLE, "int_value", 5),
        (DataType.INT32, "float_value", 1.0),
        (DataType.STRING, "bytes_value", b"text"),
        (DataType.DOUBLE, "string_value", "1.5"),
    ],
)
def test_what_does_not_fit_its_datatype_is_refused_and_not_bent(type_: DataType, field: str, said: Any) -> None:  # noqa: ANN401 - of any datatype
    made = Metric(datatype=type_)
    setattr(made, field, said)
    with pytest.raises(ValueError, match=r"."):
        read_value(made, readers_of(type_))


def test_a_text_that_is_not_utf_8_is_refused() -> None:
    raw = bytes([0x12, 0x05, 0x7A, 0x03, 0x61, 0xFF, 0x62])
    with pytest.raises(ValueError, match="not UTF-8"):
        read_value(Payload.FromString(raw).metrics[0], readers_of(DataType.STRING))


@pytest.mark.parametrize("type_", [0, *range(DataType.DATA_SET, 40)])
def test_a_datatype_that_holds_no_single_value_is_not_supported(type_: int) -> None:
    made = metric("m", b"\x01\x02", type=type_) if type_ in range(16, 20) else Metric(datatype=type_, bytes_value=b"\x01")
    with pytest.raises(UnsupportedError):
        read_value(made, readers_of(type_))


def test_a_null_is_none_even_where_a_value_stands_beside_it() -> None:
    assert read_value(metric("m", 5.0, is_null=True), readers_of(DataType.DOUBLE)) is None
    assert read_value(metric("m"), readers_of(DataType.DOUBLE)) is None


@pytest.mark.parametrize(
    ("field", "said"), [("double_value", 1.5), ("float_value", 0.5), ("boolean_value", True), ("string_value", "on")]
)
def test_without_a_datatype_only_what_needs_none_is_read(field: str, said: Any) -> None:  # noqa: ANN401 - of any datatype
    made = Metric()
    setattr(made, field, said)
    assert read_value(made, UNTYPED) == said
    with pytest.raises(UntypedError):
        read_value(Metric(int_value=5), UNTYPED)


def test_datatypes_have_names() -> None:
    assert [name_of(number) for number in (4, 16, 99)] == ["INT64", "DATA_SET", "datatype 99"]


def test_the_bytes_are_those_of_the_specification() -> None:
    """Written by hand from the field numbers: a Payload with timestamp 1, seq 2, and a metric of alias 300, Int32 -12."""
    raw = bytes.fromhex("0801 120b 10ac02 2003 50f4ffffff0f 1802".replace(" ", ""))
    parsed = Payload.FromString(raw)
    assert (parsed.timestamp, parsed.seq, parsed.metrics[0].alias) == (1, 2, 300)
    assert read_value(parsed.metrics[0], readers_of(parsed.metrics[0].datatype)) == -12
    assert parsed.SerializeToString(deterministic=True) == raw
    double = bytes.fromhex("1209 69") + struct.pack("<d", 1.5)
    assert Payload.FromString(double).metrics[0].double_value == 1.5
