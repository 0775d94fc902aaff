"""The built-in types of OPC UA as they stand in bytes (OPC 10000-6, 5.2.2), read by a cursor that never reads beyond its end.

asyncua decodes them too, but with the types it has registered for the whole process; a cursor knows of no other.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TypeVar
from uuid import UUID

from asyncua import ua

MOST_NESTING = 64
"""No structure of a plant is deeper; what is, was made to hurt."""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MOST_MICROSECONDS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_TWO_BYTE, _FOUR_BYTE = 0, 1
_UINT16, _INT32, _UINT32, _INT64 = (struct.Struct(f"<{code}") for code in "HiIq")

T = TypeVar("T")


class UnreadableStructureError(ValueError):
    """The bytes are not what the definition says."""


class Builtin(IntEnum):
    """The built-in types, by their numbers (OPC 10000-6, 5.1.2)."""

    BOOLEAN = 1
    SBYTE = 2
    BYTE = 3
    INT16 = 4
    UINT16 = 5
    INT32 = 6
    UINT32 = 7
    INT64 = 8
    UINT64 = 9
    FLOAT = 10
    DOUBLE = 11
    STRING = 12
    DATE_TIME = 13
    GUID = 14
    BYTE_STRING = 15
    XML_ELEMENT = 16
    NODE_ID = 17
    EXPANDED_NODE_ID = 18
    STATUS_CODE = 19
    QUALIFIED_NAME = 20
    LOCALIZED_TEXT = 21
    EXTENSION_OBJECT = 22
    DATA_VALUE = 23
    VARIANT = 24
    DIAGNOSTIC_INFO = 25


class Cursor:
    """Goes through bytes once, from the first to the last.

    All its verbs raise `UnreadableStructureError` where the bytes end too early or say what cannot be.
    """

    def __init__(self, body: bytes, depth: int = 0) -> None:
        self._body = body
        self._position = 0
        self._depth = depth
        self._elements_left = len(body)

    @property
    def remaining(self) -> int:
        """Tells how many bytes are left."""
        return len(self._body) - self._position

    def take(self, size: int) -> bytes:
        """Gives the next bytes."""
        if not 0 <= size <= self.remaining:
            raise UnreadableStructureError(f"{size} bytes are announced and {self.remaining} are there")
        start, self._position = self._position, self._position + size
        return self._body[start : self._position]

    def number(self, packed: struct.Struct) -> int | float | bool:
        """Reads one number."""
        (value,) = packed.unpack(self.take(packed.size))
        found: int | float | bool = value
        return found

    def whole(self, packed: struct.Struct) -> int:
        """Reads one whole number."""
        return int(self.number(packed))

    def byte_string(self) -> bytes | None:
        """Reads a byte string; None for null."""
        size = self.whole(_INT32)
        return None if size < 0 else self.take(size)

    def text(self) -> str | None:
        """Reads a text; None for null. What is no UTF-8 is replaced, not refused."""
        found = self.byte_string()
        return None if found is None else found.decode("utf-8", "replace")

    def array(self, element: Callable[[], T]) -> list[T] | None:
        """Reads a length and that many elements; None for a null array."""
        count = self.whole(_INT32)
        return None if count < 0 else self.elements(count, element)

    def elements(self, count: int, element: Callable[[], T]) -> list[T]:
        """Reads that many elements."""
        # An element takes a byte at least (but for a structure without fields): no larger count can be true, nor their sum.
        self._elements_left -= count
        if count > self.remaining or self._elements_left < 0:
            raise UnreadableStructureError(f"{count} elements are announced and {self.remaining} bytes are there")
        return [element() for _ in range(count)]

    def node_id(self) -> ua.NodeId:
        """Reads a node id, plain or expanded; of an expanded one only what is plain."""
        form = self.take(1)[0]
        node_id = self._plain_node_id(form & 0x3F)
        if form & 0x80:
            self.text()
        if form & 0x40:
            self.whole(_UINT32)
        return node_id

    def _plain_node_id(self, form: int) -> ua.NodeId:
        if form == _TWO_BYTE:
            return _node_id(self.take(1)[0], 0)
        namespace = self.take(1)[0] if form == _FOUR_BYTE else self.whole(_UINT16)
        if form not in _IDENTIFIERS:
            raise UnreadableStructureError(f"there is no form {form} of node ids")
        return _node_id(_IDENTIFIERS[form](self), namespace)

    def diagnostic_info(self) -> None:
        """Passes over a DiagnosticInfo."""
        mask = self.take(1)[0]
        for bit in (0x01, 0x02, 0x04, 0x08):
            if mask & bit:
                self.whole(_INT32)
        if mask & 0x10:
            self.text()
        if mask & 0x20:
            self.whole(_UINT32)
        if mask & 0x40:
            with self.deeper():
                self.diagnostic_info()

    def localized_text(self) -> str | None:
        """Reads the text of a LocalizedText."""
        mask = self.take(1)[0]
        if mask & 0x01:
            self.text()
        return self.text() if mask & 0x02 else None

    def qualified_name(self) -> str | None:
        """Reads the name of a QualifiedName."""
        self.whole(_UINT16)
        return self.text()

    def guid(self) -> UUID:
        """Reads a GUID."""
        return UUID(bytes_le=self.take(16))

    def date_time(self) -> datetime:
        """Reads a time, to the microsecond; what Python cannot say becomes its first or last."""
        microseconds = self.whole(_INT64) // 10
        return _EPOCH + timedelta(microseconds=min(max(0, microseconds), _MOST_MICROSECONDS))

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Counts how deep things stand within each other."""
        self._depth += 1
        if self._depth > MOST_NESTING:
            raise UnreadableStructureError(f"more than {MOST_NESTING} structures stand within each other")
        yield
        self._depth -= 1


def _node_id(identifier: int | str | bytes | UUID | None, namespace: int) -> ua.NodeId:
    return ua.NodeId("" if identifier is None else identifier, namespace)  # type: ignore[arg-type]  # asyncua names its wire types


_IDENTIFIERS: Mapping[int, Callable[[Cursor], int | str | bytes | UUID | None]] = {
    _FOUR_BYTE: lambda cursor: cursor.whole(_UINT16),
    2: lambda cursor: cursor.whole(_UINT32),
    3: Cursor.text,
    4: lambda cursor: cursor.guid(),
    5: Cursor.byte_string,
}


def _number(code: str) -> Callable[[Cursor], int | float | bool]:
    packed = struct.Struct(f"<{code}")
    return lambda cursor: cursor.number(packed)


READERS: Mapping[Builtin, Callable[[Cursor], object]] = {
    Builtin.BOOLEAN: _number("?"),
    Builtin.SBYTE: _number("b"),
    Builtin.BYTE: _number("B"),
    Builtin.INT16: _number("h"),
    Builtin.UINT16: _number("H"),
    Builtin.INT32: _number("i"),
    Builtin.UINT32: _number("I"),
    Builtin.INT64: _number("q"),
    Builtin.UINT64: _number("Q"),
    Builtin.FLOAT: _number("f"),
    Builtin.DOUBLE: _number("d"),
    Builtin.STRING: Cursor.text,
    Builtin.DATE_TIME: Cursor.date_time,
    Builtin.GUID: Cursor.guid,
    Builtin.BYTE_STRING: Cursor.byte_string,
    Builtin.XML_ELEMENT: Cursor.text,
    Builtin.NODE_ID: Cursor.node_id,
    Builtin.EXPANDED_NODE_ID: Cursor.node_id,
    Builtin.STATUS_CODE: _number("I"),
    Builtin.QUALIFIED_NAME: Cursor.qualified_name,
    Builtin.LOCALIZED_TEXT: Cursor.localized_text,
    Builtin.DIAGNOSTIC_INFO: Cursor.diagnostic_info,
}
"""How each type is read that needs no definition of a structure."""
