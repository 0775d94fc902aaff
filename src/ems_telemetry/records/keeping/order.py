"""In which order records are made: after those that they are made of; and that none is made of itself."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, TypeAlias

from ems_telemetry.records.facts.entries import covering
from ems_telemetry.records.method import Method
from ems_telemetry.records.methods import METHODS
from ems_telemetry.records.parameters import named_in
from ems_telemetry.records.plan import Planned
from ems_telemetry.storage.entries import EntryRow, NewEntry
from ems_telemetry.storage.reading import BEGINNING

Name: TypeAlias = tuple[str, str]
"""Kind and id of an entry."""
Needs: TypeAlias = Mapping[Name, Collection[Name]]
"""What each entry is made of."""
PLAN, LIMIT = "plan", "limit"
LINKING: Final = (PLAN, LIMIT)
"""The kinds of entries through which records are made of records."""


def levels_of(plan: Iterable[Planned], limits: Iterable[EntryRow], methods: Mapping[str, Method] = METHODS) -> dict[str, int]:
    """Tells of each plan item how far up it stands: above all that it is made of, through limits too.

    What depends on itself, which no statement brings about at any one time but revisions of different times may seem to, comes
    last.
    """
    needs: dict[Name, set[Name]] = {}
    for planned in plan:
        item = planned.item
        needs.setdefault((PLAN, item.id), set()).update(needs_of(PLAN, {"method": item.method, "params": item.params}, methods))
    for row in limits:
        needs.setdefault((LIMIT, row.id), set()).update(needs_of(LIMIT, row.body, methods))
    sorter = TopologicalSorter(needs)
    with suppress(CycleError):
        sorter.prepare()
    levels: dict[Name, int] = {}
    level = 0
    while ready := sorter.get_ready():
        levels |= dict.fromkeys(ready, level)
        sorter.done(*ready)
        level += 1
    return {name[1]: levels.get(name, level) for name in needs if name[0] == PLAN}


def needs_of(kind: str, body: Mapping[str, Any], methods: Mapping[str, Method] = METHODS) -> set[Name]:
    """Gives what an item of the plan or a limit names of which its records are made."""
    if kind == LIMIT:
        return {(PLAN, body["plan"])} if body["plan"] is not None else set()
    method = methods.get(body["method"]) if kind == PLAN else None
    return set() if method is None else named_in(method.params, body["params"])


def find_circle(rows: Sequence[EntryRow], new: NewEntry, methods: Mapping[str, Method] = METHODS) -> list[Name]:
    """Finds a circle that a statement would close at any time it speaks of.

    Args:
        rows: all revisions of plan items and limits that are known, by kind, id and revision.
        new: what is to be stated.
        methods: by which records are made.

    Returns:
        The entries in the order in which each is made of the next, beginning and ending with the new one; empty without one.
    """
    own = (new.kind, new.id)
    others = [row for row in rows if (row.kind, row.id) != own]
    since = new.valid_from or BEGINNING
    begun = {row.valid_from for row in others if row.valid_from is not None and row.valid_from > since}
    for moment in sorted({since, *(each for each in begun if new.valid_to is None or each < new.valid_to)}):
        needs: dict[Name, Collection[Name]] = {
            (row.kind, row.id): needs_of(row.kind, row.body, methods) for row in _holding(others, moment)
        }
        needs[own] = needs_of(new.kind, new.body, methods)
        if found := _way_back(own, needs):
            return found
    return []


def _holding(rows: Sequence[EntryRow], moment: datetime) -> list[EntryRow]:
    """Gives what holds at a moment or will once somebody approves it."""
    return [
        row for kind in LINKING for row in covering((each for each in rows if each.kind == kind), moment, needs_approval=False)
    ]


def _way_back(start: Name, needs: Needs) -> list[Name]:
    """Finds a way from an entry through what it is made of to itself."""
    reached: dict[Name, Name] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for each in sorted(needs.get(name, ())):
            if each == start:
                way = [start, name]
                while way[-1] != start:
                    way.append(reached[way[-1]])
                return way[::-1]
            if each not in reached:
                reached[each] = name
                waiting.append(each)
    return []
