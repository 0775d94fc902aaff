"""A cable that disturbs what the server says: late, in pieces, in another order, or not at all. Requests pass unharmed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from servers.cable import Cable

Disturb: TypeAlias = Callable[["DisturbedCable", asyncio.StreamWriter, bytes], Awaitable[None]]


class DisturbedCable(Cable):
    """Disturbs about one reply in five, the same ones in every run. `held` outlives connections, as in a gateway's memory."""

    def __init__(self, port: int, disturb: Disturb, share: float = 0.2) -> None:
        super().__init__(port)
        self.disturbed = 0
        self.held = b""
        self._disturb = disturb
        self._share = share
        self._dice = random.Random(20260302)  # noqa: S311 - no secret, the same in every run
        self._near: set[asyncio.StreamWriter] = set()

    async def greet(self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> bytes | None:
        self._near.add(near_writer)
        return await super().greet(near_reader, near_writer)

    async def hand_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if writer in self._near and self._dice.random() < self._share:
            self.disturbed += 1
            await self._disturb(self, writer, data)
        else:
            held, self.held = self.held, b""
            await super().hand_on(writer, data + held)

    async def unplug(self) -> None:
        """Breaks all connections and takes no more."""
        await super().unplug()
        self._near.clear()


def delaying(delay_s: float) -> Disturb:
    """Hands on what was said so much later."""

    async def disturb(_cable: DisturbedCable, writer: asyncio.StreamWriter, data: bytes) -> None:
        await asyncio.sleep(delay_s)
        writer.write(data)

    return disturb


def splitting(pause_s: float) -> Disturb:
    """Hands on one byte after another."""

    async def disturb(_cable: DisturbedCable, writer: asyncio.StreamWriter, data: bytes) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause_s)

    return disturb


async def swapping(cable: DisturbedCable, _writer: asyncio.StreamWriter, data: bytes) -> None:
    """Keeps what was said until something else was said, and hands it on behind that, on whatever connection that is."""
    cable.held += data


async def dropping(_cable: DisturbedCable, _writer: asyncio.StreamWriter, _data: bytes) -> None:
    """Loses it."""


async def breaking(cable: DisturbedCable, _writer: asyncio.StreamWriter, _data: bytes) -> None:
    """Loses it, and the connection with it."""
    cable.cut()


def going_deaf(silence_s: float) -> Disturb:
    """Loses it, and hears nothing for a while."""

    async def disturb(_cable: DisturbedCable, _writer: asyncio.StreamWriter, _data: bytes) -> None:
        await asyncio.sleep(silence_s)

    return disturb
