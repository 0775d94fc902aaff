"""What sort of values a data type has: found by climbing from a vendor's own type to the standard one it is made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from ems_telemetry.connectors.opcua.address_space import ValueKind
from ems_telemetry.connectors.opcua.browsing import references
from ems_telemetry.connectors.opcua.session import Session

MOST_GENERATIONS = 20
"""Types may be derived from types; a circle among them ends here."""

_KINDS: Mapping[int, ValueKind] = {
    ObjectIds.Boolean: ValueKind.BOOLEAN,
    **dict.fromkeys(range(ObjectIds.SByte, ObjectIds.Double + 1), ValueKind.NUMBER),
    **dict.fromkeys((ObjectIds.Number, ObjectIds.Integer, ObjectIds.UInteger), ValueKind.NUMBER),
    **dict.fromkeys((ObjectIds.String, ObjectIds.LocalizedText), ValueKind.TEXT),
    ObjectIds.DateTime: ValueKind.TIME,
    ObjectIds.Structure: ValueKind.STRUCTURE,
    ObjectIds.Enumeration: ValueKind.ENUMERATION,
    **dict.fromkeys((ObjectIds.Guid, ObjectIds.ByteString, ObjectIds.XmlElement, ObjectIds.NodeId), ValueKind.OTHER),
    **dict.fromkeys((ObjectIds.ExpandedNodeId, ObjectIds.StatusCode, ObjectIds.QualifiedName), ValueKind.OTHER),
    **dict.fromkeys((ObjectIds.DataValue, ObjectIds.BaseDataType, ObjectIds.DiagnosticInfo), ValueKind.OTHER),
}
"""Of the standard's types, by their number in namespace 0 (OPC 10000-6, 5.1.2)."""
ANY_TYPE = ua.NodeId(ua.Int32(ObjectIds.BaseDataType))


@dataclass(slots=True)
class DataType:
    """A data type: its name, the sort of its values, and the names of its numbers if it is an enumeration."""

    name: str
    kind: ValueKind = ValueKind.OTHER
    states: dict[str, int] = field(default_factory=dict)


async def read_types(session: Session, types: Iterable[ua.NodeId]) -> dict[ua.NodeId, DataType]:
    """Finds out about data types; all of them together, one generation per call."""
    wanted = list(dict.fromkeys(types))
    names = await session.read_attributes(wanted, AttributeIds.DisplayName)
    found = {
        type_: DataType("?" if name.Value is None else str(name.Value.Value.Text or "?"))
        for type_, name in zip(wanted, names, strict=True)
    }
    ancestors = {type_: type_ for type_ in wanted}
    for _ in range(MOST_GENERATIONS):
        for type_ in [type_ for type_, ancestor in ancestors.items() if _standard_kind(ancestor) is not None]:
            found[type_].kind = _standard_kind(ancestors.pop(type_)) or ValueKind.OTHER
        if not ancestors:
            break
        parents = await _parents(session, list(ancestors.values()))
        known = zip(list(ancestors), parents, strict=True)
        ancestors = {type_: parent for type_, parent in known if parent is not None}
    await _name_states(session, {type_: about for type_, about in found.items() if about.kind is ValueKind.ENUMERATION})
    return found


def states_of(value: object) -> dict[str, int]:
    """Reads the names of numbers from EnumStrings (texts, counted from 0) or EnumValues (numbers with texts)."""
    states: dict[str, int] = {}
    for number, entry in enumerate(value if isinstance(value, list) else []):
        if isinstance(entry, ua.EnumValueType):
            states.setdefault(str(entry.DisplayName.Text or entry.Value), int(entry.Value))
        elif isinstance(entry, ua.LocalizedText) and entry.Text:
            states.setdefault(str(entry.Text), number)
    return states


def _standard_kind(type_: ua.NodeId) -> ValueKind | None:
    if type_.NamespaceIndex != 0 or not isinstance(type_.Identifier, int):
        return None
    return _KINDS.get(type_.Identifier)


async def _parents(session: Session, types: Sequence[ua.NodeId]) -> list[ua.NodeId | None]:
    async def browse(services: UaSession, piece: Sequence[ua.NodeId]) -> list[ua.BrowseResult]:
        asked = [
            ua.BrowseDescription(
                NodeId=type_,
                BrowseDirection=ua.BrowseDirection.Inverse,
                ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HasSubtype)),
                IncludeSubtypes=False,
                NodeClassMask=ua.NodeClass.DataType,
                ResultMask=ua.BrowseResultMask.None_,
            )
            for type_ in piece
        ]
        return await services.browse(ua.BrowseParameters(RequestedMaxReferencesPerNode=1, NodesToBrowse=asked))

    results = await session.ask(browse, types, session.limits.browse)
    return [result.References[0].NodeId if result.References else None for result in results]


async def _name_states(session: Session, enumerations: Mapping[ua.NodeId, DataType]) -> None:
    about = list(enumerations.values())
    nodes: list[ua.NodeId] = []
    owners: list[DataType] = []
    for type_, below in zip(about, await references(session, list(enumerations)), strict=True):
        for reference in below if isinstance(below, list) else []:
            if reference.BrowseName.Name in {"EnumStrings", "EnumValues"}:
                nodes.append(reference.NodeId)
                owners.append(type_)
    for type_, value in zip(owners, await session.read_values(nodes), strict=True):
        type_.states.update(states_of(value))
