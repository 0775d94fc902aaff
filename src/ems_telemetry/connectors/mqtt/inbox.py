"""A bounded row of messages between the socket and whoever makes them durable."""

import asyncio
from collections import deque
from collections.abc import Callable

from ems_telemetry.connectors.mqtt.message import Message


class Inbox:
    """Messages in the order of their arrival.

    It does not refuse a message beyond its size: whoever puts looks at `full` first and stops reading, and `on_room` is
    called when there is room again.
    """

    def __init__(self, size: int, on_room: Callable[[], None]) -> None:
        self._size = size
        self._on_room = on_room
        self._messages: deque[Message] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def full(self) -> bool:
        """Tells whether nothing should be put in now."""
        return len(self._messages) >= self._size

    def put(self, message: Message) -> None:
        """Adds a message and wakes whoever waits for one."""
        self._messages.append(message)
        self._changed.set()

    def close(self) -> None:
        """Says that no more will come; what is there can still be taken. Twice does no harm."""
        self._closed = True
        self._changed.set()

    async def take(self, limit: int) -> list[Message]:
        """Waits for messages and takes all there are, at most `limit`; none once it is closed and empty."""
        while not self._messages and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        was_full = self.full
        taken = [self._messages.popleft() for _ in range(min(limit, len(self._messages)))]
        if was_full:
            self._on_room()
        return taken
