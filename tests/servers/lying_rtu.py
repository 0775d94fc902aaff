"""A serial line behind a TCP port that misbehaves on purpose: RTU frames as they are. Its numbers spell unit and address."""

import asyncio
import struct

from modbus_tk.utils import calculate_crc

from servers.lying_modbus import Asked, LyingModbusServer, spelled

REQUEST_BYTES = 8


def framed(body: bytes) -> bytes:
    """Puts the checksum behind a frame."""
    return body + struct.pack(">H", calculate_crc(body))


def rtu_request(asked: Asked) -> bytes:
    """Gives a request as it came."""
    return framed(struct.pack(">BBHH", asked.unit_id, asked.function, asked.address, asked.quantity))


def rtu_reply(asked: Asked, **changed: int) -> bytes:
    """Makes the right reply, or one to a request that was `changed`."""
    meant = asked._replace(**changed)
    data = b"".join(struct.pack(">H", spelled(meant.unit_id, meant.address + i) & 0xFFFF) for i in range(meant.quantity))
    return framed(struct.pack(">BBB", meant.unit_id, meant.function, len(data) & 0xFF) + data)


async def honest_rtu(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(rtu_reply(asked))


class LyingRtuServer(LyingModbusServer):
    """Answers every request for registers as `answer` says, which a test may change at any time."""

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unit_id, function, address, quantity, _ = struct.unpack(">BBHHH", await reader.readexactly(REQUEST_BYTES))
        asked = Asked(len(self.asked), 0, unit_id, function, address, quantity)
        self.asked.append(asked)
        await self.answer(asked, writer)
        await writer.drain()
