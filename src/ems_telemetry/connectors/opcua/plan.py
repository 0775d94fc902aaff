"""What is asked of the server: monitored items and the subscriptions they go into. Pure functions.

An item's place in the list of wanted items is its client handle; it stays the same over all sessions of a connector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.config.connector import point_key
from ems_telemetry.connectors.opcua.file import Deadband, Discard, OpcUaFile, OpcUaPoint
from ems_telemetry.connectors.opcua.limits import LARGEST_CHUNK
from ems_telemetry.connectors.opcua.nodes import Identifier, NodeAddress, Step, parse_node, parse_path

ON_CHANGE_MS = 0.0
"""Sampling as values change. asyncua would ask for 50 ms, which costs a server many times the work."""
KEEP_ALIVES_PER_SESSION = 6
"""Signs of life an idle subscription gives within one session timeout."""
FILTER_REFUSALS = frozenset(
    {
        StatusCodes.BadMonitoredItemFilterInvalid,
        StatusCodes.BadMonitoredItemFilterUnsupported,
        StatusCodes.BadFilterNotAllowed,
        StatusCodes.BadDeadbandFilterInvalid,
    }
)
_INDEX_RANGE_REFUSALS = frozenset(
    {StatusCodes.BadIndexRangeInvalid, StatusCodes.BadIndexRangeNoData, StatusCodes.BadIndexRangeDataMismatch}
)


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One point as the server is asked for it."""

    point: str
    source: str
    """Where it is found, in the words of the file."""
    address: NodeAddress | tuple[Step, ...]
    """The node's id, or the way to it from the Objects folder."""
    sampling_interval_ms: float
    publishing_interval_s: float
    queue_size: int
    deadband: Deadband | None = None
    discard_oldest: bool = True
    element: int | None = None
    field: str | None = None


def wanted_items(file: OpcUaFile) -> tuple[WantedItem, ...]:
    """Lists the points of a file in its order."""
    return tuple(
        WantedItem(
            point=point_key(meter, point),
            source=point.source,
            address=_address_of(point),
            element=point.element,
            field=point.field,
            sampling_interval_ms=_milliseconds(point.sampling_interval or file.sampling_interval),
            publishing_interval_s=point.publishing_interval or file.publishing_interval,
            queue_size=point.queue_size,
            discard_oldest=point.discard is Discard.OLDEST,
            deadband=point.deadband,
        )
        for meter in file.meters
        for point in meter.points
    )


def _address_of(point: OpcUaPoint) -> NodeAddress | tuple[Step, ...]:
    return parse_path(point.path or "") if point.node is None else parse_node(point.node)


def _milliseconds(interval_s: float | None) -> float:
    return ON_CHANGE_MS if interval_s is None else interval_s * 1000


def by_publishing_interval(items: Sequence[WantedItem]) -> Mapping[float, Sequence[int]]:
    """Groups the items, by their handles, into as few subscriptions as there are publishing intervals (seconds)."""

    def interval_of(handle: int) -> float:
        return items[handle].publishing_interval_s

    handles = sorted(range(len(items)), key=interval_of)
    return {interval_s: tuple(group) for interval_s, group in groupby(handles, interval_of)}


def resolve(address: NodeAddress, namespaces: Sequence[str]) -> ua.NodeId | None:
    """Finds the id a node has in this session.

    Args:
        address: the node as written in the file.
        namespaces: the server's namespace table, as read in this session.

    Returns:
        None if the server knows no such namespace.
    """
    index = namespace_index(address.namespace, namespaces)
    return None if index is None else _node_id(address.identifier, index)


def namespace_index(namespace: int | str, namespaces: Sequence[str]) -> int | None:
    """Finds the index of a namespace given by its index or its URI; None if the table has no such URI."""
    if isinstance(namespace, int):
        return namespace
    return namespaces.index(namespace) if namespace in namespaces else None


def one_step(reference: int, name: str, index: int = 0) -> ua.RelativePathElement:
    """Words one step of a path: along references of this kind to the node with this browse name."""
    return ua.RelativePathElement(
        ReferenceTypeId=ua.NodeId(ua.Int32(reference)),
        IsInverse=False,  # type: ignore[arg-type]  # asyncua names its wire type, and takes a bool
        TargetName=ua.QualifiedName(name, index),
    )


def browse_path(steps: Sequence[Step], namespaces: Sequence[str]) -> ua.BrowsePath | None:
    """Words the way to a node from the Objects folder, over all references that build the tree.

    Returns:
        None if the server knows one of the namespaces not.
    """
    indexes = [namespace_index(step.namespace, namespaces) for step in steps]
    elements = [
        one_step(ObjectIds.HierarchicalReferences, step.name, index)
        for step, index in zip(steps, indexes, strict=True)
        if index is not None
    ]
    if len(elements) < len(steps):
        return None
    objects = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
    return ua.BrowsePath(StartingNode=objects, RelativePath=ua.RelativePath(Elements=elements))


def _node_id(identifier: Identifier, namespace_index: int) -> ua.NodeId:
    return ua.NodeId(identifier, namespace_index)  # type: ignore[arg-type]  # asyncua names its wire types, and takes plain ones


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one item is asked for; what a server refuses is left out of the next attempt."""

    node_id: ua.NodeId
    deadband: Deadband | None = None
    index_range: str | None = None


def can_be_less(attempt: Attempt, status: int) -> bool:
    """Tells whether an item refused with this StatusCode may be had without its deadband, or as a whole array."""
    if status in FILTER_REFUSALS:
        return attempt.deadband is not None
    return status in _INDEX_RANGE_REFUSALS and attempt.index_range is not None


def item_request(handle: int, item: WantedItem, attempt: Attempt) -> ua.MonitoredItemCreateRequest:
    """Words one monitored item. Without a deadband the server's own rule holds: changes of value or status are sent."""
    parameters = ua.MonitoringParameters(
        ClientHandle=handle,
        SamplingInterval=item.sampling_interval_ms,
        QueueSize=item.queue_size,
        DiscardOldest=item.discard_oldest,
    )
    if (deadband := attempt.deadband) is not None:
        parameters.Filter = ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue,
            DeadbandType=ua.DeadbandType.Percent if deadband.percent else ua.DeadbandType.Absolute,
            DeadbandValue=deadband.value,
        )
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=attempt.node_id, AttributeId=AttributeIds.Value, IndexRange=attempt.index_range),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=parameters,
    )


def subscription_parameters(publishing_interval_s: float, session_timeout_s: float) -> ua.CreateSubscriptionParameters:
    """Words one subscription: several keep-alives within a session timeout, and a life no shorter than the session's."""
    keep_alive_count = max(1, int(session_timeout_s / KEEP_ALIVES_PER_SESSION / publishing_interval_s))
    lifetime_count = max(3 * keep_alive_count, int(session_timeout_s / publishing_interval_s))
    return ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=publishing_interval_s * 1000,
        RequestedLifetimeCount=lifetime_count,
        RequestedMaxKeepAliveCount=keep_alive_count,
        MaxNotificationsPerPublish=LARGEST_CHUNK,
        PublishingEnabled=True,
        Priority=0,
    )
