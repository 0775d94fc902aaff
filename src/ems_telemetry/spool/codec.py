"""Batches as bytes that describe themselves: magic, version, checksum, then columns in MessagePack.

    offset  bytes  content
    0       2      b"EB"
    2       1      version, 1
    3       4      CRC-32 of the rest, big-endian
    7       …      MessagePack of `_Body`

Readings travel as columns with a table of point keys, so that a key is written once per batch. Times are microseconds since
1970 UTC, which is also what the database keeps.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.model import Batch, DeadLetter, Declaration, Gap, Reading, Run

VERSION = 1
_HEADER = struct.Struct(">2sBI")
_MAGIC = b"EB"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class _Letter(msgspec.Struct, array_like=True, frozen=True):
    id: bytes
    point: str | None
    reason: str
    detail: str
    source: str
    payload: bytes
    received_us: int


class _Gap(msgspec.Struct, array_like=True, frozen=True):
    id: bytes
    point: str | None
    start_us: int
    end_us: int
    cause: str
    refused: int
    is_open: bool = False
    expected: int | None = None
    """Both missing in what was written before gaps could be open."""


class _Body(msgspec.Struct, array_like=True, frozen=True):
    """The columns; `exact` and `raw` hold only the rows that have one, by their position."""

    connector: str
    keys: list[str]
    point: list[int]
    time_us: list[int]
    value: list[float | None]
    quality: list[int]
    flags: list[int]
    source_status: list[int]
    received_us: list[int]
    exact: dict[int, str]
    raw: dict[int, float]
    letters: list[_Letter]
    gaps: list[_Gap]
    declarations: list[Declaration] = []
    """Missing in what was written before there were any."""
    run: Run | None = None
    """Likewise."""


CellT = TypeVar("CellT")
ValueT = TypeVar("ValueT")
_reading: Callable[[tuple[Any, ...]], Reading] = partial(tuple.__new__, Reading)
"""Makes a reading of its fields in order, in a third of the time its constructor takes."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Body)


def encode(batch: Batch) -> bytes:
    """Writes a batch."""
    rows = batch.readings
    keys = list(dict.fromkeys(row.point for row in rows))
    index = {key: position for position, key in enumerate(keys)}
    body = _encoder.encode(
        _Body(
            connector=batch.connector,
            keys=keys,
            point=[index[row.point] for row in rows],
            time_us=[_to_us(row.time) for row in rows],
            value=[row.value for row in rows],
            quality=[row.quality for row in rows],
            flags=[row.flags for row in rows],
            source_status=[row.source_status for row in rows],
            received_us=[_to_us(row.received_at) for row in rows],
            exact={position: str(row.exact) for position, row in enumerate(rows) if row.exact is not None},
            raw={position: row.raw for position, row in enumerate(rows) if row.raw is not None},
            letters=[_pack_letter(letter) for letter in batch.dead_letters],
            gaps=[_pack_gap(gap) for gap in batch.gaps],
            declarations=list(batch.declarations),
            run=batch.run,
        )
    )
    return _HEADER.pack(_MAGIC, VERSION, zlib.crc32(body)) + body


def decode(data: bytes) -> Batch:
    """Reads a batch.

    Raises:
        SpoolDamagedError: these are not the bytes that were written, or a newer version wrote them.
    """
    if len(data) < _HEADER.size:
        message = f"{len(data)} bytes are too few for a batch"
        raise SpoolDamagedError(message)
    magic, version, checksum = _HEADER.unpack_from(data)
    body = memoryview(data)[_HEADER.size :]
    if magic != _MAGIC or version != VERSION:
        message = f"a batch begins with {_MAGIC!r} and version {VERSION}, not {magic!r} and {version}"
        raise SpoolDamagedError(message)
    if zlib.crc32(body) != checksum:
        message = "the checksum of a batch does not match its content"
        raise SpoolDamagedError(message)
    try:
        return _unpack(_decoder.decode(body))
    except (msgspec.DecodeError, IndexError, ValueError, ArithmeticError) as error:
        message = f"a batch cannot be read: {error}"
        raise SpoolDamagedError(message) from error


def _unpack(body: _Body) -> Batch:
    return Batch(
        connector=body.connector,
        readings=_unpack_readings(body),
        dead_letters=tuple(
            DeadLetter(
                UUID(bytes=letter.id),
                body.connector,
                letter.point,
                letter.reason,
                letter.detail,
                letter.source,
                letter.payload,
                _from_us(letter.received_us),
            )
            for letter in body.letters
        ),
        gaps=tuple(
            Gap(
                UUID(bytes=gap.id),
                body.connector,
                gap.point,
                _from_us(gap.start_us),
                _from_us(gap.end_us),
                gap.cause,
                gap.refused,
                gap.is_open,
                gap.expected,
            )
            for gap in body.gaps
        ),
        declarations=tuple(body.declarations),
        run=body.run,
    )


def _unpack_readings(body: _Body) -> Sequence[Reading]:
    rows = zip(
        map(body.keys.__getitem__, body.point),
        _times(body.time_us),
        body.value,
        _column(body.exact, len(body.point), Decimal),
        _column(body.raw, len(body.point), float),
        body.quality,
        body.flags,
        body.source_status,
        _times(body.received_us),
        strict=True,
    )
    return tuple(map(_reading, rows))


def _times(column: Sequence[int]) -> Iterator[datetime]:
    """Gives times; readings of one poll have the same, and share it."""
    times = {time_us: _from_us(time_us) for time_us in set(column)}
    return map(times.__getitem__, column)


def _column(present: Mapping[int, CellT], length: int, read: Callable[[CellT], ValueT]) -> list[ValueT | None]:
    cells: list[ValueT | None] = [None] * length
    for position, cell in present.items():
        cells[position] = read(cell)
    return cells


def _pack_letter(letter: DeadLetter) -> _Letter:
    received_us = _to_us(letter.received_at)
    return _Letter(letter.id.bytes, letter.point, letter.reason, letter.detail, letter.source, letter.payload, received_us)


def _pack_gap(gap: Gap) -> _Gap:
    start_us, end_us = _to_us(gap.start), _to_us(gap.end)
    return _Gap(gap.id.bytes, gap.point, start_us, end_us, gap.cause, gap.refused, gap.is_open, gap.expected)


def _to_us(time: datetime) -> int:
    return (time - _EPOCH) // _TICK


def _from_us(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
