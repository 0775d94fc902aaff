"""Reads the bytes of a structure by its definition. Pure: what two servers mean by one type id never meets here.

Lengths that the bytes cannot hold, endless nesting and left-over bytes are errors, never a long wait or a wrong number.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from asyncua import ua

from ems_telemetry.connectors.opcua.binary import READERS, Builtin, Cursor, UnreadableStructureError

_UINT16, _INT32, _UINT32, _INT64 = (struct.Struct(f"<{code}") for code in "HiIq")
_MOST_VARIANT_TYPE = 31
_BAD = 0x8000_0000


class Shape(Enum):
    """How the fields of a structure stand one after another."""

    PLAIN = "all of them"
    OPTIONAL = "a mask tells which of the optional ones are there"
    UNION = "a number tells which one is there"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: a built-in type (an enumeration is its number), or the DataType of another structure."""

    name: str
    type: Builtin | ua.NodeId
    dimensions: int = 0
    """0 for a single value, 1 for an array."""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of one structure, in their order."""

    name: str
    fields: tuple[Field, ...]
    shape: Shape = Shape.PLAIN


@dataclass(frozen=True, slots=True)
class Layouts:
    """What one server told, in one session, of its structures."""

    by_type: Mapping[ua.NodeId, Layout]
    """By their DataType."""
    by_encoding: Mapping[ua.NodeId, ua.NodeId]
    """From the id that stands before the bytes of a value to the DataType."""

    def find(self, type_id: ua.NodeId) -> Layout:
        """Finds the layout of what is sent under this id; servers send the encoding's, some the DataType's.

        Raises:
            UnreadableStructureError: the server told no definition.
        """
        layout = self.by_type.get(self.by_encoding.get(type_id, type_id))
        if layout is None:
            raise UnreadableStructureError(f"the server tells no definition of the structure {type_id.to_string()}")
        return layout


class Opaque(NamedTuple):
    """A structure within a structure, of a type nobody asked the server about."""

    type_id: ua.NodeId
    size_bytes: int


def read_structure(body: bytes, type_id: ua.NodeId, layouts: Layouts) -> dict[str, object]:
    """Reads one structure.

    Args:
        body: as it stood in the ExtensionObject.
        type_id: the id before it.
        layouts: what the server told.

    Returns:
        The fields by their names; None for an optional one that is not there, and for those of a union not chosen. Numbers,
        texts, byte strings and times as Python has them, structures as dictionaries, arrays as lists.

    Raises:
        UnreadableStructureError: the bytes are not what the definition says, or there is none.
    """
    reader = _Reader(body, layouts)
    fields = reader.structure(layouts.find(type_id))
    if reader.remaining:
        raise UnreadableStructureError(
            f"{reader.remaining} bytes are left over; the structure is not the one the server defines"
        )
    return fields


class _Reader(Cursor):
    """A cursor that knows what the structures of one server look like."""

    def __init__(self, body: bytes, layouts: Layouts, depth: int = 0) -> None:
        super().__init__(body, depth)
        self._layouts = layouts

    def structure(self, layout: Layout) -> dict[str, object]:
        with self.deeper():
            if layout.shape is Shape.UNION:
                return self._union(layout)
            mask = self.whole(_UINT32) if layout.shape is Shape.OPTIONAL else 0
            found: dict[str, object] = {}
            bit = 1
            for field in layout.fields:
                is_there = True
                if layout.shape is Shape.OPTIONAL and field.optional:
                    is_there, bit = bool(mask & bit), bit << 1
                found[field.name] = self._field(field) if is_there else None
            return found

    def _union(self, layout: Layout) -> dict[str, object]:
        found: dict[str, object] = dict.fromkeys(field.name for field in layout.fields)
        chosen = self.whole(_UINT32)
        if chosen > len(layout.fields):
            raise UnreadableStructureError(f"the union {layout.name} has {len(layout.fields)} fields; number {chosen} is sent")
        if chosen:
            field = layout.fields[chosen - 1]
            found[field.name] = self._field(field)
        return found

    def _field(self, field: Field) -> object:
        if field.dimensions == 0:
            return self._value(field.type)
        if field.dimensions == 1:
            return self.array(lambda: self._value(field.type))
        return self._matrix(field)

    def _matrix(self, field: Field) -> list[object] | None:
        lengths = self.array(lambda: self.whole(_INT32))
        if lengths is None:
            return None
        count = 1
        for length in lengths:
            count *= max(0, length)
        return self.elements(count if lengths else 0, lambda: self._value(field.type))

    def _value(self, type_: Builtin | ua.NodeId) -> object:
        if not isinstance(type_, Builtin):
            return self.structure(self._layouts.find(type_))
        match type_:
            case Builtin.EXTENSION_OBJECT:
                return self.extension_object()
            case Builtin.VARIANT:
                return self.variant()
            case Builtin.DATA_VALUE:
                return self.data_value()
            case _:
                return READERS[type_](self)

    def extension_object(self) -> object:
        type_id = self.node_id()
        if not self.take(1)[0]:
            return None
        body = self.byte_string() or b""
        try:
            layout = self._layouts.find(type_id)
        except UnreadableStructureError:
            return Opaque(type_id, len(body))
        with self.deeper():
            return _Reader(body, self._layouts, self._depth).structure(layout)

    def variant(self) -> object:
        form = self.take(1)[0]
        type_ = form & 0x3F
        if type_ == 0:
            return None
        if type_ > _MOST_VARIANT_TYPE:
            raise UnreadableStructureError(f"there is no built-in type {type_}")
        # OPC 10000-6, 5.2.2.16: what later versions may add is read as a byte string.
        inner = Builtin(type_) if type_ <= Builtin.DIAGNOSTIC_INFO else Builtin.BYTE_STRING
        with self.deeper():
            found = self.array(lambda: self._value(inner)) if form & 0x80 else self._value(inner)
        if form & 0x40:
            self.array(lambda: self.whole(_INT32))
        return found

    def data_value(self) -> object:
        mask = self.take(1)[0]
        with self.deeper():
            value = self.variant() if mask & 0x01 else None
        status = self.whole(_UINT32) if mask & 0x02 else 0
        for bit, packed in ((0x04, _INT64), (0x10, _UINT16), (0x08, _INT64), (0x20, _UINT16)):
            if mask & bit:
                self.number(packed)
        return None if status & _BAD else value
