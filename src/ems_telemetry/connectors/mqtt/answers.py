"""What the broker has been asked and not yet answered, by packet id."""

import asyncio
from collections.abc import Sequence

from paho.mqtt.reasoncodes import ReasonCode

from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError

_LIMIT_S = 10.0

Codes = Sequence[ReasonCode]


class Answers:
    """The answers that somebody waits for. Each wait has an end: the answer, the connection's failure, or a time-out."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Codes]] = {}

    async def wait_for(self, packet_id: int) -> Codes:
        """Gives the answer to a packet.

        Raises:
            ConnectionLostError: there is none in time.
            EmsTelemetryError: the connection ended meanwhile.
        """
        answer: asyncio.Future[Codes] = asyncio.get_running_loop().create_future()
        self._waiting[packet_id] = answer
        try:
            async with asyncio.timeout(_LIMIT_S):
                return await answer
        except TimeoutError as error:
            raise ConnectionLostError("the broker does not answer what it is asked") from error
        finally:
            del self._waiting[packet_id]

    def settle(self, packet_id: int, codes: ReasonCode | Codes) -> None:
        """Takes an answer in; passes over one that nobody waits for."""
        answer = self._waiting.get(packet_id)
        if answer is not None and not answer.done():
            answer.set_result([codes] if isinstance(codes, ReasonCode) else codes)

    def fail(self, failure: EmsTelemetryError) -> None:
        """Tells everybody who waits that no answer will come."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(failure)
