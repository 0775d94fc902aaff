"""How the columns of several figures become those of one. What is missing makes the whole of it missing, and is never zero."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any, NamedTuple, TypeAlias

from ems_telemetry.rules.arithmetic import ZERO, exactly, percent_of, settle

Value: TypeAlias = Decimal | int | str | bool | date | datetime | None
Values: TypeAlias = Mapping[str, Value]


class How(Enum):
    """What becomes of the values of a column."""

    ADD = auto()
    MOST = auto()
    LEAST = auto()
    FIRST = auto()
    LAST = auto()
    SAME = auto()
    """The one that all have; None where they differ."""
    ALONE = auto()
    """Only where there is one figure, as of averages: a mean of means is another one."""
    BESIDE = auto()
    """That of the figure whose value in the column `by` is greatest."""
    MEAN = auto()
    """The mean, weighted by the column `by`."""
    SHARE = auto()
    """The column `by` in percent of the sum of the columns `within`, each of the whole."""


class Column(NamedTuple):
    """How a column is put together: of adjacent periods of one thing, and of several things in one period."""

    over_time: How
    across: How
    by: str = ""
    within: tuple[str, ...] = ()
    may_lack: bool = False
    """A figure without it has none of it, which makes nothing missing."""


AMOUNT = Column(How.ADD, How.ADD)
LABEL = Column(How.SAME, How.SAME)
ALONE = Column(How.ALONE, How.ALONE)
HIGHEST = Column(How.MOST, How.ALONE)
HIGHEST_THERE = HIGHEST._replace(may_lack=True)
LOWEST = Column(How.LEAST, How.ALONE)
OPENING = Column(How.FIRST, How.ADD)
CLOSING = Column(How.LAST, How.ADD)


@exactly
def put_together(parts: Sequence[Values], columns: Mapping[str, Column], *, across: bool, partial: bool) -> dict[str, Value]:
    """Makes the columns of one figure of those of several.

    Args:
        parts: one at least, in order of time; a column that one of them lacks is missing there.
        columns: how each is put together.
        across: they are of one period; else of adjacent ones.
        partial: what is known counts although a part is missing.
    """
    made: dict[str, Value] = {}
    for name, column in columns.items():
        how = column.across if across else column.over_time
        if how is not How.SHARE or len(parts) == 1:
            made[name] = _one(parts, name, how, column.by, partial=partial or column.may_lack)
    for name, column in columns.items():
        if name not in made:
            made[name] = _share(made, column)
    return made


def _one(parts: Sequence[Values], name: str, how: How, by: str, *, partial: bool) -> Value:
    values = [part.get(name) for part in parts]
    if len(values) == 1 or (how is How.SAME and all(value == values[0] for value in values)):
        return values[0]
    if how is How.BESIDE:
        return _beside(parts, name, by, partial=partial)
    if how is How.MEAN:
        return _mean(parts, name, by, partial=partial)
    known: list[Any] = [value for value in values if value is not None]
    is_made = known and how not in {How.SAME, How.ALONE} and (partial or len(known) == len(values))
    return _of_known(known, how) if is_made else None


def _of_known(known: Sequence[Any], how: How) -> Value:
    chosen: Value
    if how is How.ADD:
        chosen = sum(known[1:], known[0])
    elif how is How.MOST:
        chosen = max(known)
    elif how is How.LEAST:
        chosen = min(known)
    else:
        chosen = known[0] if how is How.FIRST else known[-1]
    return chosen


def _beside(parts: Iterable[Values], name: str, by: str, *, partial: bool) -> Value:
    beside: list[tuple[Any, Value]] = [(part.get(by), part.get(name)) for part in parts]
    known = [each for each in beside if each[0] is not None]
    if not known or (len(known) < len(beside) and not partial):
        return None
    return max(known, key=lambda each: each[0])[1]


def _mean(parts: Iterable[Values], name: str, by: str, *, partial: bool) -> Value:
    """What has no weight counts for nothing, known or not."""
    pairs: list[tuple[Any, Any]] = [(part.get(name), part.get(by)) for part in parts if part.get(by) != 0]
    known = [pair for pair in pairs if None not in pair]
    if not known or (len(known) < len(pairs) and not partial):
        return None
    weight = sum((Decimal(weight) for _, weight in known), ZERO)
    return settle(sum((value * weight for value, weight in known), ZERO) / weight)


def _share(made: Values, column: Column) -> Value:
    part = made.get(column.by)
    whole = [made.get(name) for name in column.within]
    known = [each for each in whole if isinstance(each, Decimal)]
    if not isinstance(part, Decimal) or len(known) < len(whole) or sum(known, ZERO) <= 0:
        return None
    return settle(percent_of(part, sum(known, ZERO)))
