"""Asks a server what the nodes of a walk are: type, unit, ranges, states, description and, if wanted, value."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import TypeAlias, TypeVar

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds

from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit
from ems_telemetry.connectors.opcua.address_space import Answer, FoundNode, Range, ValueKind, VariableFacts
from ems_telemetry.connectors.opcua.browsing import SeenNode
from ems_telemetry.connectors.opcua.data_types import ANY_TYPE, DataType, read_types, states_of
from ems_telemetry.connectors.opcua.engineering_units import read_unit
from ems_telemetry.connectors.opcua.errors import status_in_words, status_name
from ems_telemetry.connectors.opcua.measurement_ids import ECM_NAMESPACE, MEASUREMENT_ID
from ems_telemetry.connectors.opcua.node_text import write_node
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.values import UnsupportedValueError, judge, plain_value
from ems_telemetry.model import Quality

SHOWN_CHARACTERS = 60
_ASKED_PROPERTIES = (
    *("EngineeringUnits", "EURange", "InstrumentRange", "EnumStrings", "EnumValues", "TrueState", "FalseState"),
    MEASUREMENT_ID,
)
_KIND_OF_VARIANT: Mapping[ua.VariantType, ValueKind] = {
    ua.VariantType.Boolean: ValueKind.BOOLEAN,
    ua.VariantType.String: ValueKind.TEXT,
    ua.VariantType.LocalizedText: ValueKind.TEXT,
    ua.VariantType.DateTime: ValueKind.TIME,
    ua.VariantType.ExtensionObject: ValueKind.STRUCTURE,
    **{type_: ValueKind.NUMBER for type_ in ua.VariantType if ua.VariantType.SByte <= type_ <= ua.VariantType.Double},
}
_SCALAR = int(ua.ValueRank.Scalar)
_MAY_BE_SCALAR = frozenset({_SCALAR, int(ua.ValueRank.ScalarOrOneDimension), int(ua.ValueRank.Any)})
_NO_TIME = datetime(1601, 1, 1, tzinfo=UTC)

Properties: TypeAlias = Mapping[str, object]
ValueT = TypeVar("ValueT", ua.NodeId, int)


async def describe(session: Session, top: SeenNode, names: tuple[str, ...], *, with_values: bool) -> FoundNode:
    """Describes all nodes of a walk, in few calls.

    Args:
        session: an open session.
        top: where the walk began.
        names: the browse names on the way to it, its own last; none for the Objects folder.
        with_values: also read every variable's value.
    """
    namespaces = await session.read_namespaces()
    nodes = list(_every(top))
    variables = [node for node in nodes if node.is_variable]
    descriptions = await session.read_attributes([node.node_id for node in nodes], AttributeIds.Description)
    facts = dict(zip(map(id, variables), await _facts(session, variables, namespaces, with_values=with_values), strict=True))
    texts = {id(node): _text(description) for node, description in zip(nodes, descriptions, strict=True)}

    def frozen(node: SeenNode, path: tuple[str, ...]) -> FoundNode:
        children = tuple(frozen(child, (*path, _name(child))) for child in node.children)
        return FoundNode(
            write_node(node.node_id, namespaces),
            path,
            node.display_name,
            texts[id(node)],
            facts.get(id(node)),
            node.problem,
            children,
        )

    return frozen(top, names)


async def read_answers(session: Session, nodes: Sequence[ua.NodeId]) -> list[ua.DataValue]:
    """Reads the values of nodes with the times of source and server."""

    async def read(services: UaSession, piece: Sequence[ua.NodeId]) -> list[ua.DataValue]:
        asked = [ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for node in piece]
        return await services.read(ua.ReadParameters(TimestampsToReturn=ua.TimestampsToReturn.Both, NodesToRead=asked))

    return await session.ask(read, nodes, session.limits.read)


def answer_of(data: ua.DataValue) -> Answer:
    """Puts a server's answer into words and numbers of ours."""
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    quality, _ = judge(status)
    try:
        value = plain_value(data.Value)
        is_single = data.Value is not None and data.Value.VariantType == ua.VariantType.Float
        shown = "" if value is None else f"{value:.7g}" if is_single else _shown(value)
    except UnsupportedValueError:
        value, shown = None, _shown(None if data.Value is None else data.Value.Value)
    if quality == Quality.BAD:
        value = None
    cut = shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[: SHOWN_CHARACTERS - 1]}…"
    words = status_in_words(status)
    return Answer(
        value, cut, quality, status, status_name(status), words, _time(data.SourceTimestamp), _time(data.ServerTimestamp)
    )


async def _facts(
    session: Session, variables: Sequence[SeenNode], namespaces: Sequence[str], *, with_values: bool
) -> list[VariableFacts]:
    ids = [node.node_id for node in variables]
    type_ids = [_value(data, ANY_TYPE) for data in await session.read_attributes(ids, AttributeIds.DataType)]
    ranks = [_value(data, _SCALAR) for data in await session.read_attributes(ids, AttributeIds.ValueRank)]
    levels = [_value(data, 1) for data in await session.read_attributes(ids, AttributeIds.UserAccessLevel)]
    types = await read_types(session, type_ids)
    properties = await _properties(session, variables, namespaces)
    asked = [place for place, type_ in enumerate(type_ids) if with_values or type_ == ANY_TYPE]
    answers = dict(zip(asked, await read_answers(session, [ids[place] for place in asked]), strict=True))
    return [
        _one(types[type_ids[place]], ranks[place], bool(levels[place] & 1), properties[place], answers.get(place))
        for place in range(len(variables))
    ]


def _one(type_: DataType, rank: int, is_readable: bool, said: Properties, data: ua.DataValue | None) -> VariableFacts:  # noqa: FBT001 - called in one place
    variant = None if data is None else data.Value
    states = dict(type_.states) | states_of(said.get("EnumStrings")) | states_of(said.get("EnumValues")) | _two_states(said)
    kind = type_.kind
    if kind is ValueKind.OTHER and variant is not None:
        kind = _KIND_OF_VARIANT.get(variant.VariantType, kind)
    if kind is ValueKind.NUMBER and states:
        kind = ValueKind.ENUMERATION
    measurement_id = said.get(MEASUREMENT_ID)
    return VariableFacts(
        type_name=type_.name if variant is None or type_.name != "BaseDataType" else variant.VariantType.name,
        kind=kind,
        is_scalar=not variant.is_array if variant is not None else rank in _MAY_BE_SCALAR,
        is_readable=is_readable,
        unit=_unit(said.get("EngineeringUnits")),
        normal_range=_range(said.get("EURange")),
        instrument_range=_range(said.get("InstrumentRange")),
        states=states,
        measurement_id=measurement_id if isinstance(measurement_id, int) else None,
        answer=None if data is None else answer_of(data),
    )


async def _properties(session: Session, variables: Sequence[SeenNode], namespaces: Sequence[str]) -> list[dict[str, object]]:
    """Reads what the properties we know of each variable say."""
    own = {0, *(index for index, uri in enumerate(namespaces) if uri == ECM_NAMESPACE)}
    asked = [
        (place, name, node_id)
        for place, node in enumerate(variables)
        for (index, name), node_id in node.properties.items()
        if name in _ASKED_PROPERTIES and index in own and (index != 0 or name != MEASUREMENT_ID)
    ]
    found: list[dict[str, object]] = [{} for _ in variables]
    values = await session.read_values([node_id for _, _, node_id in asked])
    for (place, name, _), value in zip(asked, values, strict=True):
        if value is not None:
            found[place][name] = value
    return found


def _unit(said: object) -> DeviceUnit | None:
    if not isinstance(said, ua.EUInformation):
        return None
    text = str(said.DisplayName.Text or "") or str(said.Description.Text or "")
    unit = read_unit(said.NamespaceUri, int(said.UnitId), text)
    return unit if unit.said or unit.unit else None


def _range(said: object) -> Range | None:
    return (float(said.Low), float(said.High)) if isinstance(said, ua.Range) else None


def _two_states(said: Properties) -> dict[str, int]:
    texts = [said.get("FalseState"), said.get("TrueState")]
    named = {str(text.Text): number for number, text in enumerate(texts) if isinstance(text, ua.LocalizedText) and text.Text}
    return named if len(named) == len(texts) else {}


def _every(node: SeenNode) -> list[SeenNode]:
    return [node, *(below for child in node.children for below in _every(child))]


def _name(node: SeenNode) -> str:
    return str(node.browse_name.Name or node.display_name)


def _text(data: ua.DataValue) -> str:
    text = None if data.Value is None else data.Value.Value
    return str(text.Text or "") if isinstance(text, ua.LocalizedText) else ""


def _value(data: ua.DataValue, otherwise: ValueT) -> ValueT:
    value = None if data.Value is None else data.Value.Value
    return value if isinstance(value, type(otherwise)) else otherwise


def _shown(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value) if isinstance(value, bool | int | float | str | datetime) else type(value).__name__


def _time(time: datetime | None) -> datetime | None:
    aware = None if time is None else time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return None if aware is None or aware <= _NO_TIME else aware
