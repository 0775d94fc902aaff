"""Puts the records of one plan item together to the figures of a view, over adjacent periods.

A figure of which a part is missing is None unless what is known is asked for, and units are never mixed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from ems_telemetry.records.kinds import RecordQuality, RecordStatus
from ems_telemetry.records.viewing.columns import How, Value, put_together
from ems_telemetry.records.viewing.stretches import Stretch, covers
from ems_telemetry.records.viewing.told import Told
from ems_telemetry.records.viewing.views import PLAN, SCOPE, Kind
from ems_telemetry.rules.arithmetic import ZERO, exactly, mean
from ems_telemetry.storage.record_views import ViewRow

MISSING: Final = "missing"
INCOMPLETE: Final = "incomplete"
NOT_ADDITIVE: Final = "not_additive"
OWN_FLAGS: Final = frozenset({MISSING, INCOMPLETE, NOT_ADDITIVE})
VALUE: Final = "value"
HOLE: Final = "a part of the period has no record"
_BEST_FIRST: Final = (RecordQuality.GOOD, RecordQuality.UNCERTAIN, RecordQuality.ESTIMATED, RecordQuality.MISSING)
_PLACES: Final = 6
Key: TypeAlias = tuple[Value, ...]
Pair: TypeAlias = tuple[ViewRow, Told]


@dataclass(frozen=True, slots=True)
class ViewFigure:
    """One row of a view. What several records have not in common is None; shares are in percent."""

    kind: Kind
    stretch: Stretch
    site: str
    type: str
    tz: str
    scope: str | None
    plans: tuple[str, ...]
    status: str
    records: tuple[tuple[str, int], ...]
    told: Told
    flags: tuple[str, ...]
    reason: str | None
    """Why there is no value."""
    lacks: bool
    """A part of it is missing, whether or not it has a value."""
    key: Key

    @property
    def word(self) -> str:
        """What figures of one period are ordered by."""
        return "\x1f".join("" if part is None else str(part) for part in (self.site, self.type, *self.key, self.stretch.end))


class _Line(NamedTuple):
    """The records of one plan item in one period, in order, and those of them that tell of no group."""

    kind: Kind
    stretch: Stretch
    rows: Sequence[ViewRow]
    untold: Sequence[ViewRow]

    @property
    def is_whole(self) -> bool:
        return not self.untold and covers(self.rows, self.stretch)

    def length_of(self, told: Sequence[ViewRow]) -> Decimal:
        """Gives the seconds that records should tell of a group: of the period, less those that say there is none of it."""
        without = [row for row in self.rows if row not in told and row not in self.untold]
        return _length(self.stretch) - sum((_length(row) for row in without), ZERO)


def figures_of_item(
    kind: Kind, stretch: Stretch, rows: Sequence[ViewRow], groups: tuple[str, ...], *, partial: bool
) -> list[ViewFigure]:
    """Makes the figures of one plan item in one period: one for each group that its records tell of.

    Args:
        kind: how its records are told.
        stretch: the period.
        rows: its records in order, none over another, one at least.
        groups: the columns it is kept apart by.
        partial: what is known counts although a part is missing.
    """
    found: dict[Key, list[Pair]] = {}
    untold: list[Pair] = []
    splits = not kind.split.isdisjoint(groups)
    for row in rows:
        parts = kind.parts(row) if splits and kind.parts is not None else ()
        # A record with a figure and without parts says that there is none of it; without a figure, it says nothing.
        for told in parts or ((kind.whole(row),) if not splits or row.value is None else ()):
            if told.unit is None or (splits and told.value is None and not parts):
                untold.append((row, told))
            else:
                found.setdefault(_key(row, told, kind, groups), []).append((row, told))
    if not found:
        found, untold = ({_key(*untold[0], kind, groups): untold} if untold else {}), []
    line = _Line(kind, stretch, rows, [row for row, _ in untold])
    return [_figure(line, key, pairs, partial=partial) for key, pairs in found.items()]


@exactly
def summed(kind: Kind, parts: Sequence[Told], *, across: bool, partial: bool) -> Told:
    """Puts figures together that differ in nothing but time, or but place: quality that of the worst, coverage the least.

    The value is None where one of them has none; what is known of it is `known`.
    """
    if len(parts) == 1:
        return parts[0]
    given = [{**part.columns, VALUE: part.known if partial and part.value is None else part.value} for part in parts]
    columns = put_together(given, {VALUE: kind.value, **kind.columns}, across=across, partial=partial)
    value = columns.pop(VALUE)
    number = value if isinstance(value, Decimal) else None
    lacks = any(part.value is None for part in parts)
    return Told(
        None if lacks else number, parts[0].unit, parts[0].quantity, worst(part.quality for part in parts),
        min((part.coverage for part in parts if part.coverage is not None), default=None),
        _mean(part.measured for part in parts), _mean(part.estimated for part in parts), columns,
        number if partial or not lacks else None, frozenset(source for part in parts for source in part.sources),
    )  # fmt: skip


def completed(told: Told, flags: Iterable[str], *, lacks: bool, partial: bool, alone: bool = False) -> tuple[Told, set[str]]:
    """Gives a figure its value, or none: that of the whole, or of what is known where that was asked for.

    Args:
        told: the figure.
        flags: those of its parts.
        lacks: a part of it is missing.
        partial: what is known counts all the same.
        alone: it is one record's own, which says itself what it lacks.
    """
    own = set(flags)
    value = told.value if not lacks or alone else None
    if value is None and partial:
        value = told.value if told.known is None else told.known
    quality = told.quality
    if value is None:
        quality = RecordQuality.MISSING
        own |= set() if alone else {MISSING if lacks else NOT_ADDITIVE}
    elif lacks:
        known = RecordQuality.UNCERTAIN if quality == RecordQuality.MISSING else quality
        quality, own = RecordQuality(worst((RecordQuality.UNCERTAIN, known))), (own - {MISSING}) | {INCOMPLETE}
    return told.having(value=value, quality=quality), own


def without_amounts(kind: Kind, told: Told) -> Told:
    """Leaves of a figure only what it is about: nothing of it can be told."""
    labels = {name for name, column in kind.columns.items() if column.over_time is How.SAME}
    return told.having(value=None, known=None, columns={name: told.columns.get(name) for name in labels})


def common(values: Iterable[str | None]) -> str | None:
    """Gives what all have; None where they differ."""
    given = set(values)
    return given.pop() if len(given) == 1 else None


def worst(qualities: Iterable[str]) -> str:
    """Gives the worst quality."""
    return max((RecordQuality(quality) for quality in qualities), key=_BEST_FIRST.index)


def _key(row: ViewRow, told: Told, kind: Kind, groups: tuple[str, ...]) -> Key:
    named: dict[str, Value] = {**told.columns, SCOPE: row.scope, PLAN: row.plan}
    item = row.plan if not groups or PLAN in groups else None
    return (*(named.get(word) for word in (*groups, *kind.apart)), told.quantity, told.unit, item)


def _figure(line: _Line, key: Key, pairs: Sequence[Pair], *, partial: bool) -> ViewFigure:
    """Puts together what the records of one plan item tell of one group."""
    rows = list({row.id: row for row, _ in pairs}.values())
    steps = [summed(line.kind, [told for other, told in pairs if other is row], across=True, partial=partial) for row in rows]
    whole = summed(line.kind, steps, across=False, partial=partial)
    alone = len(line.rows) == 1 and line.is_whole
    if not alone:
        whole = _shared(whole, rows, steps, line.length_of(rows))
    if not line.is_whole and not partial:
        whole = without_amounts(line.kind, whole)
    lacks = not line.is_whole or any(step.value is None for step in steps)
    told, flags = completed(whole, [flag for row in rows for flag in row.flags], lacks=lacks, partial=partial, alone=alone)
    return ViewFigure(
        kind=line.kind,
        stretch=line.stretch,
        site=rows[0].site,
        type=rows[0].type,
        tz=rows[0].tz,
        scope=common(row.scope for row in rows),
        plans=(rows[0].plan,),
        status=common(row.status for row in rows) or RecordStatus.AMENDED,
        records=tuple((str(row.id), row.revision) for row in rows),
        told=told,
        flags=tuple(sorted(flags)),
        reason=None if told.value is not None else _reason(line),
        lacks=lacks,
        key=key,
    )


def _shared(whole: Told, rows: Sequence[ViewRow], steps: Sequence[Told], length: Decimal) -> Told:
    """Gives a figure of several periods its shares of all their time; a hole has none."""

    @exactly
    def over_time(shares: Sequence[Decimal | None]) -> Decimal | None:
        known = [share * _length(row) for row, share in zip(rows, shares, strict=True) if share is not None]
        return round(sum(known, ZERO) / length, _PLACES) if known else None

    return whole.having(
        coverage=over_time([step.coverage for step in steps]),
        measured=over_time([step.measured for step in steps]),
        estimated=over_time([step.estimated for step in steps]),
    )


def _reason(line: _Line) -> str | None:
    for row in line.rows:
        no_data: Mapping[str, str] = row.details.get("no_data") or {}
        reason = row.details.get("refused") or no_data.get("reason") or row.details.get("reason")
        if row.value is None and reason:
            return str(reason)
    return None if line.is_whole else HOLE


def _mean(shares: Iterable[Decimal | None]) -> Decimal | None:
    known = [share for share in shares if share is not None]
    return round(mean(known), _PLACES) if known else None


def _length(span: ViewRow | Stretch) -> Decimal:
    return Decimal(str((span.end - span.start).total_seconds()))
