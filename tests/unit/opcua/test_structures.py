"""Structures read by their definitions, against asyncua's own encoding of classes made here, and against bytes made to hurt."""

import contextlib
import dataclasses
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.opcua.binary import Builtin, UnreadableStructureError
from ems_telemetry.connectors.opcua.layouts import layout_of
from ems_telemetry.connectors.opcua.structures import Field, Layout, Layouts, Opaque, Shape, read_structure

INNER = ua.NodeId(3001, 2)  # type: ignore[arg-type]  # asyncua names its wire types, and takes plain ones
OUTER = ua.NodeId(3002, 2)  # type: ignore[arg-type]  # see above
TEXTS = st.text(max_size=20)
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 30, tzinfo=UTC)  # the standard takes the very last second as "for ever"
TIMES = st.integers(min_value=0, max_value=(LAST - EPOCH) // timedelta(microseconds=1)).map(
    lambda us: (EPOCH + timedelta(microseconds=us)).replace(tzinfo=None)
)


def whole(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


KINDS: dict[Builtin, tuple[str, st.SearchStrategy[Any]]] = {
    Builtin.BOOLEAN: ("Boolean", st.booleans()),
    Builtin.SBYTE: ("SByte", whole(8, signed=True)),
    Builtin.BYTE: ("Byte", whole(8, signed=False)),
    Builtin.INT16: ("Int16", whole(16, signed=True)),
    Builtin.UINT16: ("UInt16", whole(16, signed=False)),
    Builtin.INT32: ("Int32", whole(32, signed=True)),
    Builtin.UINT32: ("UInt32", whole(32, signed=False)),
    Builtin.INT64: ("Int64", whole(64, signed=True)),
    Builtin.UINT64: ("UInt64", whole(64, signed=False)),
    Builtin.FLOAT: ("Float", st.floats(width=32, allow_nan=False)),
    Builtin.DOUBLE: ("Double", st.floats(allow_nan=False)),
    Builtin.STRING: ("String", st.none() | TEXTS),
    Builtin.DATE_TIME: ("DateTime", TIMES),
    Builtin.GUID: ("Guid", st.uuids()),
    Builtin.BYTE_STRING: ("ByteString", st.none() | st.binary(max_size=20)),
    Builtin.NODE_ID: (
        "NodeId",
        st.one_of(
            st.integers(0, 2**32 - 1), st.text(min_size=1, max_size=9), st.uuids(), st.binary(min_size=1, max_size=9)
        ).map(
            lambda identifier: ua.NodeId(identifier, 3)  # type: ignore[arg-type]  # see above
        ),
    ),
    Builtin.STATUS_CODE: ("StatusCode", whole(32, signed=False).map(lambda code: ua.StatusCode(ua.UInt32(code)))),
    Builtin.QUALIFIED_NAME: ("QualifiedName", TEXTS.map(lambda name: ua.QualifiedName(name, 2))),
    Builtin.LOCALIZED_TEXT: ("LocalizedText", TEXTS.map(lambda text: ua.LocalizedText(text, "de"))),
    Builtin.VARIANT: (
        "Variant",
        st.one_of(
            whole(64, signed=True).map(lambda number: ua.Variant(number, ua.VariantType.Int64)),
            st.lists(whole(16, signed=True), min_size=1, max_size=4).map(lambda some: ua.Variant(some, ua.VariantType.Int16)),
            st.just(ua.Variant()),
        ),
    ),
}


def as_read(value: object) -> object:
    """What of asyncua's values the reader gives."""
    if isinstance(value, list):
        return [as_read(one) for one in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    for type_, attribute in (
        (ua.StatusCode, "value"),
        (ua.QualifiedName, "Name"),
        (ua.LocalizedText, "Text"),
        (ua.Variant, "Value"),
    ):
        if isinstance(value, type_):
            found: object = getattr(value, attribute)
            return found
    return value


FIELDS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.booleans(), st.booleans()), min_size=1, max_size=6)


def made_class(fields: list[tuple[Builtin, bool, bool]], *, optional: bool) -> type[Any]:
    """A class as asyncua would generate it; arrays where the second word says so, optional ones where the third does."""
    made: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    if optional:
        made.append(("Encoding", ua.UInt32, dataclasses.field(default=0, repr=False, init=False, compare=False)))
    for number, (kind, is_array, may_lack) in enumerate(fields):
        scalar: Any = getattr(ua, KINDS[kind][0])
        type_: Any = list[scalar] if is_array else scalar
        made.append((f"f{number}", type_ | None if optional and may_lack else type_, dataclasses.field(default=None)))
    return dataclasses.make_dataclass("Made", made)


@given(st.data(), FIELDS, st.booleans())
def test_what_asyncua_writes_is_read_back(
    data: st.DataObject,
    fields: list[tuple[Builtin, bool, bool]],
    optional: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    values: dict[str, object] = {}
    for number, (kind, is_array, may_lack) in enumerate(fields):
        strategy = st.lists(KINDS[kind][1], max_size=4) if is_array else KINDS[kind][1]
        lacks = optional and may_lack and data.draw(st.booleans())
        values[f"f{number}"] = None if lacks else data.draw(strategy)
    body = struct_to_binary(made_class(fields, optional=optional)(**values))
    if optional:
        # None is how asyncua's classes say "not there": a null text in an optional field does not travel.
        assert len(body) >= 4
    layout = Layout(
        "Made",
        tuple(
            Field(f"f{number}", kind, 1 if is_array else 0, optional=optional and may_lack)
            for number, (kind, is_array, may_lack) in enumerate(fields)
        ),
        Shape.OPTIONAL if optional else Shape.PLAIN,
    )
    read = read_structure(body, OUTER, Layouts({OUTER: layout}, {}))
    assert read == {name: as_read(value) for name, value in values.items()}


@given(st.binary(max_size=200), FIELDS)
def test_any_bytes_are_read_or_refused_and_nothing_else_happens(body: bytes, fields: list[tuple[Builtin, bool, bool]]) -> None:
    layout = Layout(
        "Made", tuple(Field(f"f{n}", kind, int(many), no) for n, (kind, many, no) in enumerate(fields)), Shape.OPTIONAL
    )
    union = Layout("Either", (Field("a", OUTER), Field("b", INNER, 1), Field("c", Builtin.DIAGNOSTIC_INFO)), Shape.UNION)
    layouts = Layouts({OUTER: layout, INNER: union}, {})
    for type_id in (OUTER, INNER):
        with contextlib.suppress(UnreadableStructureError):
            read_structure(body, type_id, layouts)


def structure_of(
    *fields: Field, shape: Shape = Shape.PLAIN, inner: Layout | None = None
) -> Callable[[bytes], dict[str, object]]:
    by_type = {OUTER: Layout("Outer", fields, shape)}
    if inner is not None:
        by_type[INNER] = inner
    return lambda body: read_structure(body, OUTER, Layouts(by_type, {}))


def test_structures_within_structures_and_arrays_of_them_are_read() -> None:
    phase = Layout("Phase", (Field("current", Builtin.DOUBLE),))
    read = structure_of(Field("first", INNER), Field("all", INNER, 1), inner=phase)
    body = struct.pack("<didd", 1.5, 2, 2.5, 3.5)
    assert read(body) == {"first": {"current": 1.5}, "all": [{"current": 2.5}, {"current": 3.5}]}


def test_a_union_has_the_one_field_chosen() -> None:
    read = structure_of(Field("flow", Builtin.DOUBLE), Field("word", Builtin.STRING), shape=Shape.UNION)
    assert read(struct.pack("<Id", 1, 3.5)) == {"flow": 3.5, "word": None}
    assert read(struct.pack("<Ii", 2, 2) + b"ok") == {"flow": None, "word": "ok"}
    assert read(struct.pack("<I", 0)) == {"flow": None, "word": None}


def test_a_structure_of_any_type_is_read_if_its_type_is_known() -> None:
    phase = Layout("Phase", (Field("current", Builtin.DOUBLE),))
    read = structure_of(Field("any", Builtin.EXTENSION_OBJECT), inner=phase)
    known, unknown = b"\x01\x02\xb9\x0b", b"\x01\x02\x01\x00"
    assert read(known + b"\x01" + struct.pack("<id", 8, 1.5)) == {"any": {"current": 1.5}}
    assert read(unknown + b"\x01" + struct.pack("<id", 8, 1.5)) == {"any": Opaque(ua.NodeId(1, 2), 8)}  # type: ignore[arg-type]
    assert read(known + b"\x00") == {"any": None}


def test_a_matrix_is_read_as_its_elements_in_a_row() -> None:
    read = structure_of(Field("m", Builtin.BYTE, 2), Field("after", Builtin.BYTE))
    assert read(struct.pack("<iii", 2, 2, 2) + bytes([1, 2, 3, 4, 9])) == {"m": [1, 2, 3, 4], "after": 9}


def test_a_data_value_gives_its_value_and_a_bad_one_none() -> None:
    read = structure_of(Field("v", Builtin.DATA_VALUE), Field("after", Builtin.BYTE))
    value = variant_to_binary(ua.Variant(7, ua.VariantType.Int32))
    full = b"\x3f" + value + struct.pack("<IqHqH", 0, 1, 2, 3, 4)
    assert read(full + b"\x09") == {"v": 7, "after": 9}
    assert read(b"\x03" + value + struct.pack("<I", 0x80000000) + b"\x09") == {"v": None, "after": 9}


def test_a_diagnostic_info_is_passed_over() -> None:
    read = structure_of(Field("d", Builtin.DIAGNOSTIC_INFO), Field("after", Builtin.BYTE))
    text = struct.pack("<i", 2) + b"no"
    info = b"\x7f" + struct.pack("<iiii", 1, 2, 3, 4) + text + struct.pack("<I", 5) + b"\x00"
    assert read(info + b"\x09") == {"d": None, "after": 9}


@pytest.mark.parametrize("ticks", [-(2**63), -1, 0, 2**63 - 1])
def test_times_beyond_the_calendar_are_its_first_and_last(ticks: int) -> None:
    found = structure_of(Field("t", Builtin.DATE_TIME))(struct.pack("<q", ticks))["t"]
    assert found in (EPOCH, datetime.max.replace(tzinfo=UTC))


def test_a_guid_is_read() -> None:
    guid = UUID("09087e75-8e5e-499b-954f-f2a9603db28a")
    assert structure_of(Field("g", Builtin.GUID))(guid.bytes_le) == {"g": guid}


@pytest.mark.parametrize(
    ("field", "body", "words"),
    [
        (Field("a", Builtin.DOUBLE, 1), struct.pack("<i", 2**31 - 1), "2147483647 elements are announced and 0 bytes"),
        (Field("s", Builtin.STRING), struct.pack("<i", 2**31 - 1), "2147483647 bytes are announced and 0 are there"),
        (Field("m", Builtin.BYTE, 2), struct.pack("<iii", 2, 2**30, 2**30), "elements are announced"),
        (Field("d", Builtin.DOUBLE), b"\x00", "8 bytes are announced and 1 are there"),
        (Field("b", Builtin.BYTE), b"\x00\x01", "1 bytes are left over"),
        (Field("n", Builtin.NODE_ID), b"\x09\x00\x00", "no form 9 of node ids"),
        (Field("v", Builtin.VARIANT), b"\x3f", "no built-in type 63"),
        (Field("e", INNER), b"", "tells no definition of the structure ns=2;i=3001"),
    ],
)
def test_bytes_that_lie_are_refused_in_words(field: Field, body: bytes, words: str) -> None:
    with pytest.raises(UnreadableStructureError, match=words):
        structure_of(field)(body)


def test_a_union_that_chooses_what_it_has_not_is_refused() -> None:
    with pytest.raises(UnreadableStructureError, match="has 1 fields; number 2 is sent"):
        structure_of(Field("flow", Builtin.DOUBLE), shape=Shape.UNION)(struct.pack("<Id", 2, 1.0))


@pytest.mark.parametrize("body", [b"\x18" * 5000, b"\x17\x01" * 5000])
def test_endless_nesting_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableStructureError, match="more than 64 structures stand within each other"):
        structure_of(Field("v", Builtin.VARIANT))(body)


def test_a_structure_that_holds_itself_is_refused_where_it_never_ends() -> None:
    itself = Layout("Inner", (Field("again", INNER),))
    with pytest.raises(UnreadableStructureError, match="stand within each other"):
        structure_of(Field("i", INNER), inner=itself)(b"")


def test_arrays_of_structures_without_fields_cannot_be_multiplied() -> None:
    nothing = Layout("Nothing", ())
    read = structure_of(*(Field(f"f{n}", INNER, 1) for n in range(500)), inner=nothing)
    with pytest.raises(UnreadableStructureError, match="elements are announced"):
        read(struct.pack("<i", 1500) * 500)


def field_of(name: str, type_: int, *, rank: int = -1, optional: bool = False) -> ua.StructureField:
    field = ua.StructureField(Name=name, DataType=ua.NodeId(ua.Int32(type_)), ValueRank=rank)
    field.IsOptional = optional
    return field


def test_a_definition_becomes_a_layout() -> None:
    fields = [field_of("a", 11), field_of("b", 12, rank=1, optional=True)]
    told = ua.StructureDefinition(StructureType=ua.StructureType.StructureWithOptionalFields, Fields=fields)
    plain = {ua.NodeId(ua.Int32(11)): Builtin.DOUBLE, ua.NodeId(ua.Int32(12)): Builtin.STRING}
    expected = (Field("a", Builtin.DOUBLE), Field("b", Builtin.STRING, 1, optional=True))
    assert layout_of(OUTER, told, plain) == Layout(OUTER.to_string(), expected, Shape.OPTIONAL)


def test_fields_that_may_be_subtypes_travel_with_their_type() -> None:
    fields = [field_of("number", 26, optional=True), field_of("thing", 3001, optional=True), field_of("plain", 11)]
    told = ua.StructureDefinition(StructureType=ua.StructureType.StructureWithSubtypedValues, Fields=fields)
    plain = {ua.NodeId(ua.Int32(11)): Builtin.DOUBLE, ua.NodeId(ua.Int32(26)): Builtin.VARIANT}
    types = [field.type for field in layout_of(OUTER, told, plain).fields]
    assert types == [Builtin.VARIANT, Builtin.EXTENSION_OBJECT, Builtin.DOUBLE]
