"""Begins to watch all items of a session: monitored where the server can, read again and again where it cannot or must not."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn, Protocol

from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.errors import SERVICE_UNKNOWN, status_behind
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.monitoring import Deafness, Monitoring
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.polling import Polling
from ems_telemetry.connectors.opcua.refusals import Refusals
from ems_telemetry.connectors.opcua.resolving import Resolver
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.subscription import Upstream
from ems_telemetry.errors import EmsTelemetryError

MOST_DEAF_SESSIONS = 2
"""After so many sessions in a row whose subscriptions went deaf, the next one reads the nodes instead."""
_CANNOT_SUBSCRIBE = SERVICE_UNKNOWN | {StatusCodes.BadTooManySubscriptions}
"""A server whose subscriptions others hold is read too: values now are worth more than subscriptions later. The next session
asks for one again."""


class Watch(Protocol):
    """One way to watch the items of a session."""

    async def begin(self) -> None:
        """Asks for all items. Raises `ConnectionLostError` if the session is lost; refused items do not raise."""
        ...

    @property
    def watchers(self) -> Sequence[Callable[[], Coroutine[Any, Any, NoReturn]]]:
        """Gives what must run beside the session for as long as it lasts; each raises when the session is lost."""
        ...


class Watching:
    """Chooses, for each session, how the items of one connector are watched; keeps what is refused over all sessions."""

    def __init__(self, items: Sequence[WantedItem], file: OpcUaFile, surroundings: Surroundings) -> None:
        self._items = items
        self._choice = file.polling
        self._proof_interval_s = file.proof_interval
        self._surroundings = surroundings
        self._refusals = Refusals(items, surroundings)
        self._deafness = Deafness()

    async def begin(self, session: Session, upstream: Upstream) -> Watch:
        """Begins to watch.

        Raises:
            ConnectionLostError: the session is lost, or the server cannot subscribe and must not be polled.
        """
        self._refusals.problems = ()
        if self._choice == "always" and self._items:
            return await self._poll(session, upstream)
        if self._choice == "fallback" and self._deafness.sessions >= MOST_DEAF_SESSIONS:
            self._deafness.sessions = 0
            self._remark("the server kept its subscriptions alive and sent no changes")
            return await self._poll(session, upstream)
        watch = Monitoring(session, self._items, upstream, self._surroundings, self._refusals)
        watch.prove_every(self._proof_interval_s, self._deafness)
        try:
            await watch.begin()
        except EmsTelemetryError as error:
            if self._choice == "never" or status_behind(error) not in _CANNOT_SUBSCRIBE:
                raise
            self._remark(str(error))
            return await self._poll(session, upstream)
        return watch

    def resolver(self, session: Session) -> Resolver:
        """Gives what finds the nodes of the items in a session; what it does not find is refused like any other."""
        return Resolver(session, self._items, self._refusals)

    def _remark(self, why: str) -> None:
        self._surroundings.report.remark("polling", f"the nodes are read again and again, because {why}")

    async def _poll(self, session: Session, upstream: Upstream) -> Watch:
        watch = Polling(session, self._items, upstream, self._surroundings, self._refusals)
        await watch.begin()
        return watch
