"""Reads the wanted nodes again and again, for servers that cannot subscribe; what they say goes the way of all notifications.

The ticks of an interval are counted from the beginning, so they never drift. A poll that comes late leaves out the ticks it
missed instead of piling them up.
"""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn, TypeAlias

from asyncua import ua

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua import monitoring
from ems_telemetry.connectors.opcua.intake import Intake
from ems_telemetry.connectors.opcua.plan import ON_CHANGE_MS, WantedItem
from ems_telemetry.connectors.opcua.reading import read_from_source, status_of, value_of
from ems_telemetry.connectors.opcua.refusals import Refusals
from ems_telemetry.connectors.opcua.resolving import Resolver
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Upstream

Said: TypeAlias = tuple[object, int, ua.Variant | None]


def polling_interval_s(item: WantedItem) -> float:
    """Tells how often an item is read: at its sampling interval, or when it would be published if it has none."""
    if item.sampling_interval_ms == ON_CHANGE_MS:
        return item.publishing_interval_s
    return item.sampling_interval_ms / 1000


def next_tick_s(began_s: float, interval_s: float, now_s: float) -> float:
    """Tells the next tick after now, on the grid that began then."""
    return began_s + (int((now_s - began_s) / interval_s) + 1) * interval_s


def missed_ticks(due_s: float, next_s: float, interval_s: float) -> int:
    """Counts the ticks between one that was due and the next one to come."""
    return max(0, round((next_s - due_s) / interval_s) - 1)


class Polling:
    """The items of one session, read instead of monitored. A refused one never holds up the others."""

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
        self._surroundings = surroundings
        self._refusals = refusals
        self._intake = Intake(upstream.take, refusals, len(items))
        self._resolver = Resolver(session, items, refusals)
        self._questions: dict[int, ua.ReadValueId] = {}
        self._said: dict[int, Said] = {}
        self._groups: dict[float, list[int]] = defaultdict(list)
        for handle, item in enumerate(items):
            self._groups[polling_interval_s(item)].append(handle)

    async def begin(self) -> None:
        """Finds all nodes and reads each once.

        Raises:
            ConnectionLostError: the session is lost; refused items do not raise.
        """
        await self._find(range(len(self._items)))
        await self._poll(range(len(self._items)))
        self._surroundings.report.count("nodes_refused", len(self._refusals))

    @property
    def watchers(self) -> Sequence[Callable[[], Coroutine[Any, Any, NoReturn]]]:
        """Gives what must run beside the session for as long as it lasts."""
        return self.poll, self.probe_refused

    async def poll(self) -> NoReturn:
        """Reads each group at its ticks; a read that fails ends the session."""
        clock = self._surroundings.clock
        began_s = clock.monotonic()
        due_s = {interval_s: began_s + interval_s for interval_s in self._groups}
        while True:
            interval_s = min(due_s, key=due_s.__getitem__)
            await clock.sleep(due_s[interval_s] - clock.monotonic())
            await self._poll(self._groups[interval_s])
            following_s = next_tick_s(began_s, interval_s, clock.monotonic())
            if missed := missed_ticks(due_s[interval_s], following_s, interval_s):
                self._surroundings.report.count("polls_skipped", missed)
            due_s[interval_s] = following_s

    async def probe_refused(self) -> NoReturn:
        """Looks for the refused nodes again on a slow timer."""
        while True:
            await self._surroundings.clock.sleep(monitoring.PROBE_AFTER_S)
            if self._refusals:
                await self._find(self._refusals.handles)

    async def _find(self, handles: Sequence[int]) -> None:
        targets = await self._resolver.resolve(handles)
        for handle, target in targets.items():
            self._questions[handle] = value_of(target.node_id, target.index_range)
            self._refusals.find(handle)
            if target.part is not None:
                self._intake.parts[handle] = target.part
        await self._refusals.tell()

    async def _poll(self, handles: Sequence[int]) -> None:
        asked = [handle for handle in handles if handle not in self._refusals]
        clock, report = self._surroundings.clock, self._surroundings.report
        began_s = clock.monotonic()
        answers = await read_from_source(self._session, [self._questions[handle] for handle in asked])
        report.observe_poll(clock.monotonic() - began_s)
        notifications = [
            ua.MonitoredItemNotification(ClientHandle=handle, Value=value)
            for handle, value in zip(asked, answers, strict=True)
            if self._is_new(handle, value)
        ]
        if notifications:
            await self._intake.take(notifications)

    def _is_new(self, handle: int, value: ua.DataValue) -> bool:
        """Tells whether a value was not there before; one without a source time is one of its own each time."""
        said = (value.SourceTimestamp, status_of(value), value.Value)
        before, self._said[handle] = self._said.get(handle), said
        return value.SourceTimestamp is None or said != before
