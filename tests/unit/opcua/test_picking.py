"""Elements and fields taken out of values made by hand."""

import struct
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.uatypes import VariantType

from ems_telemetry.connectors.opcua.binary import Builtin, UnreadableStructureError
from ems_telemetry.connectors.opcua.parts import element_part
from ems_telemetry.connectors.opcua.picking import (
    NoSuchFieldError,
    Part,
    Unreadable,
    check_field,
    follow,
    pick,
)
from ems_telemetry.connectors.opcua.refusals import Refused
from ems_telemetry.connectors.opcua.structures import Field, Layout, Layouts

METER, PHASE, ENCODING = (ua.NodeId(ua.Int32(number)) for number in (3002, 3001, 5002))
LAYOUTS = Layouts(
    {
        METER: Layout("Meter", (Field("Total", Builtin.UINT64), Field("Phases", PHASE, 1), Field("First", PHASE))),
        PHASE: Layout("Phase", (Field("Current", Builtin.DOUBLE), Field("A.B", Builtin.BYTE))),
    },
    {ENCODING: METER},
)
BODY = struct.pack("<QidBdB", 2**63, 1, 1.5, 7, 2.5, 8)


def sent(body: bytes = BODY, type_id: ua.NodeId = ENCODING) -> ua.ExtensionObject:
    return ua.ExtensionObject(TypeId=type_id, Body=body)  # type: ignore[arg-type]  # asyncua names its wire type


def of(value: object, type_: VariantType = VariantType.Int32, status: int = 0, **more: Any) -> ua.DataValue:  # noqa: ANN401
    return ua.DataValue(ua.Variant(value, type_, **more), ua.StatusCode(ua.UInt32(status)))


def picked(data: ua.DataValue, part: Part) -> object:
    value = pick(data, part).Value
    assert value is not None
    return value.Value


def detail(data: ua.DataValue, part: Part) -> str:
    found = picked(data, part)
    assert isinstance(found, Unreadable)
    return found.detail


def test_an_element_keeps_its_type_status_and_times() -> None:
    data = pick(of([1, 2, 3], status=0x40000000), Part(1))
    assert data.Value == ua.Variant(2, VariantType.Int32)
    assert data.StatusCode is not None
    assert data.StatusCode.value == 0x40000000


def test_an_element_beyond_the_array_has_no_value_and_says_so() -> None:
    data = pick(of([1, 2, 3]), Part(3))
    assert data.Value is not None
    assert data.StatusCode is not None
    assert (data.Value.Value, data.StatusCode.value) == (None, 0x80370000)


@pytest.mark.parametrize("data", [of(None, VariantType.Null), of([1], status=0x80000000)])
def test_a_null_and_a_bad_value_stay_as_they_are(data: ua.DataValue) -> None:
    assert pick(data, Part(0)) is data


def test_a_server_may_cut_out_the_element_as_a_value_of_its_own() -> None:
    assert picked(of(5), Part(0, index_range="3")) == 5
    assert detail(of(5), Part(3)) == "Int32 is no array; leave out element:"


def test_a_matrix_has_no_single_element() -> None:
    assert "of 2 dimensions has no single element" in detail(of([[1, 2], [3, 4]]), Part(0))


@pytest.mark.parametrize(
    ("path", "value"), [("Total", 2**63), ("Phases.0.Current", 1.5), ("First.Current", 2.5), ("First.A.B", 8)]
)
def test_fields_of_a_structure_are_found_by_their_path(path: str, value: object) -> None:
    assert picked(of(sent(), VariantType.ExtensionObject), Part(field=path, layouts=LAYOUTS)) == value
    check_field(LAYOUTS, ENCODING, path)


def test_a_field_of_an_element_is_found() -> None:
    data = of([sent(), sent()], VariantType.ExtensionObject)
    assert picked(data, Part(1, "Total", LAYOUTS)) == 2**63
    assert detail(data, Part(None, "Total", LAYOUTS)) == "the value is an array of 2; say which with element:"


def test_a_structure_asyncua_reads_itself_is_picked_by_its_attributes() -> None:
    range_ = of(ua.Range(1.0, 50.0), VariantType.ExtensionObject)
    unit = of(ua.EUInformation(DisplayName=ua.LocalizedText("m3/h")), VariantType.ExtensionObject)
    assert picked(range_, Part(field="High")) == 50.0
    assert picked(unit, Part(field="DisplayName")) == "m3/h"
    assert detail(range_, Part(field="Top")) == 'there is no field "Top"; the structure has Low, High'


def test_a_path_that_ends_too_early_tells_what_is_within() -> None:
    data = of(sent(), VariantType.ExtensionObject)
    assert "a structure of Current, A.B; name what is within" in detail(data, Part(field="First", layouts=LAYOUTS))
    assert "an array of 1; name what is within" in detail(data, Part(field="Phases", layouts=LAYOUTS))


def test_a_structure_that_cannot_be_read_tells_why() -> None:
    short = of(sent(BODY[:-1]), VariantType.ExtensionObject)
    assert "1 bytes are announced and 0 are there" in detail(short, Part(field="Total", layouts=LAYOUTS))
    stranger = of(sent(b"", ua.NodeId(ua.Int32(9))), VariantType.ExtensionObject)
    assert "tells no definition of the structure i=9" in detail(stranger, Part(field="Total", layouts=LAYOUTS))


def test_null_structures_have_null_fields() -> None:
    empty = of(ua.ExtensionObject(), VariantType.ExtensionObject)
    assert picked(empty, Part(field="Total", layouts=LAYOUTS)) is None
    assert follow({"a": None}, "a.b.c") is None


def test_an_array_on_the_way_wants_a_number() -> None:
    with pytest.raises(NoSuchFieldError, match=r'write the number of its element first, as "0\.x"'):
        follow([{"x": 1}], "x")
    with pytest.raises(IndexError):
        follow([], "0.x")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Sum", 'there is no field "Sum"; the structure has Total, Phases, First'),
        ("Total.x", 'a UINT64 has no field "x"'),
        ("Phases", 'is an array; write "Phases.0"'),
        ("Phases.Current", "write the number of its element first"),
        ("First", "is a structure itself; name one of its fields: Current, A.B"),
    ],
)
def test_a_wrong_path_is_known_before_any_value_is_there(path: str, words: str) -> None:
    with pytest.raises(NoSuchFieldError, match=words):
        check_field(LAYOUTS, METER, path)


def test_a_structure_nobody_defines_cannot_be_checked() -> None:
    with pytest.raises(UnreadableStructureError):
        check_field(LAYOUTS, ua.NodeId(ua.Int32(1)), "Total")


def array(*numbers: int) -> ua.Variant:
    return ua.Variant(list(numbers), VariantType.Int32)


@pytest.mark.parametrize(
    ("element", "whole", "alone", "part"),
    [
        (1, array(1, 2, 3), array(2), Part(0, index_range="1")),
        (1, array(1, 2, 3), ua.Variant(2, VariantType.Int32), Part(0, index_range="1")),
        (1, array(1, 2, 3), array(1, 2, 3), Part(1)),
        (1, array(1, 2, 3), None, Part(1)),
        (0, array(1), array(1), Part(0)),
        (5, array(1), array(1), Part(5)),
        (5, array(), None, Part(5)),
        (1, None, None, Part(1)),
    ],
)
def test_a_server_cuts_out_elements_only_where_it_is_seen_to(
    element: int, whole: ua.Variant | None, alone: ua.Variant | None, part: Part
) -> None:
    assert element_part(element, whole, alone) == part


@pytest.mark.parametrize(
    ("whole", "words"),
    [(ua.Variant(1), "no array"), (ua.Variant([[1], [2]], VariantType.Int32), "an array of 2 dimensions")],
)
def test_what_has_no_elements_of_one_dimension_is_refused(whole: ua.Variant, words: str) -> None:
    refused = element_part(0, whole, None)
    assert isinstance(refused, Refused)
    assert words in refused.reason
