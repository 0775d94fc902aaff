"""Brings the wanted items to monitoring in one session, and tries those the server refuses again from time to time."""

from collections.abc import Sequence
from typing import NoReturn

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.errors import status_name
from ems_telemetry.connectors.opcua.plan import WantedItem, by_publishing_interval, item_request, resolve
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Upstream

PROBE_AFTER_S = 60.0
MOST_NODES_NAMED = 5
_FILTER_REFUSALS = frozenset(
    {
        StatusCodes.BadMonitoredItemFilterInvalid,
        StatusCodes.BadMonitoredItemFilterUnsupported,
        StatusCodes.BadFilterNotAllowed,
        StatusCodes.BadDeadbandFilterInvalid,
    }
)


class Monitoring:
    """The items of one session. A refused item never holds up the others; `refused` tells each one's reason by its handle."""

    def __init__(self, session: Session, items: Sequence[WantedItem], upstream: Upstream, surroundings: Surroundings) -> None:
        self.refused: dict[int, str] = {}
        self._session = session
        self._items = items
        self._upstream = upstream
        self._surroundings = surroundings
        self._subscription_of: dict[int, int] = {}

    async def begin(self) -> None:
        """Creates one subscription per publishing interval, and all items.

        Raises:
            ConnectionLostError: the session is lost; refused items do not raise.
        """
        for interval_s, handles in by_publishing_interval(self._items).items():
            subscription = await self._session.subscribe(interval_s, self._upstream)
            self._subscription_of.update(dict.fromkeys(handles, subscription.id))
        await self._create(range(len(self._items)))
        self._surroundings.report.count("nodes_refused", len(self.refused))

    async def probe_refused(self) -> NoReturn:
        """Asks for the refused items again on a slow timer: a PLC may be loaded with its program later."""
        while True:
            await self._surroundings.clock.sleep(PROBE_AFTER_S)
            if self.refused:
                await self._create(tuple(self.refused))

    async def _create(self, handles: Sequence[int]) -> None:
        namespaces = await self._session.read_namespaces()
        known: dict[int, ua.NodeId] = {}
        for handle in handles:
            node_id = resolve(self._items[handle].address, namespaces)
            if node_id is None:
                self.refused[handle] = _unresolved(self._items[handle])
            else:
                known[handle] = node_id
        unfiltered = await self._ask_for(known, with_deadband=True)
        await self._ask_for({handle: known[handle] for handle in unfiltered}, with_deadband=False)
        self._tell(unfiltered)

    async def _ask_for(self, nodes: dict[int, ua.NodeId], *, with_deadband: bool) -> list[int]:
        """Gives the handles whose deadband alone was refused."""
        unfiltered: list[int] = []
        for subscription_id in sorted({self._subscription_of[handle] for handle in nodes}):
            handles = [handle for handle in nodes if self._subscription_of[handle] == subscription_id]
            requests = [item_request(h, self._items[h], nodes[h], with_deadband=with_deadband) for h in handles]
            results = await self._session.create_items(subscription_id, requests)
            for handle, result in zip(handles, results, strict=True):
                if self._settle(handle, result.StatusCode, with_deadband=with_deadband):
                    unfiltered.append(handle)
        return unfiltered

    def _settle(self, handle: int, status: ua.StatusCode, *, with_deadband: bool) -> bool:
        if status.is_good():
            self.refused.pop(handle, None)
            return False
        if with_deadband and self._items[handle].deadband is not None and status.value in _FILTER_REFUSALS:
            return True
        self.refused[handle] = status_name(int(status.value))
        return False

    def _tell(self, unfiltered: Sequence[int]) -> None:
        report = self._surroundings.report
        if unfiltered:
            report.count("deadbands_refused", len(unfiltered))
            report.note(f"the server filters no deadband, all changes are sent: {self._name(unfiltered)}")
        if self.refused:
            reasons = {handle: f": {reason}" for handle, reason in self.refused.items()}
            report.note(f"{len(self.refused)} of {len(self._items)} nodes are refused: {self._name(tuple(reasons), reasons)}")

    def _name(self, handles: Sequence[int], reasons: dict[int, str] | None = None) -> str:
        named = [
            f"{self._items[handle].point} ({self._items[handle].source}){(reasons or {}).get(handle, '')}"
            for handle in handles[:MOST_NODES_NAMED]
        ]
        more = len(handles) - len(named)
        return "; ".join([*named, f"and {more} more"] if more > 0 else named)


def _unresolved(item: WantedItem) -> str:
    if isinstance(item.address, tuple):
        return "the server knows no node on this path"
    return f"the server has no namespace {item.address.namespace}"
