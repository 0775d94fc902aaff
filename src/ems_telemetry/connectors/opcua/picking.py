"""Takes an element of an array, or a field of a structure, out of a value. Pure functions."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.opcua.binary import Builtin, UnreadableStructureError
from ems_telemetry.connectors.opcua.structures import Field, Layout, Layouts, read_structure

NO_LAYOUTS = Layouts({}, {})
Fields: TypeAlias = Mapping[str, object]

_TYPES: Mapping[type, ua.VariantType] = {
    bool: ua.VariantType.Boolean,
    int: ua.VariantType.Int64,
    float: ua.VariantType.Double,
    str: ua.VariantType.String,
    type(None): ua.VariantType.Null,
}


class NoSuchFieldError(ValueError):
    """A structure has no such field, in words for the person who wrote the file."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of what the server sends is the point's value, and how it is asked for."""

    element: int | None = None
    """The element of the array as it is sent: 0 where the server sends that element alone."""
    field: str | None = None
    layouts: Layouts = NO_LAYOUTS
    index_range: str | None = None
    """What the server is asked to cut out itself."""

    def cut_by_ourselves(self, element: int | None) -> "Part":
        """Gives the same part for a server that sends the whole array."""
        return replace(self, element=element, index_range=None)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in the place of a value that does not hold the part; becomes a dead letter with this detail."""

    detail: str
    whole: object


def pick(data: ua.DataValue, part: Part) -> ua.DataValue:
    """Puts the part in the place of the whole; status and times stay.

    Returns:
        A value without the element has the status BadIndexRangeNoData. One that cannot be read holds `Unreadable`.
    """
    if data.Value is None or data.Value.Value is None or (data.StatusCode is not None and data.StatusCode.is_bad()):
        return data
    try:
        value = _element(data.Value, part)
        if part.field is not None:
            value = follow(_fields(value, part.layouts), part.field)
    except IndexError:
        return replace(data, Value=_NOTHING, StatusCode=_NO_DATA)
    except (NoSuchFieldError, UnreadableStructureError) as error:
        value = Unreadable(str(error), data.Value.Value)
    as_sent = part.field is None and value is not None and not isinstance(value, Unreadable)
    type_ = data.Value.VariantType if as_sent else _TYPES.get(type(value), ua.VariantType.ExtensionObject)
    return replace(data, Value=ua.Variant(value, type_))


_NOTHING = ua.Variant(None, ua.VariantType.Null)
_NO_DATA = ua.StatusCode(ua.UInt32(StatusCodes.BadIndexRangeNoData))


def _element(variant: ua.Variant, part: Part) -> object:
    if part.element is None:
        return variant.Value
    if dimensions_of(variant) > 1:
        raise NoSuchFieldError(f"an array of {dimensions_of(variant)} dimensions has no single element {part.element}")
    if isinstance(variant.Value, list):
        return variant.Value[part.element]
    if part.index_range is not None:
        return variant.Value
    raise NoSuchFieldError(f"{variant.VariantType.name} is no array; leave out element:")


def dimensions_of(variant: ua.Variant) -> int:
    """Tells how many dimensions a value has; 0 if it is no array."""
    if not isinstance(variant.Value, list):
        return 0
    return len(variant.Dimensions) if variant.Dimensions else 1


def _fields(value: object, layouts: Layouts) -> object:
    if isinstance(value, ua.ExtensionObject):
        return None if value.Body is None else read_structure(value.Body, value.TypeId, layouts)
    if isinstance(value, list):
        raise NoSuchFieldError(f"the value is an array of {len(value)}; say which with element:")
    if is_known_structure(value) or value is None:
        return value
    raise NoSuchFieldError(f"{type(value).__name__} is no structure; leave out field:")


def is_known_structure(value: object) -> bool:
    """Tells whether asyncua has read this structure by itself, as it does with those of the standard."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type | ua.ExtensionObject)


def follow(whole: object, path: str) -> object:
    """Follows a dotted path of fields; a number in it is the element of an array.

    Args:
        whole: a structure as a dictionary or as asyncua's own, or None.
        path: as `Flow.Value`, or `Phases.0.Current`. A name that holds a dot itself is found too.

    Returns:
        What is there; None where a structure on the way is null.

    Raises:
        NoSuchFieldError: the path names what is not there.
        IndexError: the array is shorter.
    """
    if whole is None or not path:
        return _plain(whole)
    if isinstance(whole, list):
        number, rest = _split_number(path)
        return follow(whole[number], rest)
    fields = _as_fields(whole)
    if fields is None:
        raise NoSuchFieldError(f'a {type(whole).__name__} has no field "{path}"')
    name, rest = split_field(path, fields)
    return follow(fields[name], rest)


def split_field(path: str, names: Mapping[str, object] | Sequence[str]) -> tuple[str, str]:
    """Cuts the first field off a path, the longest name first.

    Raises:
        NoSuchFieldError: none of the names begins the path.
    """
    for name in sorted(names, key=len, reverse=True):
        if path == name or path.startswith(f"{name}."):
            return name, path[len(name) + 1 :]
    raise NoSuchFieldError(f'there is no field "{path}"; the structure has {", ".join(names) or "no fields"}')


def _split_number(path: str) -> tuple[int, str]:
    number, _, rest = path.partition(".")
    if not number.isdecimal():
        raise NoSuchFieldError(f'"{path}" stands behind an array; write the number of its element first, as "0.{path}"')
    return int(number), rest


def _as_fields(whole: object) -> Fields | None:
    if isinstance(whole, dict):
        return whole
    if is_known_structure(whole):
        return {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole) if field.name != "Encoding"}  # type: ignore[arg-type]  # checked above
    return None


def _plain(value: object) -> object:
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, ua.StatusCode):
        return int(value.value)
    if isinstance(value, list | dict) or is_known_structure(value):
        return Unreadable(f"the path ends at {_named(value)}; name what is within it", value)
    return value


def _named(value: object) -> str:
    if isinstance(value, list):
        return f"an array of {len(value)}"
    fields = _as_fields(value) or {}
    return f"a structure of {', '.join(fields)}"


def check_field(layouts: Layouts, type_: Builtin | ua.NodeId, path: str) -> None:
    """Checks a path against what the server told, before any value is there.

    Raises:
        NoSuchFieldError: no value of this type can hold it.
        UnreadableStructureError: the server told no definition.
    """
    if type_ in (Builtin.VARIANT, Builtin.EXTENSION_OBJECT, Builtin.DATA_VALUE):
        return
    if isinstance(type_, Builtin):
        raise NoSuchFieldError(f'a {type_.name} has no field "{path}"')
    layout = layouts.find(type_)
    name, rest = split_field(path, [field.name for field in layout.fields])
    _check_rest(layouts, layout, next(field for field in layout.fields if field.name == name), rest)


def _check_rest(layouts: Layouts, layout: Layout, field: Field, rest: str) -> None:
    if field.dimensions > 1:
        raise NoSuchFieldError(f'the field "{field.name}" of {layout.name} is an array of {field.dimensions} dimensions')
    if field.dimensions == 1:
        if not rest:
            raise NoSuchFieldError(
                f'the field "{field.name}" of {layout.name} is an array; write "{field.name}.0" for an element'
            )
        _, rest = _split_number(rest)
    if rest:
        check_field(layouts, field.type, rest)
    elif isinstance(field.type, ua.NodeId):
        names = ", ".join(inner.name for inner in layouts.find(field.type).fields)
        raise NoSuchFieldError(
            f'the field "{field.name}" of {layout.name} is a structure itself; name one of its fields: {names}'
        )
