"""Between one session and the inbox: takes the parts out of values, and notices nodes that are gone, denied, or back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from asyncua import ua

from ems_telemetry.connectors.opcua.picking import Part, pick
from ems_telemetry.connectors.opcua.proving import Witness
from ems_telemetry.connectors.opcua.reading import status_of
from ems_telemetry.connectors.opcua.refusals import Refusals, refused_with, refuses_node
from ems_telemetry.connectors.opcua.subscription import Notifications

_BAD = 0x8000_0000


class Intake:
    """`take` stands in the place of the inbox's `put`; `parts` tells, by handle, which part of a value is the point's."""

    def __init__(
        self,
        put: Callable[[Notifications], Awaitable[None]],
        refusals: Refusals,
        item_count: int,
        witness: Witness | None = None,
    ) -> None:
        self.parts: dict[int, Part] = {}
        self._witness = witness
        self._put = put
        self._refusals = refusals
        self._item_count = item_count

    async def take(self, notifications: Notifications) -> None:
        """Hands on what a server sent. A node it says to be gone or denied is refused from now on, and asked for again."""
        if self._witness is not None:
            self._witness.hear(notifications)
        if self.parts:
            notifications = [self._picked(notification) for notification in notifications]
        for notification in self._telling(notifications):
            self._judge(notification.ClientHandle, status_of(notification.Value))
        await self._put(notifications)
        if self._refusals.untold:
            await self._refusals.tell()

    def _telling(self, notifications: Notifications) -> Notifications:
        """Gives those that may tell something of their node; while none is refused, the good ones do not."""
        if self._refusals:
            return notifications
        return [one for one in notifications if one.Value.StatusCode is not None and one.Value.StatusCode.value & _BAD]

    def _picked(self, notification: ua.MonitoredItemNotification) -> ua.MonitoredItemNotification:
        part = self.parts.get(notification.ClientHandle)
        return notification if part is None else replace(notification, Value=pick(notification.Value, part))

    def _judge(self, handle: int, status: int) -> None:
        if refuses_node(status):
            if 0 <= handle < self._item_count:
                self._refusals.refuse(handle, refused_with(status))
        elif handle in self._refusals:
            self._refusals.find(handle)
