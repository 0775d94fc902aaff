"""The connection of one line: opened no more often than its gate allows, and clean whenever a request is sent over it.

Clean means that nothing is left on it of what went before: a TCP connection that is in doubt is dropped and never read again, a
serial port is read until the line is silent.
"""

import asyncio
import math
import ssl

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.modbus.endpoint import Endpoint, Pauses
from ems_telemetry.connectors.modbus.errors import (
    ClosedLinkError,
    ExceptionReplyError,
    SilentUnitError,
    UnitFailedError,
    WrongReplyError,
)
from ems_telemetry.connectors.modbus.framing import Exchange, Framing
from ems_telemetry.connectors.modbus.gate import Gate
from ems_telemetry.connectors.modbus.reasons import explain_open_error, explain_tls_error
from ems_telemetry.connectors.modbus.reply import AwaitedReply
from ems_telemetry.connectors.modbus.serial_wire import open_port
from ems_telemetry.connectors.modbus.tls import TlsSettings
from ems_telemetry.connectors.modbus.wire import Wire, open_socket
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.retry import Backoff

SILENCE_AFTER_DOUBT_S = 0.05
"""How long a serial line must be silent after a reply in doubt: adapters hand on what they receive in pieces."""
SILENT_WITHIN_S = 1.0
"""A serial line that does not fall silent within this time is of no use."""
_TRIES = 2
"""A connection may turn out to be no longer good just when it is needed; the next one is new."""


class Connection:
    """The connection to one endpoint, for one task at a time. Making one does no I/O."""

    def __init__(self, endpoint: Endpoint, framing: Framing, tls: TlsSettings | None, clock: Clock, backoff: Backoff) -> None:
        self.unasked = 0
        """How often bytes came that nobody had asked for, and the connection was dropped for it."""
        self._endpoint = endpoint
        self._framing = framing
        self._tls = tls
        self._clock = clock
        self._gate = Gate(clock, backoff)
        self._wire: Wire | None = None
        self._dropped: Wire | None = None
        self._awaited: AwaitedReply | None = None
        self._proved = False
        self._strayed = False
        self._in_doubt = False
        self._opened_s = self._ended_s = self._heard_s = -math.inf

    @property
    def shut_for_s(self) -> float:
        """How long until another connect may be tried, in seconds; not above 0 if it may be now."""
        return self._gate.shut_for_s

    async def open(self) -> None:
        """Connects, if there is no connection.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
            PermanentError: it refuses us, or we it.
        """
        if self._wire is not None:
            return
        await self._gate.wait()
        self._proved = self._strayed = self._in_doubt = False
        try:
            wire = await self._open_wire()
        except OSError as error:
            failure = explain_open_error(self._endpoint, self._tls_name, error)
            self._gate.fail(failure)
            raise failure from error
        except EmsTelemetryError as error:
            self._gate.fail(error)
            raise
        except asyncio.CancelledError:
            self._gate.put_off()
            raise
        self._opened_s = self._clock.monotonic()
        if wire.is_open:
            self._wire = wire

    async def make_ready(self, pauses: Pauses) -> None:
        """Returns when there is a connection, rested, and with nothing on it that could be taken for a reply.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
            PermanentError: it refuses us, or we it.
            ClosedLinkError: it closes each connection at once.
            WrongReplyError: it sends what nobody asked for.
        """
        problem: UnitFailedError = ClosedLinkError(self._closed_words)
        for _ in range(_TRIES):
            await self.open()
            await self._rest(pauses)
            if self._wire is None:
                continue
            if not self._has_strayed(self._wire):
                return
            problem = WrongReplyError("bytes came that nobody had asked for")
        raise problem

    def begin(self, exchange: Exchange, timeout_s: float) -> AwaitedReply:
        """Sends a request, and gives what waits for its reply; `end` must follow once that is settled."""
        awaited = AwaitedReply(exchange, timeout_s)
        if self._wire is None:
            awaited.settle(ClosedLinkError(self._closed_words))
        else:
            self._awaited = awaited
            self._wire.send(exchange.frame)
        return awaited

    def end(self, error: EmsTelemetryError | None) -> None:
        """Takes note of what became of a request, and makes the connection clean if there is doubt."""
        self._awaited = None
        self._ended_s = self._clock.monotonic()
        if error is None or isinstance(error, ExceptionReplyError):
            self._proved = True
            self._in_doubt = False
            self._gate.prove()
        elif self._wire is not None:
            self._clean(silent=isinstance(error, SilentUnitError))

    def drop(self) -> None:
        """Ends the connection at once, if there is one, and with it the request under way."""
        if self._wire is not None:
            self._dropped, self._wire = self._wire, None
            self._dropped.drop()
        if self._awaited is not None:
            self._awaited.settle(ClosedLinkError("the link was closed"))

    async def close(self) -> None:
        """Drops the connection and waits until it is closed. Does no harm twice."""
        self.drop()
        if self._dropped is not None:
            await self._dropped.close()
            self._dropped = None

    async def _open_wire(self) -> Wire:
        if self._endpoint.serial is not None:
            return open_port(self._endpoint.serial, self._take_bytes, self._take_end)
        return await open_socket(self._endpoint, self._tls, self._take_bytes, self._take_end)

    async def _rest(self, pauses: Pauses) -> None:
        """Waits until the pauses are over and the line is silent, or the connection has ended."""
        if not self._framing.tells_replies_apart:
            # What has come and was not told yet is told meanwhile.
            await asyncio.sleep(0)
        rested_s = max(self._opened_s + pauses.after_connect_s, self._ended_s + pauses.between_requests_s)
        while (wait_s := rested_s - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait_s)
        silence_s = max(self._framing.silence_s, SILENCE_AFTER_DOUBT_S if self._in_doubt else 0.0)
        given_up_s = self._clock.monotonic() + SILENT_WITHIN_S
        while self._wire is not None and (silent_s := max(self._opened_s, self._heard_s) + silence_s) > self._clock.monotonic():
            if silent_s > given_up_s:
                self.drop()
                raise WrongReplyError("the line does not fall silent; does another master speak on it?")
            await self._clock.sleep(silent_s - self._clock.monotonic())

    def _has_strayed(self, wire: Wire) -> bool:
        """Tells whether bytes came that nobody had asked for; makes the connection clean of them."""
        wire.drain()
        strayed, self._strayed = self._strayed, False
        if not strayed or self._endpoint.serial is not None:
            return False
        self.unasked += 1
        self._clean(silent=False)
        return True

    def _clean(self, *, silent: bool) -> None:
        """Leaves nothing on the connection of what went wrong; `silent` if that was only that nothing came."""
        if self._endpoint.serial is not None:
            self._in_doubt = True
            return
        self.drop()
        if not (self._proved or silent):
            self._gate.put_off()

    def _take_bytes(self, data: bytes) -> None:
        self._heard_s = self._clock.monotonic()
        if self._awaited is None or self._awaited.is_settled:
            self._strayed = True
        else:
            self._awaited.take(data)

    def _take_end(self, error: Exception | None) -> None:
        self._wire = None
        failure: EmsTelemetryError = ClosedLinkError(self._closed_words)
        if isinstance(error, ssl.SSLError) and not self._proved:
            # With TLS 1.3 a server looks at our certificate when we think that the connection stands.
            failure = explain_tls_error(self._endpoint, self._tls_name, error)
            self._gate.fail(failure)
        elif not self._proved:
            self._gate.put_off()
        if self._awaited is not None:
            self._awaited.settle(failure)

    @property
    def _closed_words(self) -> str:
        if self._endpoint.serial is not None:
            return f"{self._endpoint.serial.device} is gone; is the adapter plugged in?"
        return "the endpoint closes the connection instead of replying"

    @property
    def _tls_name(self) -> str:
        return (self._tls and self._tls.server_name) or self._endpoint.host
