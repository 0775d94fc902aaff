"""The account: which numbers a source gave out, and where each of them is. Pure; what it compares is given.

A number that is nowhere is lost, and so is each tick of a polled meter in a silence that no gap tells of. A number that is
there twice is doubled, and so is one that no source has given out.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple


class Found(NamedTuple):
    """A number in the tables, at the time it stands there."""

    number: int
    time: datetime


class Given(NamedTuple):
    """A number that a source gave out, and when."""

    number: int
    time: datetime


class Span(NamedTuple):
    """A row of `gaps`."""

    start: datetime
    end: datetime
    cause: str


class Fault(NamedTuple):
    """A number, or a stretch, that is not as it should be."""

    source: str
    text: str
    time: datetime


class Rows(NamedTuple):
    """What the tables hold of a source."""

    readings: Sequence[Found]
    letters: Sequence[Found]
    gaps: Sequence[Span] = ()
    """Those that excuse what is missing in them."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one source."""

    source: str
    sent: int
    acknowledged: int
    readings: int
    dead_letters: int
    excused: int
    """Numbers that lie in a gap that says why, or that their source itself sent twice."""
    lost: Sequence[Fault]
    doubled: Sequence[Fault]


def account_of_numbers(
    source: str,
    sent: Collection[Given],
    acknowledged: Collection[Given],
    rows: Rows,
    *,
    may_repeat: Collection[int] = (),
) -> Account:
    """Holds the numbers of a source against the tables: each acknowledged one must be there once.

    Args:
        source: its name.
        sent: all numbers it gave out.
        acknowledged: those of which it was told that they were taken over.
        rows: what the tables hold of it.
        may_repeat: numbers that the source itself may have sent twice.
    """
    readings, letters, gaps = rows
    times = {given.number: given.time for given in sent}
    counted = Counter(found.number for found in (*readings, *letters))
    missing = [given for given in acknowledged if given.number not in counted]
    lost = [given for given in missing if not any(gap.start <= given.time <= gap.end for gap in gaps)]
    several = {number: count for number, count in counted.items() if count > 1}
    repeated = [number for number in several if number in may_repeat]
    placed = {found.number: found.time for found in (*readings, *letters)}
    doubled = [
        Fault(source, f"number {number} is there {count} times", times.get(number, placed[number]))
        for number, count in sorted(several.items())
        if number not in may_repeat
    ]
    foreign = [
        Fault(source, f"number {number} was never given out", placed[number])
        for number in sorted(counted)
        if number not in times
    ]
    return Account(
        source,
        len(sent),
        len(acknowledged),
        len(readings),
        len(letters),
        len(missing) - len(lost) + len(repeated),
        [Fault(source, f"number {given.number} is nowhere", given.time) for given in lost],
        [*doubled, *foreign],
    )


def account_of_polls(
    source: str,
    handed_out: Collection[Given],
    rows: Rows,
    *,
    interval: timedelta,
    begin: datetime,
    end: datetime,
) -> Account:
    """Holds a polled meter's readings against its log: none twice, none of its own making, and no silence without a gap.

    Args:
        source: its name.
        handed_out: the number in each of its replies.
        rows: what the tables hold of it: the gaps of its point, and those of its whole connector.
        interval: how often it is due.
        begin: since when it was due: a clock put back may date readings before that.
        end: up to when.
    """
    readings, letters, gaps = rows
    once = account_of_numbers(source, handed_out, (), rows)
    times = sorted(found.time for found in readings if begin <= found.time)
    holes = silent_holes([begin, *(time for time in times if time < end), end], gaps, 2 * interval)
    lost = [
        Fault(source, f"no reading and no gap for {(hole.end - hole.start).total_seconds():.1f} s", hole.start)
        for hole in holes
        for _ in range(max(1, (hole.end - hole.start) // interval - 1))
    ]
    excused = len(handed_out) - len({found.number for found in (*readings, *letters)})
    return Account(source, len(handed_out), len(handed_out), len(readings), len(letters), excused, lost, once.doubled)


def silent_holes(times: Sequence[datetime], gaps: Iterable[Span], patience: timedelta) -> Sequence[Span]:
    """Gives the stretches between neighbouring times of which more than `patience` in one piece lies in no gap."""
    ordered = sorted(gaps, key=lambda gap: gap.start)
    holes = []
    for former, latter in pairwise(times):
        if latter - former <= patience:
            continue
        reached = former
        for gap in (*(gap for gap in ordered if gap.end > former and gap.start < latter), Span(latter, latter, "")):
            if gap.start - reached > patience:
                holes.append(Span(reached, gap.start, ""))
            reached = max(reached, gap.end)
    return holes


def total_of(accounts: Sequence[Account], seed: int, rows: Mapping[str, int]) -> str:
    """Gives the line that sums it all up; `rows` counts those of the three tables."""
    summed = {
        "sent": sum(each.sent for each in accounts),
        "acknowledged": sum(each.acknowledged for each in accounts),
        **{table: rows[table] for table in ("readings", "dead_letters", "gaps")},
        "lost": sum(len(each.lost) for each in accounts),
        "doubled": sum(len(each.doubled) for each in accounts),
    }
    return f"account seed={seed} " + " ".join(f"{name}={count}" for name, count in summed.items())


def table_of(accounts: Sequence[Account]) -> Sequence[str]:
    """Gives the account by source, in lines."""
    names = ("sent", "acknowledged", "readings", "dead_letters", "excused", "lost", "doubled")
    lines = [f"{'source':<16}" + "".join(f"{name:>14}" for name in names)]
    for each in accounts:
        counts = (getattr(each, name) for name in names)
        numbers = (count if isinstance(count, int) else len(count) for count in counts)
        lines.append(f"{each.source:<16}" + "".join(f"{number:>14}" for number in numbers))
    return lines
