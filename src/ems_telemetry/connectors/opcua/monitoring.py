"""Brings the wanted items to monitoring in one session, and tries those the server refuses again from time to time."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.deadbands import absolute_deadbands
from ems_telemetry.connectors.opcua.errors import status_behind
from ems_telemetry.connectors.opcua.intake import Intake
from ems_telemetry.connectors.opcua.plan import (
    FILTER_REFUSALS,
    Attempt,
    WantedItem,
    by_publishing_interval,
    can_be_less,
    item_request,
)
from ems_telemetry.connectors.opcua.refusals import Refusals, named_points, refused_with
from ems_telemetry.connectors.opcua.resolving import Resolver
from ems_telemetry.connectors.opcua.revisions import revised_items, revised_publishing
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Upstream
from ems_telemetry.errors import EmsTelemetryError

PROBE_AFTER_S = 60.0


class Monitoring:
    """The items of one session. A refused item never holds up the others; `refusals` outlives the session."""

    def __init__(
        self,
        session: Session,
        items: Sequence[WantedItem],
        upstream: Upstream,
        surroundings: Surroundings,
        refusals: Refusals,
    ) -> None:
        self._session = session
        self._items = items
        self._intake = Intake(upstream.take, refusals, len(items))
        self._upstream = replace(upstream, take=self._intake.take)
        self._surroundings = surroundings
        self._refusals = refusals
        self._resolver = Resolver(session, items, refusals)
        self._subscription_of: dict[int, int] = {}
        self._granted: dict[int, ua.MonitoredItemCreateResult] = {}
        self._unfiltered: list[int] = []

    async def begin(self) -> None:
        """Creates one subscription per publishing interval, and all items.

        Raises:
            ConnectionLostError: the session is lost; refused items do not raise.
        """
        revisions = [*revised_publishing(await self._subscribe())]
        await self._create(range(len(self._items)))
        self._surroundings.report.count("nodes_refused", len(self._refusals))
        revisions += revised_items(self._items, self._granted)
        if revisions:
            self._surroundings.report.remark("intervals_revised", "; ".join(revisions))

    @property
    def watchers(self) -> Sequence[Callable[[], Coroutine[Any, Any, NoReturn]]]:
        """Gives what must run beside the session for as long as it lasts."""
        return (self.probe_refused,)

    async def probe_refused(self) -> NoReturn:
        """Asks for the refused items again on a slow timer: a PLC may be loaded with its program later."""
        while True:
            await self._surroundings.clock.sleep(PROBE_AFTER_S)
            if self._refusals:
                await self._create(self._refusals.handles)

    async def _subscribe(self) -> dict[float, float]:
        """Gives the publishing intervals granted, in seconds, by those asked for."""
        granted: dict[float, float] = {}
        subscription_id = 0
        for interval_s, handles in by_publishing_interval(self._items).items():
            try:
                subscription = await self._session.subscribe(interval_s, self._upstream)
            except EmsTelemetryError as error:
                # The shortest interval came first: what joins its subscription is sent no later than it should be.
                if not granted or status_behind(error) != StatusCodes.BadTooManySubscriptions:
                    raise
                granted[interval_s] = next(iter(granted.values()))
            else:
                granted[interval_s] = subscription.publishing_interval_s
                subscription_id = subscription_id or subscription.id
                self._subscription_of.update(dict.fromkeys(handles, subscription.id))
                continue
            self._subscription_of.update(dict.fromkeys(handles, subscription_id))
        return granted

    async def _create(self, handles: Sequence[int]) -> None:
        targets = await self._resolver.resolve(handles)
        await self._delete_former(targets)
        self._intake.parts |= {handle: target.part for handle, target in targets.items() if target.part is not None}
        attempts = {
            handle: Attempt(target.node_id, self._items[handle].deadband, target.index_range)
            for handle, target in targets.items()
        }
        last: dict[int, Attempt] = {}
        while attempts:
            last |= attempts
            attempts = await self._with_less(await self._ask_for(attempts))
        await self._tell(last)

    async def _ask_for(self, attempts: Mapping[int, Attempt]) -> dict[int, tuple[Attempt, int]]:
        """Gives those that may be had with less, each with the StatusCode it was refused with."""
        left: dict[int, tuple[Attempt, int]] = {}
        for subscription_id in sorted({self._subscription_of[handle] for handle in attempts}):
            asked = {h: attempt for h, attempt in attempts.items() if self._subscription_of[h] == subscription_id}
            requests = [item_request(h, self._items[h], attempt) for h, attempt in asked.items()]
            results = await self._session.create_items(subscription_id, requests)
            for (handle, attempt), result in zip(asked.items(), results, strict=True):
                status = int(result.StatusCode.value)
                if not result.StatusCode.is_bad():
                    self._granted[handle] = result
                    self._refusals.find(handle)
                elif can_be_less(attempt, status):
                    left[handle] = attempt, status
                else:
                    self._refusals.refuse(handle, refused_with(status))
        return left

    async def _with_less(self, left: Mapping[int, tuple[Attempt, int]]) -> dict[int, Attempt]:
        shares = {
            handle: (attempt.node_id, attempt.deadband)
            for handle, (attempt, status) in left.items()
            if status in FILTER_REFUSALS and attempt.deadband is not None and attempt.deadband.percent
        }
        absolute = await absolute_deadbands(self._session, shares)
        lesser: dict[int, Attempt] = {}
        for handle, (attempt, status) in left.items():
            if status in FILTER_REFUSALS:
                lesser[handle] = replace(attempt, deadband=absolute.get(handle))
            else:
                lesser[handle] = replace(attempt, index_range=None)
                self._intake.parts[handle] = self._intake.parts[handle].cut_by_ourselves(self._items[handle].element)
        return lesser

    async def _tell(self, created: Mapping[int, Attempt]) -> None:
        wanted = {handle: (self._items[handle].deadband, attempt.deadband) for handle, attempt in created.items()}
        computed = [handle for handle, (asked, used) in wanted.items() if asked != used and used is not None]
        unfiltered = [handle for handle, (asked, used) in wanted.items() if asked is not None and used is None]
        self._unfiltered += unfiltered
        report = self._surroundings.report
        if unfiltered:
            report.count("deadbands_refused", len(unfiltered))
            named = named_points(self._items, self._unfiltered)
            self._refusals.problems = [f"the server filters no deadband, all changes are sent: {named}"]
        if computed:
            sentence = f"the deadband in percent is computed from EURange: {named_points(self._items, computed)}"
            report.remark("deadbands_computed", sentence)
        await self._refusals.tell()

    async def _delete_former(self, handles: Iterable[int]) -> None:
        """Takes away the items of nodes that were gone: a server need not connect an old item with a new node."""
        former = {handle: self._granted.pop(handle).MonitoredItemId for handle in handles if handle in self._granted}
        for subscription_id in sorted({self._subscription_of[handle] for handle in former}):
            ids = [item_id for handle, item_id in former.items() if self._subscription_of[handle] == subscription_id]
            await self._session.delete_items(subscription_id, ids)
