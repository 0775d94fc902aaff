"""Completes what is stated by what is known, and refuses what contradicts that, whichever way it comes in."""

from collections.abc import Sequence

from ems_telemetry.config.retention import retention_classes
from ems_telemetry.records.keeping.order import LINKING, Name, find_circle, needs_of
from ems_telemetry.records.registering.calibrating import ContradictionError
from ems_telemetry.records.registering.calibrating import complete as complete_check
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, NewEntry, read_entries
from ems_telemetry.storage.reading import BEGINNING

_FIELDS = {"plan": "params", "limit": "plan"}
_NOUNS = {"plan": "plan item", "limit": "limit"}


async def complete(connection: Connection, new: NewEntry, beside: Sequence[NewEntry] = ()) -> NewEntry:
    """Fills in what follows from what is known, and refuses what does not fit it.

    Args:
        connection: to what is known.
        new: what is stated; its body is checked by itself.
        beside: what is to be stated with it.

    Raises:
        ContradictionError: it names a retention class that there is not, would be made of itself, or is a check that does not
            fit its instrument.
    """
    _require_known_class(new)
    await _require_no_circle(connection, new, beside)
    return await complete_check(connection, new)


def _require_known_class(new: NewEntry) -> None:
    said, known = new.body.get("retention_class"), retention_classes()
    if said is not None and said not in known:
        raise ContradictionError("retention_class", f"is no retention class; there are {', '.join(sorted(known))}", said)


async def _require_no_circle(connection: Connection, new: NewEntry, beside: Sequence[NewEntry]) -> None:
    if new.kind not in LINKING or not needs_of(new.kind, new.body):
        return
    rows = [row for kind in LINKING for row in await read_entries(connection, EntryFilter(kind))]
    way = find_circle([*rows, *map(_as_row, beside)], new)
    if way:
        raise ContradictionError(
            _FIELDS[new.kind],
            f"no record can be made of itself: {_worded(way)}; let one of them be made of something else",
        )


def _as_row(new: NewEntry) -> EntryRow:
    return EntryRow(new.kind, new.id, 1, 0, new.site, new.valid_from, new.valid_to, new.body, "", "", new.reason, BEGINNING, "")


def _worded(way: Sequence[Name]) -> str:
    names = [f'{_NOUNS[kind]} "{id_}"' for kind, id_ in way]
    first, second, *others = names
    return ", ".join([f"{first} is made of {second}", *(f"that of {each}" for each in others)])
