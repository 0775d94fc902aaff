"""The one link to one endpoint, for all connectors that speak to it: one request at a time, in the order they came."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.modbus.connection import Connection
from ems_telemetry.connectors.modbus.endpoint import Endpoint, Pauses, Scheme
from ems_telemetry.connectors.modbus.errors import UnitFailedError
from ems_telemetry.connectors.modbus.framing import make_framing
from ems_telemetry.connectors.modbus.pdu import Request
from ems_telemetry.connectors.modbus.tls import TlsSettings
from ems_telemetry.retry import Backoff

TIMES_A_REPLY_MAY_TAKE = 2.0
"""With RTU, a unit whose reply has not come within its time is heard out for that many times as long in all."""


class Reply(NamedTuple):
    """The data of a reply, and when it was asked for and had come, in monotonic seconds."""

    data: bytes
    """As the request's `read_reply` gives it."""
    sent_s: float
    received_s: float


class Line:
    """The link to one endpoint, opened by whoever first needs it, shared by all who ask its units.

    - One request is in flight. Those who wait get their turn in the order they came, and may leave at any time.
    - While several use it, a request under way is seen through to its reply or the end of its time, even if the caller is
      cancelled: nobody who stops spoils the link for the others. Who uses it alone and is cancelled drops the connection.
    - A value is the reply to exactly the request it is given for. After any doubt a TCP connection is dropped, and a serial
      line left alone until it is silent. With RTU, where no frame says which request it answers, a unit that failed to reply
      is asked again only when twice its time has gone by since its request was sent; other units go on meanwhile. A unit that
      replies later still, and in the same form, cannot be told from one that replies in time.
    - Only the line connects, and no more often than its back-off allows, however many ask. A connection that was of use and
      ended is replaced at once.

    Making one does no I/O. It may be opened again after `close`.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock, backoff: Backoff, tls: TlsSettings | None = None) -> None:
        """Takes where to connect, and how failing to is spread over time.

        Raises:
            ValueError: a tls:// endpoint without certificates, or certificates for another kind.
        """
        if (tls is not None) != (endpoint.scheme is Scheme.TLS):
            message = f"{endpoint}: certificates go with tls:// endpoints, and with these alone"
            raise ValueError(message)
        self._clock = clock
        self._framing = make_framing(endpoint)
        self._connection = Connection(endpoint, self._framing, tls, clock, backoff)
        self._turn = asyncio.Lock()
        self._pauses = Pauses()
        self._users: list[Pauses] = []
        self._doubtful_until_s: dict[int, float] = {}

    @property
    def unasked(self) -> int:
        """How often bytes came that nobody had asked for; each time the connection was dropped, and nothing lost by it."""
        return self._connection.unasked

    @property
    def shut_for_s(self) -> float:
        """How long until another connect may be tried, in seconds; not above 0 if it may be now."""
        return self._connection.shut_for_s

    @contextlib.asynccontextmanager
    async def in_use(self, pauses: Pauses | None = None) -> AsyncIterator[None]:
        """Keeps the link for the length of an `async with`; the last to leave closes it.

        Args:
            pauses: what the caller's devices need; of all who use the line, the longest asked for holds.
        """
        needed = pauses or Pauses()
        self._users.append(needed)
        self._pauses = _longest(self._users)
        try:
            yield
        finally:
            self._users.remove(needed)
            self._pauses = _longest(self._users)
            if not self._users:
                await self.close()

    async def open(self) -> None:
        """Connects, if there is no connection.

        Raises:
            ConnectionLostError: the endpoint is out of reach, or was a moment ago and it is too soon to try again.
            PermanentError: so it is, and trying again will not help: a certificate is refused, a file missing, a right lacking.
        """
        async with self._turn:
            await self._connection.open()

    def drop(self) -> None:
        """Ends the connection at once, if there is one, and with it the request under way, whoever's it is."""
        self._connection.drop()

    async def close(self) -> None:
        """Drops the connection and waits until it is closed. Does no harm twice."""
        await self._connection.close()

    async def ask(self, unit_id: int, request: Request, timeout_s: float) -> bytes:
        """Asks one unit as `exchange` does, and gives the data alone."""
        return (await self.exchange(unit_id, request, timeout_s)).data

    async def exchange(self, unit_id: int, request: Request, timeout_s: float) -> Reply:
        """Asks one unit, when its turn has come, and waits for its reply.

        A caller that is cancelled leaves at once if it uses the line alone or waits for its turn, and otherwise when the
        request is settled, at most `timeout_s` later.

        Args:
            unit_id: 0 to 255; on a serial line 1 to 247, since nobody replies to 0.
            request: what is read.
            timeout_s: how long it may take until the whole reply has come, counted from when sending began.

        Raises:
            ConnectionLostError: the endpoint is out of reach, or was a moment ago and it is too soon to try again.
            PermanentError: so it is, and trying again will not help: a certificate is refused, a file missing, a right lacking.
            UnitFailedError: no reply came, or none that can be trusted; the link was made clean.
            ExceptionReplyError: the device, or the gateway before it, said no; the connection stands.
        """
        while True:
            if (doubtful_s := self._doubtful_s(unit_id)) > 0:
                await self._clock.sleep(doubtful_s)
                continue
            async with self._turn:
                if self._doubtful_s(unit_id) <= 0:
                    return await self._exchange(unit_id, request, timeout_s)

    async def _exchange(self, unit_id: int, request: Request, timeout_s: float) -> Reply:
        await self._connection.make_ready(self._pauses)
        sent_s = self._clock.monotonic()
        awaited = self._connection.begin(self._framing.begin(unit_id, request), timeout_s)
        cancelled = await awaited.settled(self._abandon)
        received_s = self._clock.monotonic()
        self._connection.end(awaited.error)
        if isinstance(awaited.error, UnitFailedError) and not self._framing.tells_replies_apart:
            self._doubtful_until_s[unit_id] = sent_s + TIMES_A_REPLY_MAY_TAKE * timeout_s
        if cancelled is not None:
            raise cancelled
        return Reply(awaited.result(), sent_s, received_s)

    def _abandon(self) -> None:
        """Ends a request whose caller is cancelled, unless that would take the link from others."""
        if len(self._users) <= 1:
            self._connection.drop()

    def _doubtful_s(self, unit_id: int) -> float:
        """Tells for how long a late reply of a unit may still come, in seconds."""
        if unit_id not in self._doubtful_until_s:
            return 0.0
        remaining_s = self._doubtful_until_s[unit_id] - self._clock.monotonic()
        if remaining_s <= 0:
            del self._doubtful_until_s[unit_id]
        return remaining_s


def _longest(users: list[Pauses]) -> Pauses:
    return Pauses(*(max(pauses) for pauses in zip(Pauses(), *users, strict=True)))
