"""The reply that is being waited for: taken in piece by piece until it is whole, wrong, or too late."""

import asyncio
from collections.abc import Callable

from ems_telemetry.connectors.modbus.errors import ExceptionReplyError, SilentUnitError, WrongReplyError
from ems_telemetry.connectors.modbus.framing import Exchange
from ems_telemetry.errors import EmsTelemetryError


class AwaitedReply:
    """One reply on its way, settled once: by what comes, by time, or by the end of the link; never by who waits for it."""

    __slots__ = ("_exchange", "_outcome", "_received", "_timeout_s", "_timer", "_waiter")

    def __init__(self, exchange: Exchange, timeout_s: float) -> None:
        """Begins to wait: the whole reply must come within `timeout_s`."""
        self._exchange = exchange
        self._timeout_s = timeout_s
        self._received = b""
        self._outcome: bytes | EmsTelemetryError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self._expire)

    @property
    def error(self) -> EmsTelemetryError | None:
        """What went wrong, once it is settled; None if it is the reply."""
        return self._outcome if isinstance(self._outcome, EmsTelemetryError) else None

    @property
    def is_settled(self) -> bool:
        """True once it is known what became of it."""
        return self._outcome is not None

    def take(self, data: bytes) -> None:
        """Takes in what has come; to be called only as long as it is not settled."""
        self._received += data
        try:
            reply = self._exchange.read(self._received)
        except (ExceptionReplyError, WrongReplyError) as error:
            self.settle(error)
        else:
            if reply is not None:
                self.settle(reply)

    def settle(self, outcome: bytes | EmsTelemetryError) -> None:
        """Settles it, if it is not settled yet."""
        if self._outcome is not None:
            return
        self._outcome = outcome
        self._timer.cancel()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def settled(self, cancelling: Callable[[], object]) -> asyncio.CancelledError | None:
        """Waits until it is settled, which its time bounds; also when the task that waits is cancelled.

        Args:
            cancelling: called when the task that waits is cancelled; it may settle it.

        Returns:
            The cancellation that came meanwhile, for the caller to raise.
        """
        cancelled = None
        while self._outcome is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            except asyncio.CancelledError as error:
                cancelled = error
                cancelling()
        return cancelled

    def result(self) -> bytes:
        """Gives the data, or raises what went wrong; once it is settled."""
        if isinstance(self._outcome, bytes):
            return self._outcome
        raise self._outcome or asyncio.InvalidStateError

    def _expire(self) -> None:
        self.settle(SilentUnitError(f"does not answer within {self._timeout_s:g}s"))
