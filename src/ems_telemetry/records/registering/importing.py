"""Importing facts from files into the registers: all of a file or nothing, unless parts are asked for; twice is once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ems_telemetry.records.registering.calibrating import ContradictionError
from ems_telemetry.records.registering.completing import complete
from ems_telemetry.records.registering.statements import Mistake, Sheet, Statement
from ems_telemetry.records.registering.stating import VOIDED, NotAllowedNowError, says, state
from ems_telemetry.records.registers import Register
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, EntryTakenError, read_entries
from ems_telemetry.storage.point_facts import read_facts, read_meter_sites
from ems_telemetry.storage.site_zones import read_zones

Refusal = Callable[[Register, str | None], str | None]
"""Says why somebody may not state a fact of this site; None where they may."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is imported."""

    dry_run: bool = False
    partial: bool = False
    """Whether what is right is stored beside what is not."""


@dataclass(slots=True)
class Imported:
    """What became of a file. `accepted` were stored, or would be; `duplicates` are known in the same words."""

    stored: bool = False
    accepted: list[Statement] = field(default_factory=list)
    duplicates: list[Statement] = field(default_factory=list)
    conflicts: list[Mistake] = field(default_factory=list)
    refused: list[Mistake] = field(default_factory=list)

    @property
    def mistakes(self) -> list[Mistake]:
        """What people have to mend, by line."""
        return sorted([*self.conflicts, *self.refused], key=lambda mistake: mistake.line)


async def import_sheet(
    connection: Connection,
    actor: Actor,
    sheet: Sheet,
    wanted: Wanted,
    at: datetime,
    may_not: Refusal = lambda _register, _site: None,
) -> Imported:
    """Imports what a file states, in the open transaction.

    Args:
        connection: whose transaction it becomes part of.
        actor: who states it.
        sheet: what the file says.
        wanted: how.
        at: when.
        may_not: who may state what.

    Raises:
        NotAllowedNowError: somebody stated one of them meanwhile.
    """
    outcome = Imported(refused=list(sheet.mistakes))
    sites = await read_zones(connection)
    seen: dict[tuple[str, str], Statement] = {}
    for statement in sheet.statements:
        refused = await _refusal(connection, statement, sites, may_not)
        if refused is not None:
            outcome.refused.append(refused)
            continue
        try:
            beside = [each.new for each in outcome.accepted]
            completed = statement._replace(new=await complete(connection, statement.new, beside))
        except ContradictionError as error:
            outcome.refused.append(Mistake(statement.line, error.field, error.value, str(error)))
        else:
            await _sort_in(connection, completed, seen, outcome)
    if wanted.dry_run or (outcome.mistakes and not wanted.partial):
        return outcome
    for statement in outcome.accepted:
        try:
            await state(connection, actor, statement.register, statement.new, at, 0)
        except EntryTakenError as error:
            raise NotAllowedNowError(
                f'{statement.new.kind} "{statement.new.id}" was stated by somebody else meanwhile; import the file again'
            ) from error
    outcome.stored = True
    return outcome


async def _sort_in(
    connection: Connection, statement: Statement, seen: dict[tuple[str, str], Statement], outcome: Imported
) -> None:
    new = statement.new
    before = seen.setdefault((new.kind, new.id), statement)
    if before is not statement:
        if _content(before) == _content(statement):
            outcome.duplicates.append(statement)
        else:
            outcome.conflicts.append(Mistake(statement.line, "id", new.id, f"says something else on line {before.line}"))
        return
    known = await read_entries(connection, EntryFilter(new.kind, id=new.id))
    if not known:
        outcome.accepted.append(statement)
        return
    same = [row for row in known if _kept(row) == _content(statement)]
    if same and VOIDED not in same[-1].decisions:
        outcome.duplicates.append(statement)
    elif same:
        outcome.conflicts.append(Mistake(statement.line, "id", new.id, "was declared void; state it anew under another id"))
    else:
        remedy = f"is known with other content (revision {known[-1].revision}); revise it with PUT, or take another id"
        outcome.conflicts.append(Mistake(statement.line, "id", new.id, remedy))


async def _refusal(connection: Connection, statement: Statement, sites: dict[str, str], may_not: Refusal) -> Mistake | None:
    site, line = statement.new.site, statement.line
    reason = may_not(statement.register, site)
    if reason is not None:
        return Mistake(line, "site", site, reason)
    if site is not None and site not in sites:
        return Mistake(line, "site", site, f"is no site; known are {', '.join(sorted(sites))}")
    return await _unknown_name(connection, statement)


async def _unknown_name(connection: Connection, statement: Statement) -> Mistake | None:
    """Finds a point or meter that there is not at the site, or a unit that is not that of its point."""
    register, site, line = statement.register, statement.new.site, statement.line
    points = list(register.points_of(statement.body))
    facts = await read_facts(connection, points) if points else []
    meters = list(register.meters_of(statement.body))
    sites = await read_meter_sites(connection, meters) if meters else {}
    for what, names, known in (("point", points, {fact.key: fact.site for fact in facts}), ("meter", meters, sites)):
        for name in names:
            if known.get(name) != site and (name not in known or site is not None):
                return Mistake(line, what, name, f"is no {what}" + (f" at {site}" if site else ""))
    units = register.units_of(statement.body)
    for fact in facts:
        if units.get(fact.key, fact.unit) != fact.unit:
            return Mistake(line, "unit", units[fact.key], f"is not the unit of {fact.key}, which is {fact.unit}")
    return None


def _content(statement: Statement) -> tuple[object, ...]:
    new = statement.new
    return new.site, new.valid_from, new.valid_to, says(new.body)


def _kept(row: EntryRow) -> tuple[object, ...]:
    return row.site, row.valid_from, row.valid_to, says(row.body)
