"""The service's sign of life: a file whose time of change tells until when it ran, and whose content how its points stood.

Written every few seconds without waiting for the disk: after a power cut it may be some seconds older, which makes a gap begin
that much earlier. Content that cannot be read is passed over, its time counts all the same. Synchronous: called from threads.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from ems_telemetry.model import Gap

FILE_NAME = "heartbeat"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Memory(NamedTuple):
    """How the points of one connector stand."""

    points: Mapping[str, tuple[datetime, datetime]]
    """By key: the time of the last usable reading, and up to when gaps are told."""
    own: Sequence[Gap]
    """The gaps that are open because a point is silent."""
    theirs: Sequence[Gap]
    """The gaps that the connector itself keeps open."""


@dataclass(frozen=True, slots=True)
class LastBeat:
    """What the service before left behind. `memories` is None where only the time could be read."""

    at: datetime
    memories: Mapping[str, Memory] | None


_decoder = msgspec.msgpack.Decoder(dict[str, Memory])


class Heartbeat:
    """The file in the spool's folder. One service writes it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME

    def read(self) -> LastBeat | None:
        """Reads what the service before left behind; None at the first start."""
        try:
            at = _EPOCH + self._path.stat().st_mtime_ns // 1_000 * _MICROSECOND
        except OSError:
            return None
        try:
            return LastBeat(at, _decoder.decode(self._path.read_bytes()))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return LastBeat(at, None)

    def beat(self, at: datetime, memories: Mapping[str, Memory]) -> None:
        """Writes a sign of life; a reader finds this one or the one before, never half of one.

        Raises:
            OSError: the folder cannot be written.
        """
        new = self._path.with_name(f"{FILE_NAME}.new")
        new.write_bytes(msgspec.msgpack.encode(memories))
        at_ns = (at - _EPOCH) // _MICROSECOND * 1_000
        os.utime(new, ns=(at_ns, at_ns))
        new.replace(self._path)
