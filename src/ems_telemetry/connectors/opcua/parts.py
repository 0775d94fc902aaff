"""Finds out in one session how the element of an array, or the field of a structure, is had: by the server or by ourselves.

A server that does not cut out elements sends the whole array instead, and says so in no way: it is asked for both and compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from ems_telemetry.connectors.opcua.binary import UnreadableStructureError
from ems_telemetry.connectors.opcua.layouts import read_layouts
from ems_telemetry.connectors.opcua.picking import (
    NoSuchFieldError,
    Part,
    Unreadable,
    check_field,
    dimensions_of,
    pick,
)
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.reading import read_from_source, value_of
from ems_telemetry.connectors.opcua.refusals import Cause, Refused
from ems_telemetry.connectors.opcua.session import Session

Wanted: TypeAlias = Mapping[int, tuple[WantedItem, ua.NodeId]]
_NULL = ua.NodeId()


async def find_parts(session: Session, wanted: Wanted) -> dict[int, Part | Refused]:
    """Finds the parts of those items that want one, by their handles.

    Raises:
        ConnectionLostError: the session is lost.
    """
    asked = {handle: pair for handle, pair in wanted.items() if pair[0].element is not None or pair[0].field is not None}
    if not asked:
        return {}
    wholes = await _read_values(session, [value_of(node) for _, node in asked.values()])
    values = dict(zip(asked, wholes, strict=True))
    parts: dict[int, Part | Refused] = {}
    parts |= await _find_elements(session, asked, values)
    parts |= await _find_fields(session, asked, values, parts)
    return parts


async def _read_values(session: Session, questions: Sequence[ua.ReadValueId]) -> list[ua.Variant | None]:
    """Gives None for whatever has no good value now."""
    return [
        None if value.StatusCode is not None and value.StatusCode.is_bad() else value.Value
        for value in await read_from_source(session, questions)
    ]


async def _find_elements(session: Session, asked: Wanted, values: Mapping[int, ua.Variant | None]) -> dict[int, Part | Refused]:
    elements = {handle: item.element for handle, (item, _) in asked.items() if item.element is not None}
    questions = [value_of(asked[handle][1], str(element)) for handle, element in elements.items()]
    cut = await _read_values(session, questions)
    return {
        handle: element_part(element, values[handle], alone)
        for (handle, element), alone in zip(elements.items(), cut, strict=True)
    }


def element_part(element: int, whole: ua.Variant | None, alone: ua.Variant | None) -> Part | Refused:
    """Decides who cuts out an element.

    Args:
        element: from 0.
        whole: the array as read, None if it has no value now.
        alone: what came back when this element alone was asked for, None if that was refused.
    """
    if whole is None or whole.Value is None:
        return Part(element)
    dimensions = dimensions_of(whole)
    if dimensions != 1:
        what = "no array" if dimensions == 0 else f"an array of {dimensions} dimensions"
        return Refused(Cause.PART_UNKNOWN, f"its value is {what}; element: takes one of an array of one dimension")
    cuts = alone is not None and len(whole.Value) > max(1, element) and not _is_array_of_several(alone)
    return Part(0, index_range=str(element)) if cuts else Part(element)


def _is_array_of_several(value: ua.Variant) -> bool:
    return isinstance(value.Value, list) and len(value.Value) != 1


async def _find_fields(
    session: Session, asked: Wanted, values: Mapping[int, ua.Variant | None], parts: Mapping[int, Part | Refused]
) -> dict[int, Part | Refused]:
    nodes = {handle: node for handle, (item, node) in asked.items() if item.field is not None}
    data_types = dict(zip(nodes, await _read_data_types(session, tuple(nodes.values())), strict=True))
    sent = {handle: _sent_type(values[handle]) for handle in nodes}
    layouts = await read_layouts(session, set(data_types.values()) - {_NULL}, {type_ for type_ in sent.values() if type_})
    found: dict[int, Part | Refused] = {}
    for handle in nodes:
        part = parts.get(handle, Part())
        if isinstance(part, Part):
            whole = replace(part, field=asked[handle][0].field, layouts=layouts, index_range=None)
            wrong = _check(whole, asked[handle][0], values[handle], sent[handle], data_types[handle])
            found[handle] = (
                replace(whole, index_range=part.index_range) if wrong is None else Refused(Cause.PART_UNKNOWN, wrong)
            )
    return found


async def _read_data_types(session: Session, nodes: Sequence[ua.NodeId]) -> list[ua.NodeId]:
    answers = await session.read_attributes(nodes, AttributeIds.DataType)
    types = [None if answer.Value is None else answer.Value.Value for answer in answers]
    return [type_ if isinstance(type_, ua.NodeId) else _NULL for type_ in types]


def _sent_type(whole: ua.Variant | None) -> ua.NodeId | None:
    value = None if whole is None else whole.Value
    first = next(iter(value), None) if isinstance(value, list) else value
    return first.TypeId if isinstance(first, ua.ExtensionObject) and first.Body is not None else None


def _check(part: Part, item: WantedItem, whole: ua.Variant | None, sent: ua.NodeId | None, declared: ua.NodeId) -> str | None:
    """Says beforehand what would be wrong with every value."""
    try:
        if whole is not None and dimensions_of(whole) > 0 and item.element is None:
            return "its value is an array of structures; say which with element:"
        if sent is not None:
            check_field(part.layouts, sent, part.field or "")
        elif whole is not None and whole.Value is not None:
            tried = pick(ua.DataValue(whole), replace(part, element=item.element)).Value
            return tried.Value.detail if tried is not None and isinstance(tried.Value, Unreadable) else None
        elif declared in part.layouts.by_type:
            check_field(part.layouts, declared, part.field or "")
    except NoSuchFieldError as error:
        return str(error)
    except UnreadableStructureError as error:
        return f"{error}, so its fields cannot be told apart; name the node of the field instead"
    return None
