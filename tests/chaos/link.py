"""A cable that can also be slow, or hold on to everything as a dead switch does, while its connections stay."""

import asyncio

from servers.cable import Cable


class Link(Cable):
    """Delays what it hands on by `delay_s`; hands on nothing while it is frozen."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.delay_s = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()

    def freeze(self) -> None:
        """Holds everything until `thaw`."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Lets it all through again."""
        self._flowing.set()

    async def hand_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self._flowing.wait()
        await super().hand_on(writer, data)

    async def restore(self) -> None:
        """Makes it a sound cable again, whatever was done to it."""
        self.delay_s = 0.0
        self.thaw()
        if not self.is_plugged_in:
            await self.plug_in()
