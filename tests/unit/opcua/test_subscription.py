"""Signs of life and missing messages, with messages made by hand."""

import struct
from collections.abc import Sequence

import pytest
from asyncua import ua
from asyncua.ua.uaerrors import BadMessageNotAvailable
from fakes import HandClock

from ems_telemetry.connectors.opcua.subscription import LARGEST_SEQUENCE_NUMBER, Subscription, Upstream


class Server:
    """Remembers what it was asked again, and has kept the messages numbered in `kept`."""

    def __init__(self, kept: Sequence[int] = ()) -> None:
        self.kept = kept
        self.asked: list[int] = []
        self.taken: list[int] = []
        self.lost_messages = 0
        self.ended_with: int | None = None

    async def take(self, notifications: Sequence[ua.MonitoredItemNotification]) -> None:
        self.taken.extend(int(notification.ClientHandle) for notification in notifications)

    async def republish(self, subscription_id: int, number: int) -> ua.NotificationMessage:
        assert subscription_id == 7
        self.asked.append(number)
        if number not in self.kept:
            raise BadMessageNotAvailable
        again: ua.NotificationMessage = message(number).NotificationMessage
        return again

    def lose(self, status: int) -> None:
        self.ended_with = status

    def count_lost(self, amount: int) -> None:
        self.lost_messages += amount

    def interrupt(self, points: Sequence[str]) -> None:
        raise AssertionError(points)  # no subscription finds that out by itself


def message(number: int) -> ua.PublishResult:
    """A message whose only notification has the message's number as its handle."""
    notification = ua.MonitoredItemNotification(ClientHandle=number)
    return carrying(number, ua.DataChangeNotification(MonitoredItems=[notification]))


def carrying(number: int, *data: object) -> ua.PublishResult:
    return ua.PublishResult(NotificationMessage=ua.NotificationMessage(SequenceNumber=number, NotificationData=list(data)))


def subscribed(server: Server, clock: HandClock | None = None) -> Subscription:
    upstream = Upstream(server.take, server.republish, server.lose, server.count_lost, server.interrupt)
    subscription = Subscription(upstream, clock or HandClock())
    subscription.begin(ua.CreateSubscriptionResult(7, 1000.0, 30, 5))
    return subscription


async def test_messages_in_order_ask_for_nothing() -> None:
    server = Server()
    subscription = subscribed(server)
    for number in (1, 2, 3):
        await subscription.receive(message(number))
    assert (server.taken, server.asked, server.lost_messages) == ([1, 2, 3], [], 0)


async def test_a_keep_alive_has_the_next_number_and_uses_none_up() -> None:
    server = Server()
    subscription = subscribed(server)
    await subscription.receive(message(1))
    await subscription.receive(carrying(2))
    await subscription.receive(message(2))
    assert (server.taken, server.asked) == ([1, 2], [])


async def test_a_message_left_out_is_asked_for_again_and_comes_in_its_place() -> None:
    server = Server(kept=(2, 3))
    subscription = subscribed(server)
    await subscription.receive(message(1))
    await subscription.receive(message(4))
    assert server.taken == [1, 2, 3, 4]
    assert server.lost_messages == 0


async def test_what_the_server_no_longer_has_is_counted() -> None:
    server = Server(kept=(3,))
    subscription = subscribed(server)
    await subscription.receive(message(1))
    await subscription.receive(message(4))
    assert (server.taken, server.lost_messages) == ([1, 3, 4], 1)


async def test_a_message_that_cannot_be_decoded_again_holds_up_no_later_one() -> None:
    class GarbledServer(Server):
        async def republish(self, subscription_id: int, number: int) -> ua.NotificationMessage:
            raise struct.error(f"message {number} of {subscription_id}")

    server = GarbledServer()
    subscription = subscribed(server)
    for number in (1, 3, 4):
        await subscription.receive(message(number))
    assert (server.taken, server.lost_messages) == ([1, 3, 4], 1)


async def test_a_hole_too_large_to_ask_for_is_counted_at_once() -> None:
    server = Server()
    subscription = subscribed(server)
    await subscription.receive(message(1))
    await subscription.receive(message(1002))
    assert (server.asked, server.lost_messages) == ([], 1000)


@pytest.mark.parametrize(
    ("numbers", "asked"), [((LARGEST_SEQUENCE_NUMBER, 1), []), ((LARGEST_SEQUENCE_NUMBER - 1, 2), [LARGEST_SEQUENCE_NUMBER, 1])]
)
async def test_numbers_begin_again_at_one(numbers: tuple[int, int], asked: list[int]) -> None:
    server = Server(kept=(LARGEST_SEQUENCE_NUMBER, 1))
    subscription = subscribed(server)
    for number in numbers:
        await subscription.receive(message(number))
    assert (server.asked, server.lost_messages) == (asked, 0)


async def test_three_keep_alives_missed_are_too_much() -> None:
    clock = HandClock()
    subscription = subscribed(Server(), clock)
    await clock.advance(14)
    assert subscription.remaining_s() == 1
    await subscription.receive(carrying(1))
    assert subscription.remaining_s() == 15
    await clock.advance(15)
    assert subscription.remaining_s() == 0


async def test_the_server_is_not_blamed_for_our_own_slowness() -> None:
    clock = HandClock()

    class SlowServer(Server):
        async def take(self, notifications: Sequence[ua.MonitoredItemNotification]) -> None:
            await clock.advance(100)
            assert subscription.remaining_s() == 15
            await super().take(notifications)

    subscription = subscribed(SlowServer(), clock)
    await subscription.receive(message(1))
    assert subscription.remaining_s() == 15


async def test_the_end_of_a_subscription_is_told_upwards() -> None:
    server = Server()
    await subscribed(server).receive(carrying(1, ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(0x800A0000)))))
    assert server.ended_with == 0x800A0000
