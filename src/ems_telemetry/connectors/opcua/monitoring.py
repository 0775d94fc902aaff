"""Brings the wanted items to monitoring in one session, and tries those the server refuses again from time to time.

That the server lives is proved by its keep-alives; that it still looks at the items, by reading some (`proving.py`).
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from ems_telemetry.connectors.opcua.proving import SLACK_S, Proving, Watched, Witness
from ems_telemetry.connectors.opcua.reading import value_of
from ems_telemetry.connectors.opcua.refusals import Refusals, named_points, refused_with
from ems_telemetry.connectors.opcua.resolving import Resolver
from ems_telemetry.connectors.opcua.revisions import revised_items, revised_publishing
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Upstream
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError

PROBE_AFTER_S = 60.0
PROVE_EVERY_S = 30.0


@dataclass(slots=True)
class Deafness:
    """How many sessions in a row ended because a subscription was kept alive and sent no changes."""

    sessions: int = 0


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
        self._witness = Witness(surroundings.clock)
        self._proving = Proving(session, self._witness, surroundings.clock)
        self._prove_every_s = PROVE_EVERY_S
        self._deafness = Deafness()
        self._intake = Intake(upstream.take, refusals, len(items), self._witness)
        self._upstream = replace(upstream, take=self._intake.take)
        self._surroundings = surroundings
        self._refusals = refusals
        self._resolver = Resolver(session, items, refusals)
        self._subscription_of: dict[int, int] = {}
        self._publishing_s: dict[int, float] = {}
        self._granted: dict[int, ua.MonitoredItemCreateResult] = {}
        self._attempts: dict[int, Attempt] = {}
        self._asked_anew: set[int] = set()
        self._unfiltered: list[int] = []

    def prove_every(self, interval_s: float, deafness: Deafness) -> None:
        """Sets how often silent items are read, and where sessions that end because of it are counted."""
        self._prove_every_s = interval_s
        self._deafness = deafness

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
        return self.probe_refused, self.prove_silent

    async def probe_refused(self) -> NoReturn:
        """Asks for the refused items again on a slow timer: a PLC may be loaded with its program later."""
        while True:
            await self._surroundings.clock.sleep(PROBE_AFTER_S)
            if self._refusals:
                await self._create(self._refusals.handles)

    async def prove_silent(self) -> NoReturn:
        """Reads some items that are silent; one that changed and was not sent is asked for anew.

        Raises:
            ConnectionLostError: a subscription sends keep-alives and nothing else.
        """
        clock = self._surroundings.clock
        first_values_until_s = clock.monotonic() + self._prove_every_s
        while True:
            await clock.sleep(self._prove_every_s)
            verdict = await self._proving.look(self._watched(), self._prove_every_s)
            if verdict.subscriptions:
                self._deafness.sessions += 1
                named = named_points(self._items, verdict.items)
                raise ConnectionLostError(f"the server sends keep-alives, and no changes any more of {named}")
            if self._witness.has_heard_since(first_values_until_s):
                self._deafness.sessions = 0
            if anew := [handle for handle in verdict.items if handle not in self._asked_anew]:
                await self._ask_anew(anew)

    async def _ask_anew(self, handles: Sequence[int]) -> None:
        """Once per session: a server whose reads and notifications disagree for ever is not to be asked for ever."""
        self._asked_anew.update(handles)
        self._surroundings.report.count("items_asked_anew", len(handles))
        self._surroundings.report.note(
            f"the server sends no changes any more of {named_points(self._items, handles)}; they are asked for anew"
        )
        self._upstream.interrupt([self._items[handle].point for handle in handles])
        await self._create(handles)

    def _watched(self) -> dict[int, Watched]:
        watched: dict[int, Watched] = {}
        for handle, granted in self._granted.items():
            attempt, subscription_id = self._attempts[handle], self._subscription_of[handle]
            band = attempt.deadband
            watched[handle] = Watched(
                subscription_id,
                value_of(attempt.node_id, attempt.index_range),
                0.0 if band is None else None if band.percent else band.value,
                granted.RevisedSamplingInterval / 1000 + 2 * self._publishing_s[subscription_id] + SLACK_S,
            )
        return watched

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
                self._publishing_s[subscription.id] = subscription.publishing_interval_s
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
                    self._attempts[handle] = attempt
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
        self._unfiltered += [handle for handle in unfiltered if handle not in self._unfiltered]
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
