"""Asks the server what its structures look like: the DataTypeDefinition of each, and of all that stand within it.

What is told holds for this session alone; nothing is registered with asyncua, which keeps one meaning per type for the process.
"""

from collections.abc import Iterable, Mapping, Sequence

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from ems_telemetry.connectors.opcua.binary import Builtin
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.structures import Field, Layout, Layouts, Shape

MOST_TYPES = 1000
MOST_SUPERTYPES = 20
_ABSTRACT_NUMBERS = frozenset({ObjectIds.Number, ObjectIds.Integer, ObjectIds.UInteger})
_SHAPES: Mapping[int, Shape] = {
    ua.StructureType.Structure: Shape.PLAIN,
    ua.StructureType.StructureWithOptionalFields: Shape.OPTIONAL,
    ua.StructureType.Union: Shape.UNION,
    ua.StructureType.StructureWithSubtypedValues: Shape.PLAIN,
    ua.StructureType.UnionWithSubtypedValues: Shape.UNION,
}
_SUBTYPED = frozenset({ua.StructureType.StructureWithSubtypedValues, ua.StructureType.UnionWithSubtypedValues})


async def read_layouts(session: Session, data_types: Iterable[ua.NodeId], encodings: Iterable[ua.NodeId]) -> Layouts:
    """Reads the layouts of structures and of all they contain.

    Args:
        session: open.
        data_types: the DataTypes of nodes.
        encodings: the ids that stand before the bytes of values.

    Returns:
        What the server tells; a structure it tells nothing of is not there.

    Raises:
        ConnectionLostError: the session is lost.
    """
    by_encoding = await _sources(session, tuple(dict.fromkeys(encodings)), ObjectIds.HasEncoding)
    definitions: dict[ua.NodeId, ua.StructureDefinition] = {}
    plain: dict[ua.NodeId, Builtin] = {}
    waiting = set(data_types) | set(by_encoding.values()) | {id_ for id_ in encodings if id_ not in by_encoding}
    while waiting and len(definitions) + len(plain) < MOST_TYPES:
        asked, waiting = tuple(waiting), set()
        found, others = await _read_definitions(session, asked)
        definitions |= found
        plain |= others
        fields = [field.DataType for definition in found.values() for field in definition.Fields]
        waiting = set(fields) - set(definitions) - set(plain) - set(asked)
    for type_id, definition in definitions.items():
        by_encoding.setdefault(definition.DefaultEncodingId, type_id)
    layouts = {type_id: layout_of(type_id, definition, plain) for type_id, definition in definitions.items()}
    return Layouts(layouts, by_encoding)


def layout_of(type_id: ua.NodeId, definition: ua.StructureDefinition, plain: Mapping[ua.NodeId, Builtin]) -> Layout:
    """Words a definition as a layout.

    Args:
        type_id: its DataType, for messages.
        definition: as the server told it.
        plain: the types of fields that are no structures of their own.
    """
    subtyped = definition.StructureType in _SUBTYPED
    fields = tuple(
        Field(
            name=str(field.Name),
            type=_type_of(field, plain, may_be_subtype=subtyped and field.IsOptional),
            dimensions=max(0, field.ValueRank),
            optional=bool(field.IsOptional) and not subtyped,
        )
        for field in definition.Fields
    )
    return Layout(type_id.to_string(), fields, _SHAPES[definition.StructureType])


def _type_of(field: ua.StructureField, plain: Mapping[ua.NodeId, Builtin], *, may_be_subtype: bool) -> Builtin | ua.NodeId:
    builtin = plain.get(field.DataType)
    if not may_be_subtype:
        return builtin or field.DataType
    return Builtin.EXTENSION_OBJECT if builtin in (None, Builtin.EXTENSION_OBJECT) else Builtin.VARIANT


async def _read_definitions(
    session: Session, types: Sequence[ua.NodeId]
) -> tuple[dict[ua.NodeId, ua.StructureDefinition], dict[ua.NodeId, Builtin]]:
    told = await session.read_attributes(types, AttributeIds.DataTypeDefinition)
    abstract = await session.read_attributes(types, AttributeIds.IsAbstract)
    definitions: dict[ua.NodeId, ua.StructureDefinition] = {}
    others: list[ua.NodeId] = []
    plain: dict[ua.NodeId, Builtin] = {}
    for type_id, value, is_abstract in zip(types, told, abstract, strict=True):
        definition = None if value.Value is None else value.Value.Value
        if not isinstance(definition, ua.StructureDefinition):
            others.append(type_id)
        elif is_abstract.Value is not None and is_abstract.Value.Value is True:
            plain[type_id] = Builtin.EXTENSION_OBJECT
        else:
            definitions[type_id] = definition
    return definitions, plain | await _find_builtins(session, others)


async def _find_builtins(session: Session, types: Sequence[ua.NodeId]) -> dict[ua.NodeId, Builtin]:
    """Climbs from each type to the built-in one it goes back to; a structure that goes back to Structure alone is left out."""
    found: dict[ua.NodeId, Builtin] = {}
    climbing = {type_id: type_id for type_id in types}
    for _ in range(MOST_SUPERTYPES):
        for type_id, reached in tuple(climbing.items()):
            builtin = _builtin(reached)
            if builtin is None or (builtin is Builtin.EXTENSION_OBJECT and reached != type_id):
                continue
            found[type_id] = builtin
            del climbing[type_id]
        if not climbing:
            break
        above = await _sources(session, tuple(dict.fromkeys(climbing.values())), ObjectIds.HasSubtype)
        climbing = {type_id: above[reached] for type_id, reached in climbing.items() if reached in above}
    return found


def _builtin(type_id: ua.NodeId) -> Builtin | None:
    number = type_id.Identifier
    if type_id.NamespaceIndex != 0 or not isinstance(number, int):
        return None
    if number in _ABSTRACT_NUMBERS:
        return Builtin.VARIANT
    if number == ObjectIds.Enumeration:
        return Builtin.INT32
    return Builtin(number) if Builtin.BOOLEAN <= number <= Builtin.DIAGNOSTIC_INFO else None


async def _sources(session: Session, nodes: Sequence[ua.NodeId], reference: int) -> dict[ua.NodeId, ua.NodeId]:
    """Finds for each node the one that points to it by this kind of reference, as the supertype to its subtype."""

    async def browse(services: UaSession, piece: Sequence[ua.BrowseDescription]) -> list[ua.BrowseResult]:
        return await services.browse(ua.BrowseParameters(RequestedMaxReferencesPerNode=1, NodesToBrowse=list(piece)))

    questions = [
        ua.BrowseDescription(
            NodeId=node,
            BrowseDirection=ua.BrowseDirection.Inverse,
            ReferenceTypeId=ua.NodeId(ua.Int32(reference)),
            IncludeSubtypes=True,
            NodeClassMask=0,
            ResultMask=0,
        )
        for node in nodes
    ]
    results = await session.ask(browse, questions, session.limits.browse)
    return {
        node: ua.NodeId(result.References[0].NodeId.Identifier, result.References[0].NodeId.NamespaceIndex)
        for node, result in zip(nodes, results, strict=True)
        if result.References
    }
