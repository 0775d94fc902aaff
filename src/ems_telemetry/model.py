"""The values that cross the rooms: samples, readings, dead letters, gaps, batches.

All of them are immutable. Times are aware UTC. Hot paths move tuples of these, built without validation: whoever builds
one keeps the promises written here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, IntFlag, StrEnum
from typing import NamedTuple, TypeAlias
from uuid import UUID

RawValue: TypeAlias = float | int | bool | str | None
"""What a device may say: a number, a switch, a word for a state, or nothing."""


class Quality(IntEnum):
    """How far a value can be trusted, in the codes OT people know from OPC DA (192 good, 64 uncertain, 0 bad)."""

    BAD = 0
    UNCERTAIN = 64
    GOOD = 192


class Flag(IntFlag):
    """Why a reading is as it is. The bits are stored and public (table `flags`): none is ever given another meaning."""

    BAD_STATUS = 1 << 0
    """The device or its protocol marked the value as bad; the value is null."""
    INVALID_VALUE = 1 << 1
    """The device sent what stands for "no value" (a sentinel such as 0xFFFF, a null, a NaN); the value is null."""
    OUT_OF_RANGE = 1 << 2
    """The value lies outside the point's `range`; the value is null, what the device said is in `raw`."""
    NO_SOURCE_TIME = 1 << 3
    """The device gave no time; the time is when the reading was received."""
    CLOCK_REPLACED = 1 << 4
    """The device's time was before 2000 or more than five minutes ahead; the time is when the reading was received."""
    SERVER_TIME = 1 << 5
    """The time is the server's: the source gave none."""
    BACKFILLED = 1 << 6
    """Read later from the device's own history."""
    MANUAL = 1 << 7
    """Read by a person, or imported from a file."""
    UNCERTAIN_STATUS = 1 << 8
    """The device or its protocol marked the value as uncertain."""
    RETAINED = 1 << 9
    """The broker's retained message, not a live one."""
    UNPROVED = 1 << 10
    """The meter is not yet known to be what its profile says; the value may be another one."""
    STALE = 1 << 11
    """The device, or what speaks for it, is known to be offline; the value is null until it speaks again."""


class Scope(StrEnum):
    """What a key or a token may do."""

    READ = "read"
    INGEST = "ingest"
    METROLOGY = "metrology"
    METHODS = "methods"
    APPROVE = "approve"
    AUDIT = "audit"
    ADMIN = "admin"


class Kind(StrEnum):
    """What the values of a point mean over time; the aggregation law follows from it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INTERVAL_TOTAL = "interval_total"
    STATE = "state"
    EVENT = "event"


class Medium(StrEnum):
    """What flows through, or is handled at, a meter."""

    ELECTRICITY = "electricity"
    GAS = "gas"
    WATER = "water"
    STEAM = "steam"
    COMPRESSED_AIR = "compressed_air"
    HEAT = "heat"
    FUEL = "fuel"
    STACK_GAS = "stack_gas"
    EFFLUENT = "effluent"
    WASTE = "waste"
    SUBSTANCE = "substance"


class Sample(NamedTuple):
    """What a device said of one point, decoded but not yet interpreted.

    `time` is the device's own, or None if it gave none. `status` is the protocol's code (the 32-bit OPC UA StatusCode, a
    Modbus exception), 0 where all was well. `flags` tells what only the connector can know (`SERVER_TIME`, `BACKFILLED`, …).
    """

    point: str
    time: datetime | None
    value: RawValue
    received_at: datetime
    quality: int = Quality.GOOD
    status: int = 0
    flags: int = 0


class Reading(NamedTuple):
    """A sample given its meaning: the value in the canonical unit of the point's quantity. The key is (point, time).

    `value` is None exactly where no usable value was obtained; it is never zero in the place of one that is missing.
    `exact` is set only where a double cannot hold the value (64-bit counters beyond 2^53); `value` is then its nearest
    double. `raw` is the number the device sent, kept where `value` is None although it sent one (a sentinel, out of range).
    """

    point: str
    time: datetime
    value: float | None
    exact: Decimal | None
    raw: float | None
    quality: int
    flags: int
    source_status: int
    received_at: datetime


class Declaration(NamedTuple):
    """A point that no file names: a device made it known itself. `unit` is the canonical one, `source_unit` the device's."""

    key: str
    meter: str
    meter_name: str
    site: str
    area: str | None
    medium: str | None
    name: str
    quantity: str
    unit: str
    kind: str
    source: str
    source_unit: str
    expected_interval_s: float | None


class DeadLetter(NamedTuple):
    """Something received that could not become a reading, kept with its reason. `id` makes storing it twice harmless."""

    id: UUID
    connector: str
    point: str | None
    reason: str
    detail: str
    source: str
    payload: bytes
    received_at: datetime


class Gap(NamedTuple):
    """A stretch `[start, end)` in which readings of a connector, or of one of its points, were refused or missed.

    While it lasts `is_open` is set, which is a lease: it is told again and again with the same `id` and a later `end`, and one
    that is not told for `LEASE` counts as ended at its last end. One that has ended is never opened again, whatever of it is
    told later. `expected` is how many readings were due in it, None where that is not known.
    """

    id: UUID
    connector: str
    point: str | None
    start: datetime
    end: datetime
    cause: str
    refused: int
    is_open: bool = False
    expected: int | None = None


class Receipt(NamedTuple):
    """The mark of a message made durable before it was acknowledged, by which its redelivery is recognised."""

    source: str
    packet_id: int
    digest: bytes


class RunEnd(NamedTuple):
    """What whoever brought readings counted when all were handed over."""

    batches: int
    readings: int
    refused: int
    """Rows that were wrong, and left out."""


class Run(NamedTuple):
    """Readings that somebody brings at once, as those of a file: who, from where and why. Stands in each batch of them."""

    id: UUID
    part: UUID
    """Of this batch alone."""
    began_at: datetime
    actor: str
    actor_name: str
    client: str | None
    source: str
    """The name of the file, or the connector whose endpoint was asked."""
    verb: str
    sha256: str | None = None
    """Of the file, in hexadecimal."""
    author: str | None = None
    reason: str | None = None
    ended: RunEnd | None = None
    """In the last batch, which holds nothing else."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What travels through the spool together: durable as a whole or not at all.

    Declarations stand in the batch that holds the first readings of their points, or in one before it.
    """

    connector: str
    readings: Sequence[Reading] = ()
    dead_letters: Sequence[DeadLetter] = ()
    gaps: Sequence[Gap] = ()
    declarations: Sequence[Declaration] = ()
    run: Run | None = None
    """None for what meters say."""

    def __len__(self) -> int:
        """Counts everything that must arrive."""
        ends = self.run is not None and self.run.ended is not None
        return len(self.readings) + len(self.dead_letters) + len(self.gaps) + len(self.declarations) + ends


DEAD_LETTER_PAYLOAD_BYTES = 16 * 1024
"""Bound of a dead letter's payload; longer ones are cut there, and `detail` says how long they were."""
LEASE = timedelta(minutes=15)
"""For so long an open gap holds without being told again. Public: `gap_lasts` in the database counts by it."""
