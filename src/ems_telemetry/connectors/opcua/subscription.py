"""One subscription on the server: when it last gave a sign of life, and that none of its messages is missing.

Messages are numbered by the server. A number left out is asked for again; what the server no longer has is counted.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncua import ua

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.opcua.errors import FOREIGN_ERRORS

Notifications: TypeAlias = Sequence[ua.MonitoredItemNotification]

KEEP_ALIVES_MISSED = 3
"""So many keep-alives in a row may be late before the subscription counts as dead."""
LEAST_SILENCE_S = 2.0
"""No subscription counts as dead sooner, however short its intervals."""
LARGEST_SEQUENCE_NUMBER = 2**32 - 1
MOST_MESSAGES_ASKED_AGAIN = 100


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a subscription hands on what it receives, and how it asks the server again."""

    take: Callable[[Notifications], Awaitable[None]]
    republish: Callable[[int, int], Awaitable[ua.NotificationMessage]]
    """Given the subscription's id and a sequence number."""
    lose: Callable[[int], None]
    """Given the StatusCode with which the server ends the subscription."""
    count_lost: Callable[[int], None]
    """Given how many messages cannot be had again."""
    interrupt: Callable[[Sequence[str]], None]
    """Given points of which changes were not sent."""


class Subscription:
    """What we know of one subscription. `receive` is called for each of its publish responses, in their order."""

    def __init__(self, upstream: Upstream, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock
        self._expected: int | None = None
        self._busy = False
        self._heard_at_s = clock.monotonic()
        self.id = 0
        self.publishing_interval_s = 0.0
        """As the server granted it."""
        self._silence_limit_s = LEAST_SILENCE_S

    def begin(self, created: ua.CreateSubscriptionResult) -> None:
        """Takes over what the server granted, which need not be what was asked."""
        self.id = created.SubscriptionId
        self.publishing_interval_s = created.RevisedPublishingInterval / 1000
        keep_alive_s = created.RevisedPublishingInterval / 1000 * max(1, created.RevisedMaxKeepAliveCount)
        self._silence_limit_s = max(LEAST_SILENCE_S, KEEP_ALIVES_MISSED * keep_alive_s)
        self._heard_at_s = self._clock.monotonic()

    def remaining_s(self) -> float:
        """Tells how much longer it may be silent, in seconds; while we are the slow ones, it is given all its time."""
        if self._busy:
            return self._silence_limit_s
        return self._heard_at_s + self._silence_limit_s - self._clock.monotonic()

    async def receive(self, response: ua.PublishResult) -> None:
        """Takes one publish response; a keep-alive carries no data and no number of its own."""
        self._busy = True
        try:
            message = response.NotificationMessage
            if message.NotificationData:
                await self._ask_again_up_to(message.SequenceNumber)
                self._expected = _after(message.SequenceNumber)
                await self._hand_on(message)
        finally:
            self._busy = False
            self._heard_at_s = self._clock.monotonic()

    async def _ask_again_up_to(self, number: int) -> None:
        if self._expected is None or number == self._expected:
            return
        missing = (number - self._expected) % LARGEST_SEQUENCE_NUMBER
        if missing > MOST_MESSAGES_ASKED_AGAIN:
            self._upstream.count_lost(missing)
            return
        for step in range(missing):
            await self._ask_again((self._expected + step - 1) % LARGEST_SEQUENCE_NUMBER + 1)

    async def _ask_again(self, number: int) -> None:
        try:
            message = await self._upstream.republish(self.id, number)
        except FOREIGN_ERRORS:
            self._upstream.count_lost(1)
        else:
            await self._hand_on(message)

    async def _hand_on(self, message: ua.NotificationMessage) -> None:
        for data in message.NotificationData:
            if isinstance(data, ua.DataChangeNotification):
                await self._upstream.take(data.MonitoredItems)
            elif isinstance(data, ua.StatusChangeNotification) and data.Status.is_bad():
                self._upstream.lose(int(data.Status.value))


def _after(number: int) -> int:
    return number % LARGEST_SEQUENCE_NUMBER + 1
