"""A bounded row of what came in, between the socket and whoever makes it durable."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Inbox(Generic[ItemT]):
    """Messages, or packet ids, in the order of their arrival.

    It does not refuse a message beyond its size: whoever puts looks at `full` first and stops reading, and `on_room` is
    called when there is room again.
    """

    def __init__(self, size: int, on_room: Callable[[], None]) -> None:
        self._size = size
        self._on_room = on_room
        self._items: deque[ItemT] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def full(self) -> bool:
        """Tells whether nothing should be put in now."""
        return len(self._items) >= self._size

    def put(self, item: ItemT) -> None:
        """Adds one and wakes whoever waits for it."""
        self._items.append(item)
        self._changed.set()

    def close(self) -> None:
        """Says that no more will come; what is there can still be taken. Twice does no harm."""
        self._closed = True
        self._changed.set()

    async def take(self, limit: int) -> list[ItemT]:
        """Waits for some and takes all there are, at most `limit`; none once it is closed and empty."""
        while not self._items and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        was_full = self.full
        taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
        if was_full:
            self._on_room()
        return taken
