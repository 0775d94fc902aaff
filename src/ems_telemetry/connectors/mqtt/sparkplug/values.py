"""From the value of a metric to a number, switch or text, by its datatype. Pure functions.

Integers come unsigned, negative ones as two's complement of their own width, or of the 32 or 64 bits of the field they came in:
publishers do both. Nothing is rounded, and what does not fit its datatype is refused rather than bent.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric
from ems_telemetry.model import RawValue

Reader: TypeAlias = Callable[[Any], RawValue]
"""From what stands in a field to the value; raises ValueError in words."""
Readers: TypeAlias = Mapping[str, Reader]
"""By the name of the field the value may stand in."""


class DataType(IntEnum):
    """The datatypes of Sparkplug B, by their numbers."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    TEXT = 14
    UUID = 15
    DATA_SET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19


class UnsupportedError(ValueError):
    """The datatype holds no single number, switch or text."""


class UntypedError(ValueError):
    """An integer whose datatype is not known: its sign and width cannot be told."""


def readers_of(datatype: int) -> Readers | None:
    """Gives the readers of a datatype; None if we cannot read it."""
    return _READERS.get(datatype)


def read_value(metric: Metric, readers: Readers | None) -> RawValue:
    """Gives the value of a metric, None if it has none.

    Args:
        metric: as it came.
        readers: those of its datatype; None if that is not supported.

    Raises:
        UnsupportedError: the datatype is not one we read.
        ValueError: in words; the value does not fit its datatype.
    """
    field = metric.WhichOneof("value")
    if field is None or metric.is_null:
        return None
    if readers is None:
        raise UnsupportedError("no number, switch or text")
    reader = readers.get(field)
    if reader is None:
        raise ValueError(f"the value stands in {field}, where its datatype has none")
    return reader(getattr(metric, field))


def text_of(said: object) -> str | None:
    """Gives the text in a field of texts, None if it is not UTF-8: protobuf gives bytes then, whatever it promises."""
    return said if isinstance(said, str) else None


def name_of(datatype: int) -> str:
    """Names a datatype for people."""
    return DataType(datatype).name if datatype in DataType.__members__.values() else f"datatype {datatype}"


def _signed(bits: int) -> Reader:
    half, whole = 1 << (bits - 1), 1 << bits

    def read(said: int) -> int:
        if said < half:
            return said
        if said < whole:
            return said - whole
        for wider in (1 << 32, 1 << 64):
            if wider - half <= said < wider:
                return said - wider
        raise ValueError(f"{said} does not fit into {bits} bits")

    return read


def _unsigned(bits: int) -> Reader:
    whole = 1 << bits

    def read(said: int) -> int:
        if said < whole:
            return said
        raise ValueError(f"{said} does not fit into {bits} bits")

    return read


def _short_integer(said: int) -> int:
    if said < 1 << 31:
        return said
    raise ValueError(f"{said} in a field of 32 bits may stand for a negative number of 64")


def _switch(said: int) -> bool:
    if said in {0, 1}:
        return bool(said)
    raise ValueError(f"{said} is neither true nor false")


def _text(said: object) -> str:
    text = text_of(said)
    if text is None:
        raise ValueError("the text is not UTF-8")
    return text


def _untyped(said: int) -> RawValue:
    raise UntypedError(f"{said} is a whole number whose datatype no birth has told")


def _as_it_is(said: RawValue) -> RawValue:
    return said


def _integers(reader: Reader) -> Readers:
    return MappingProxyType({"int_value": reader, "long_value": reader})


_NUMBERS: Readers = {"float_value": _as_it_is, "double_value": _as_it_is}
_TEXTS: Readers = {"string_value": _text}
_READERS: Mapping[int, Readers] = {
    DataType.INT8: _integers(_signed(8)),
    DataType.INT16: _integers(_signed(16)),
    DataType.INT32: _integers(_signed(32)),
    DataType.INT64: {"long_value": _signed(64), "int_value": _short_integer},
    DataType.UINT8: _integers(_unsigned(8)),
    DataType.UINT16: _integers(_unsigned(16)),
    DataType.UINT32: _integers(_unsigned(32)),
    DataType.UINT64: _integers(_unsigned(64)),
    DataType.FLOAT: _NUMBERS,
    DataType.DOUBLE: _NUMBERS,
    DataType.BOOLEAN: {"boolean_value": _as_it_is, "int_value": _switch, "long_value": _switch},
    DataType.STRING: _TEXTS,
    DataType.DATE_TIME: _integers(_unsigned(64)),
    DataType.TEXT: _TEXTS,
    DataType.UUID: _TEXTS,
}
UNTYPED: Readers = {
    **_NUMBERS,
    **_TEXTS,
    "boolean_value": _as_it_is,
    "int_value": _untyped,
    "long_value": _untyped,
}
"""For a metric whose datatype nobody has told: the readers of what needs none."""
