"""Which points the server does not let us have, since when and why: kept over all sessions, told as gaps until they are found.

A point is refused by its handle. Its gap keeps its id for as long as the cause stays the same, and grows at every probe.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.errors import status_name
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.open_gaps import OpenGaps

MOST_NODES_NAMED = 5


class Cause(StrEnum):
    """Why a point is not read: the `cause` of its gap, stable and documented."""

    NODE_UNKNOWN = "node_unknown"
    NODE_DENIED = "node_denied"
    NAMESPACE_UNKNOWN = "namespace_unknown"
    PATH_AMBIGUOUS = "path_ambiguous"
    PART_UNKNOWN = "part_unknown"
    TOO_MANY_ITEMS = "too_many_items"
    NODE_REFUSED = "node_refused"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one point is refused, for machines and for people."""

    cause: Cause
    reason: str


_BY_STATUS: Mapping[int, Cause] = {
    StatusCodes.BadNodeIdUnknown: Cause.NODE_UNKNOWN,
    StatusCodes.BadNodeIdInvalid: Cause.NODE_UNKNOWN,
    StatusCodes.BadAttributeIdInvalid: Cause.NODE_UNKNOWN,
    StatusCodes.BadNoMatch: Cause.NODE_UNKNOWN,
    StatusCodes.BadUserAccessDenied: Cause.NODE_DENIED,
    StatusCodes.BadNotReadable: Cause.NODE_DENIED,
    StatusCodes.BadSecurityModeInsufficient: Cause.NODE_DENIED,
    StatusCodes.BadTooManyMonitoredItems: Cause.TOO_MANY_ITEMS,
}
_REMEDIES: Mapping[int, str] = {
    StatusCodes.BadAttributeIdInvalid: "it is no variable",
    StatusCodes.BadUserAccessDenied: "give the user of this connector the right to read it",
    StatusCodes.BadNotReadable: "the server lets nobody read it",
    StatusCodes.BadTooManyMonitoredItems: "the server monitors no more items; close other clients, or set polling: always",
}
_OF_THE_NODE = frozenset(_BY_STATUS) - {StatusCodes.BadTooManyMonitoredItems, StatusCodes.BadNoMatch}
_CODE = 0xFFFF_0000


def refused_with(status: int) -> Refused:
    """Reads why from a bad StatusCode."""
    code = status & _CODE
    remedy = f" ({_REMEDIES[code]})" if code in _REMEDIES else ""
    return Refused(_BY_STATUS.get(code, Cause.NODE_REFUSED), f"{status_name(code)}{remedy}")


def refuses_node(status: int) -> bool:
    """Tells whether the StatusCode of a value says that there is no node to read, or not for us; not that the value is bad."""
    return status & _CODE in _OF_THE_NODE


class Refusals:
    """The refused points of one connector. Nothing is told before `tell`."""

    def __init__(self, items: Sequence[WantedItem], surroundings: Surroundings) -> None:
        self._items = items
        self._surroundings = surroundings
        self._reasons: dict[int, Refused] = {}
        self._gaps = OpenGaps(surroundings.report.status.name, surroundings.clock)
        self._found: list[int] = []
        self.problems: Sequence[str] = ()
        """What else is wrong with the items of this session, in sentences: told together, so that no note hides another."""

    def __len__(self) -> int:
        return len(self._reasons)

    def __contains__(self, handle: object) -> bool:
        return handle in self._reasons

    @property
    def handles(self) -> tuple[int, ...]:
        """The handles of the refused points."""
        return tuple(self._reasons)

    def reason(self, handle: int) -> str | None:
        """Tells in words why a point is refused; None for one that is not."""
        refused = self._reasons.get(handle)
        return None if refused is None else refused.reason

    @property
    def untold(self) -> bool:
        """True if something has changed since the last `tell`."""
        return self._gaps.untold

    def refuse(self, handle: int, refused: Refused) -> None:
        """Takes note that a point is refused, now and since the last time it was found."""
        self._gaps.grow(self._items[handle].point, refused.cause.value)
        self._reasons[handle] = refused

    def find(self, handle: int) -> None:
        """Takes note that a point is there; nothing happens if it was never refused."""
        if handle in self._reasons:
            self._gaps.close(self._items[handle].point)
            del self._reasons[handle]
            self._found.append(handle)

    async def tell(self) -> None:
        """Writes down the gaps that changed, and puts all that is wrong with the items into one note."""
        report = self._surroundings.report
        if self._found:
            report.remark("nodes_found", f"found again: {named_points(self._items, self._found)}")
            self._found.clear()
        if sentences := [*self._sentence(), *self.problems]:
            report.note("; ".join(sentences))
        if self._gaps.untold:
            await self._surroundings.sink.record(self._gaps.take())

    def _sentence(self) -> Iterable[str]:
        if self._reasons:
            reasons = {handle: f": {refused.reason}" for handle, refused in self._reasons.items()}
            yield f"{len(reasons)} of {len(self._items)} nodes are refused: {named_points(self._items, self.handles, reasons)}"


def named_points(items: Sequence[WantedItem], handles: Sequence[int], after: Mapping[int, str] | None = None) -> str:
    """Names points with their nodes, the first few of many.

    Args:
        items: the wanted items.
        handles: those to name.
        after: what to say of each, behind its name.
    """
    named = [
        f"{items[handle].point} ({items[handle].source}){(after or {}).get(handle, '')}"
        for handle in handles[:MOST_NODES_NAMED]
    ]
    more = len(handles) - len(named)
    return "; ".join([*named, f"and {more} more"] if more > 0 else named)
