"""What one write transaction carries, planned before the database is asked: rows in order, each key once, nothing unstorable.

All of it is pure: entries of the spool and the ids of the points in, a `Load` out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID, uuid5

import msgspec

from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, Batch, DeadLetter, Gap, Reading

_NAMESPACE = UUID("4d8f0f5c-5f0e-5d4c-9c55-5b7a3ac0e9a1")
"""Of the ids of dead letters made here. They follow from the reading, so that making one twice is harmless."""


class Row(NamedTuple):
    """A reading as the table has it, columns in the order of the table, and what it came from."""

    time: datetime
    point_id: int
    flags: int
    value: float | None
    received_at: datetime
    source_status: int
    quality: int
    raw: float | None
    exact: Decimal | None
    connector: str
    point: str


_row: Callable[[tuple[Any, ...]], Row] = partial(tuple.__new__, Row)
"""Makes a row of its fields in order, in a third of the time its constructor takes."""
_UNKNOWN_POINT = (
    "the database does not know this point: it was in no connector file when the reading arrived, and its device did not make "
    "it known, or gave it another meaning than its stored readings have"
)
LATE_AFTER = timedelta(hours=1)
"""A reading that is received so long after its time comes from a history, a file or a device that was cut off."""
# The driver cuts a number that is too long for its column instead of refusing it.
_FLAGS_FIT = range(2**31)
_QUALITY_FITS = range(2**15)
CONFLICT = "conflict"
COLUMNS = 9
"""How many fields of a `Row` are columns of `readings`."""

Item: TypeAlias = Row | DeadLetter | Gap


@dataclass(frozen=True, slots=True)
class Load:
    """What one transaction carries. Rows have each (point, time) once, in an order that all writers keep."""

    rows: tuple[Row, ...]
    dead_letters: tuple[DeadLetter, ...]
    gaps: tuple[Gap, ...]
    is_late: bool = False
    """Its rows are of long ago when they were received: they wait for no lock while others of now wait behind them."""

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything in it."""
        return (*self.rows, *self.dead_letters, *self.gaps)

    def halves(self) -> tuple["Load", "Load"]:
        """Splits it in two, neither empty; for a load of two items or more."""
        items = self.items
        middle = len(items) // 2
        return _load_of(items[:middle], self.is_late), _load_of(items[middle:], self.is_late)


@dataclass(frozen=True, slots=True)
class Plan:
    """Two loads, and what became of the readings that are not among their rows."""

    load: Load
    late: Load
    """Rows of long ago when they were received; sorted by time."""
    duplicates: int
    conflicts: int
    rejected: int

    @property
    def whole(self) -> Load:
        """Both loads as one."""
        rows = (*self.load.rows, *self.late.rows)
        return Load(rows, self.load.dead_letters, self.load.gaps, is_late=bool(self.late.rows))


def plan(batches: Iterable[Batch], point_ids: Mapping[str, int]) -> Plan:
    """Plans what to write for some batches of the spool.

    A reading of an unknown point, and one that contradicts an earlier reading of the same point and time, become dead letters.

    Args:
        batches: in the order of their appending.
        point_ids: the id of each known point by its key.
    """
    planning = _Planning(point_ids)
    for batch in batches:
        planning.letters.extend(_storable_letter(letter) for letter in batch.dead_letters)
        planning.gaps.extend(_storable_gap(gap) for gap in batch.gaps)
        planning.add(batch.connector, batch.readings)
    return planning.finish()


def conflict(row: Row, value: float | None, quality: int) -> DeadLetter:
    """Makes the dead letter of a row whose key is taken by another value; the one stored first stands."""
    detail = f"a reading of this point and time is stored with value {value} and quality {quality}; the first one stands"
    return _letter_of_row(row, CONFLICT, detail)


def rejected(item: Item, reason: str) -> DeadLetter:
    """Makes the dead letter of an item the database refuses; it holds nothing the database could refuse again."""
    if isinstance(item, Row):
        return _letter_of_row(item, "rejected_by_database", reason)
    payload = _payload(repr(tuple(item)).encode("ascii", "backslashreplace"))
    detail = clean(f"a {type(item).__name__} could not be stored: {reason}")
    letter_id = uuid5(_NAMESPACE, f"rejected_by_database:{item.id}")
    return DeadLetter(letter_id, clean(item.connector), None, "rejected_by_database", detail, "", payload, _when(item))


class _Planning:
    """The plan while it grows."""

    def __init__(self, point_ids: Mapping[str, int]) -> None:
        self._point_ids = point_ids
        self._rows: dict[tuple[int, datetime], Row] = {}
        self.letters: list[DeadLetter] = []
        self.gaps: list[Gap] = []
        self._duplicates = self._conflicts = self._rejected = 0

    def add(self, connector: str, readings: Sequence[Reading]) -> None:
        """Takes in the readings of a batch."""
        ids, rows = self._point_ids, self._rows
        for reading in readings:
            point, time, value, exact, raw, quality, flags, source_status, received_at = reading
            point_id = ids.get(point)
            fields = (time, point_id or 0, flags, value, received_at, source_status, quality, raw, exact, connector, point)
            row = _row(fields)
            if point_id is None:
                self._reject(_letter_of_row(row, "unknown_point", _UNKNOWN_POINT))
            elif flags not in _FLAGS_FIT or quality not in _QUALITY_FITS:
                self._reject(rejected(row, f"flags {flags} or quality {quality} do not fit their columns"))
            elif (first := rows.setdefault((point_id, time), row)) is not row:
                self._add_again(first, row)

    def finish(self) -> Plan:
        """Gives the plan; call it once."""
        rows = [self._rows[key] for key in sorted(self._rows)]
        late = sorted((row for row in rows if is_late(row)), key=lambda row: row.time)
        current = tuple(rows) if not late else tuple(row for row in rows if not is_late(row))
        load = Load(current, tuple(self.letters), tuple(self.gaps))
        return Plan(load, Load(tuple(late), (), (), is_late=True), self._duplicates, self._conflicts, self._rejected)

    def _reject(self, letter: DeadLetter) -> None:
        self._rejected += 1
        self.letters.append(letter)

    def _add_again(self, first: Row, row: Row) -> None:
        if _says(first) == _says(row):
            self._duplicates += 1
        else:
            self._conflicts += 1
            self.letters.append(conflict(row, first.value, first.quality))


def is_late(row: Row | Reading) -> bool:
    """Tells whether it was received long after its time."""
    return row.received_at - row.time > LATE_AFTER


def clean(text: str) -> str:
    """Replaces what no PostgreSQL text can hold: NUL and lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _says(row: Row) -> tuple[str, int]:
    """What a row claims; written out, because a NaN does not equal itself."""
    return f"{row.value!r} {row.exact!r} {row.raw!r}", row.quality


def _letter_of_row(row: Row, reason: str, detail: str) -> DeadLetter:
    payload = _payload(msgspec.json.encode(_public(row)))
    letter_id = uuid5(_NAMESPACE, f"{reason}:{row.point}:{row.time.isoformat()}:{row.quality}:{_says(row)[0]}")
    point = clean(row.point)
    return DeadLetter(letter_id, clean(row.connector), point, reason, clean(detail), point, payload, row.received_at)


def _public(row: Row) -> dict[str, object]:
    """The fields of a reading, under their public names, from which `storage/letters.py` can make it again."""
    fields = {name: value for name, value in row._asdict().items() if name not in {"point_id", "connector"}}
    # JSON has no word for these.
    return {name: repr(value) if isinstance(value, float) and not isfinite(value) else value for name, value in fields.items()}


def _storable_letter(letter: DeadLetter) -> DeadLetter:
    return letter._replace(
        connector=clean(letter.connector),
        point=None if letter.point is None else clean(letter.point),
        reason=clean(letter.reason),
        detail=clean(letter.detail),
        source=clean(letter.source),
        payload=_payload(letter.payload),
    )


def _storable_gap(gap: Gap) -> Gap:
    point = None if gap.point is None else clean(gap.point)
    return gap._replace(connector=clean(gap.connector), point=point, cause=clean(gap.cause))


def _payload(payload: bytes) -> bytes:
    return payload[:DEAD_LETTER_PAYLOAD_BYTES]


def _when(item: DeadLetter | Gap) -> datetime:
    return item.received_at if isinstance(item, DeadLetter) else item.start


def _load_of(items: Iterable[Item], is_late: bool) -> Load:  # noqa: FBT001  # a field of it
    rows: list[Row] = []
    letters: list[DeadLetter] = []
    gaps: list[Gap] = []
    for item in items:
        if isinstance(item, Row):
            rows.append(item)
        elif isinstance(item, DeadLetter):
            letters.append(item)
        else:
            gaps.append(item)
    return Load(tuple(rows), tuple(letters), tuple(gaps), is_late)
