"""How many nodes a server takes in one call of each service, and sequences cut to that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

CAUTIOUS_CHUNK = 100
"""Nodes per call where the server does not tell its limit."""
LARGEST_CHUNK = 1000
"""Nodes per call where the server has no limit; keeps one request far below what servers accept as a message."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OperationLimits:
    """Nodes per call, by service; see `ServerCapabilities.OperationLimits` in OPC 10000-5, 6.3.11."""

    read: int = CAUTIOUS_CHUNK
    browse: int = CAUTIOUS_CHUNK
    translate: int = CAUTIOUS_CHUNK
    monitored_items: int = CAUTIOUS_CHUNK
    history_read: int = CAUTIOUS_CHUNK


_SOURCES: Mapping[str, int] = {
    "read": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "browse": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    "translate": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    "monitored_items": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    "history_read": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
}
LIMIT_NODES = tuple(ua.NodeId(ua.Int32(_SOURCES[field.name])) for field in fields(OperationLimits))
"""The nodes that tell the limits, in the order `limits_from` takes their values."""


def limits_from(values: Sequence[object]) -> OperationLimits:
    """Reads the values of `LIMIT_NODES` as a server gave them."""
    return OperationLimits(*(chunk_size(value) for value in values))


def chunk_size(limit: object) -> int:
    """Tells how many nodes go into one call.

    Args:
        limit: what the server gives as its limit; 0 for none, anything else than a number if it tells nothing.
    """
    if not isinstance(limit, int) or limit < 0:
        return CAUTIOUS_CHUNK
    return min(limit, LARGEST_CHUNK) or LARGEST_CHUNK


def chunks(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cuts a sequence into pieces of at most `size`."""
    return (whole[start : start + size] for start in range(0, len(whole), size))
