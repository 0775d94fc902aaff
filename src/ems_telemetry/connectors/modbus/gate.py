"""How often an endpoint may be connected to, for all who use one line together."""

from ems_telemetry.clock import Clock
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.retry import Backoff

LONGEST_PUT_OFF_S = 5.0
"""An endpoint that takes connections is never left alone for longer: another of its units may be well."""


class Gate:
    """Closes after each failure, the longer the more there were in a row; a link that proved good opens it.

    After a failed connect, whoever asks is told why until it opens. After a connection that ended before it was of any use,
    whoever asks waits until it opens: the endpoint is there, and perhaps only the unit asked first is not.
    """

    def __init__(self, clock: Clock, backoff: Backoff) -> None:
        self._clock = clock
        self._backoff = backoff
        self._failures = 0
        self._opens_s = 0.0
        self._error: EmsTelemetryError | None = None

    @property
    def shut_for_s(self) -> float:
        """How long until a connect may be tried, in seconds; not above 0 if it may be now."""
        return self._opens_s - self._clock.monotonic()

    async def wait(self) -> None:
        """Returns when a connect may be tried.

        Raises:
            EmsTelemetryError: the last connect failed with it, and it is too soon for another.
        """
        if self._error is not None and self.shut_for_s > 0:
            raise self._error.with_traceback(None)
        while (shut_for_s := self.shut_for_s) > 0:
            await self._clock.sleep(shut_for_s)

    def fail(self, error: EmsTelemetryError) -> None:
        """Closes after a connect that failed."""
        self._error = error
        self._close(self._backoff.cap_s)

    def put_off(self) -> None:
        """Closes after a connection that was of no use."""
        self._error = None
        self._close(LONGEST_PUT_OFF_S)

    def prove(self) -> None:
        """Opens: a connection has shown that it is good."""
        self._failures = 0
        self._error = None
        self._opens_s = 0.0

    def _close(self, longest_s: float) -> None:
        self._failures += 1
        self._opens_s = self._clock.monotonic() + min(longest_s, self._backoff.delay_s(self._failures))
