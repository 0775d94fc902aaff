"""A bounded row of things between whoever receives them and whoever takes them on."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Inbox(Generic[ItemT]):
    """Items in the order of their arrival.

    It does not refuse an item beyond its size: whoever puts looks at `full` first, or waits for `room`, and `on_room` is called
    when there is room again.
    """

    def __init__(self, size: int, on_room: Callable[[], None] = lambda: None) -> None:
        self._size = size
        self._on_room = on_room
        self._items: deque[ItemT] = deque()
        self._changed = asyncio.Event()
        self._left = asyncio.Event()
        self._closed = False

    @property
    def full(self) -> bool:
        """Tells whether nothing should be put in now."""
        return len(self._items) >= self._size

    @property
    def over(self) -> bool:
        """Tells whether it is closed and empty."""
        return self._closed and not self._items

    def put(self, item: ItemT) -> None:
        """Adds an item and wakes whoever waits for one."""
        self._items.append(item)
        self._changed.set()

    def close(self) -> None:
        """Says that no more will come; what is there can still be taken. Twice does no harm."""
        self._closed = True
        self._changed.set()

    async def room(self) -> None:
        """Waits until it is not full."""
        while self.full:
            self._left.clear()
            await self._left.wait()

    async def ready(self) -> None:
        """Waits until there is something to take, or it is closed."""
        while not self._items and not self._closed:
            self._changed.clear()
            await self._changed.wait()

    def take_now(self, limit: int) -> list[ItemT]:
        """Takes all there are, at most `limit`."""
        was_full = self.full
        taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
        self._left.set()
        if was_full:
            self._on_room()
        return taken

    async def take(self, limit: int) -> list[ItemT]:
        """Waits for items and takes all there are, at most `limit`; none once it is closed and empty."""
        await self.ready()
        return self.take_now(limit)
