"""What records are made of, read through one door that notes what was read.

So every record can tell what it was made of, and every change finds the records it touches.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ems_telemetry.config.expressions import parse_expression, references
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.evidence.canonical import digest
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.records.facts import entries
from ems_telemetry.records.facts.measured_by import read_measured_by
from ems_telemetry.records.inputs.children import Child, read_children
from ems_telemetry.records.inputs.interval_digest import interval_digest
from ems_telemetry.records.registers import REGISTERS, Dated
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries
from ems_telemetry.storage.gaps import KnownGap, read_gaps_of
from ems_telemetry.storage.point_facts import (
    PointFacts,
    PointRevision,
    read_facts,
    read_parents,
    read_point_revisions,
)
from ems_telemetry.storage.raw_digests import digest_days
from ems_telemetry.storage.records import GAPS, RecordFilter, RecordRow, Source, list_records

Json = dict[str, Any]
MOST_ROWS = 100_000
_EVER = datetime.max.replace(tzinfo=UTC)


class Sources:
    """Reads for one record, in one transaction, and notes what it was: `refs` for the record, `sources` for finding it again.

    Args:
        connection: in a transaction.
        now: when this is; new digests of raw readings carry it.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.refs: list[Json] = []
        self.sources: list[Source] = []
        self.waits_for: list[str] = []
        """Points whose intervals are still to be computed, so that no record is to be kept yet."""
        self.measured_by: list[Json] = []
        """The instruments that measured the points, each with what its checks say; see `read_measured_by`."""

    async def point(self, key: str) -> PointFacts:
        """Gives what is configured of a point.

        Raises:
            CannotComputeError: there is none of this name.
        """
        found = await read_facts(self.connection, [key])
        if not found:
            raise CannotComputeError(f'there is no point "{key}"; correct the item of the monitoring plan that names it')
        return found[0]

    async def points(self, keys: Iterable[str]) -> list[PointFacts]:
        """Gives what is configured of several points, in the order named."""
        return [await self.point(key) for key in keys]

    async def points_of(self, site: str) -> list[PointFacts]:
        """Gives what is configured of all points of a site, by their key."""
        return await read_facts(self.connection, site=site)

    async def parents(self) -> dict[str, str]:
        """Gives the meter behind which each meter stands, of those that stand behind one."""
        return await read_parents(self.connection)

    async def children(self, point: PointFacts, period: Period, start: datetime, end: datetime) -> list[Child]:
        """Gives the intervals of a point within `[start, end)`, without holes: one that is not stored is missing.

        Notes the intervals with their hash, the raw readings by day, what the point meant, and the instruments that measured
        it; of a virtual point those of the points that it is computed from.
        """
        zone = ZoneInfo(point.timezone)
        found = await read_children(self.connection, point, period, start, end)
        self.note(Source("point", point.key, start, end))
        if _is_waiting(point, end):
            self.waits_for.append(point.key)
        self._refer(
            {
                "kind": "interval", "id": point.key, "period": str(period), "since": start, "until": end, "rows": len(found),
                "hash": interval_digest(found),
            }
        )  # fmt: skip
        await self._note_revisions(point, start, end)
        for measured in await self._measured(point):
            self.note(Source("point", measured.key, start, end))
            await self._note_raw(measured, zone, start, end)
            await self._note_instruments(measured, start, end)
            if measured is not point:
                await self._note_revisions(measured, start, end)
        return found

    async def meanings(self, point: PointFacts, start: datetime, end: datetime) -> list[PointRevision]:
        """Gives what a point meant within `[start, end)`; of times before it was configured, what it meant first."""
        known = await read_point_revisions(self.connection, point.id, start, end)
        return known or (await read_point_revisions(self.connection, point.id, start, _EVER))[:1]

    async def revisions(self, kind: str, start: datetime, end: datetime, *, site: str | None = None) -> list[EntryRow]:
        """Gives all revisions of the entries of which any speaks of `[start, end)`, of one site and of none, as known now."""
        self.note(Source("register", kind, start, end))
        sites = None if site is None else (site,)
        instants = REGISTERS[kind].dated is Dated.MOMENT
        asked = EntryFilter(kind, sites=sites, since=start, until=end, whole=True, instants=instants)
        return await read_entries(self.connection, asked)

    async def happened(
        self, kind: str, start: datetime, end: datetime, *, site: str | None = None, use: bool = True
    ) -> list[EntryRow]:
        """Gives what happened within `[start, end)` and holds: samples, movements, corrections; notes each as an input.

        What a later revision dates outside of the span is not among it. With `use=False` call `use` with those that go into
        the figure.
        """
        rows = await self.revisions(kind, start, end, site=site)
        held = entries.newest(rows, needs_approval=REGISTERS[kind].needs_approval)
        chosen = entries.within(held, start, end, instants=REGISTERS[kind].dated is Dated.MOMENT)
        if use:
            self.use(chosen)
        return chosen

    async def adjustments(self, kind: str, point: PointFacts, start: datetime, end: datetime) -> list[EntryRow]:
        """Gives what lies over `[start, end)` of a point in a layer, `correction` or `substitution`, in the order recorded."""
        self.note(Source("layer", f"{kind}/{point.key}", start, end))
        asked = EntryFilter(kind, sites=(point.site,), since=start, until=end, whole=True)
        known = entries.newest(await read_entries(self.connection, asked), needs_approval=REGISTERS[kind].needs_approval)
        rows = [row for row in entries.within(known, start, end, instants=False) if row.body["point"] == point.key]
        chosen = sorted(rows, key=lambda row: row.seq)
        self.use(chosen)
        return chosen

    async def gaps(self, point: PointFacts, start: datetime, end: datetime) -> list[KnownGap]:
        """Gives the gaps of the ledger that reach into `[start, end)`, of a point, what it is computed from, and connectors."""
        keys = [each.key for each in await self._measured(point)]
        connectors, found = await read_gaps_of(self.connection, keys, start, end)
        for name in (*keys, *(f"connector/{connector}" for connector in connectors)):
            self.note(Source(GAPS, name, start, end))
        return found

    async def at(self, kind: str, moment: datetime, *, site: str | None = None) -> list[EntryRow]:
        """Gives of each entry of a kind the revision in force at a moment. Call `use` with those that go into the figure."""
        rows = await self.revisions(kind, moment, moment + timedelta.resolution, site=site)
        return entries.covering(rows, moment, needs_approval=REGISTERS[kind].needs_approval)

    async def entry(self, kind: str, id_: str, moment: datetime) -> EntryRow:
        """Gives the revision of one entry that is in force at a moment, and notes it as an input.

        Raises:
            CannotComputeError: none is; never the latest in its place.
        """
        rows = await read_entries(self.connection, EntryFilter(kind, id=id_))
        held = entries.covering(rows, moment, needs_approval=REGISTERS[kind].needs_approval)
        self.note(Source("register", kind, moment, moment + timedelta.resolution))
        if not held:
            raise CannotComputeError(
                f'no {kind} "{id_}" is in force at {moment:%Y-%m-%d %H:%M}Z; add one that is valid then, or have it approved'
            )
        self.use(held)
        return held[0]

    def use(self, rows: Iterable[EntryRow]) -> None:
        """Notes entries as inputs of the figure."""
        for row in rows:
            self._refer({"kind": row.kind, "id": row.id, "revision": row.revision, "hash": row.hash})

    async def records(self, asked: RecordFilter, *, use: bool = True) -> list[RecordRow]:
        """Gives the newest revisions of other records, and notes them as inputs.

        With `use=False` call `use_records` with those that go into the figure.
        """
        rows = await list_records(self.connection, asked, MOST_ROWS)
        if use:
            self.use_records(rows)
        if asked.plan is not None and asked.since is not None and asked.until is not None:
            self.note(Source("plan", asked.plan, asked.since, asked.until))
        return rows

    def use_records(self, rows: Iterable[RecordRow]) -> None:
        """Notes records as inputs of the figure."""
        for row in rows:
            self.note(Source("record", str(row.id), row.period_start, row.period_end))
            self.refs.append({"kind": "record", "id": str(row.id), "revision": row.revision, "hash": row.hash})

    def _refer(self, ref: Json) -> None:
        """Names an input once, however often it is read."""
        if ref not in self.refs:
            self.refs.append(ref)

    def note(self, source: Source) -> None:
        """Notes that the figure is to be looked at again where this changes."""
        if source not in self.sources:
            self.sources.append(source)

    async def _measured(self, point: PointFacts) -> list[PointFacts]:
        """Gives the points with readings that a point comes from: itself, or those that a virtual one is computed from."""
        found, waiting, seen = list[PointFacts](), [point], {point.key}
        while waiting:
            each = waiting.pop(0)
            if each.expression is None:
                found.append(each)
                continue
            keys = [reference.key for reference in references(parse_expression(each.expression))]
            new = list(dict.fromkeys(key for key in keys if key not in seen))
            seen.update(new)
            waiting += await read_facts(self.connection, new)
        return found

    async def _note_instruments(self, point: PointFacts, start: datetime, end: datetime) -> None:
        for name in (point.key, point.meter):
            self.note(Source("layer", f"instrument/{name}", start, end))
        for each in await read_measured_by(self.connection, point, start, end):
            self.note(Source("instrument", each.instrument, each.since, each.until))
            if each.told not in self.measured_by:
                self.measured_by.append(each.told)
            self.use(each.rests_on)

    async def _note_raw(self, point: PointFacts, zone: ZoneInfo, start: datetime, end: datetime) -> None:
        edges = [moment_of(edge) for edge in edges_of(Period.DAY, microseconds(start), microseconds(end), zone)]
        days = await digest_days(self.connection, point.id, edges, self.now)
        hash_ = hash_of_days((day.start, day.readings, day.digest) for day in days)
        self._refer(
            {
                "kind": "raw", "id": point.key, "since": edges[0], "until": edges[-1],
                "readings": sum(day.readings for day in days), "hash": hash_,
            }
        )  # fmt: skip

    async def _note_revisions(self, point: PointFacts, start: datetime, end: datetime) -> None:
        for row in await read_point_revisions(self.connection, point.id, start, end):
            self._refer(revision_ref(point, row))


def hash_of_days(days: Iterable[tuple[datetime, int, str]]) -> str:
    """Gives the hash of days of readings, each with their number and digest, as the input `raw` of a record has it."""
    return digest([list(day) for day in days]).hex()


def _is_waiting(point: PointFacts, end: datetime) -> bool:
    """Tells whether intervals before `end` are still to be computed. A point that is gone is not waited for."""
    if point.waits_since is not None and point.waits_since < end:
        return True
    return point.active and point.computed_to is not None and point.computed_to < end


def revision_ref(point: PointFacts, row: PointRevision) -> Json:
    """Names what a point meant from a time on, with the hash of it."""
    return {
        "kind": "point_revision", "id": point.key, "since": row.valid_from, "configuration": row.config_revision,
        "hash": digest(_worded(row._asdict())).hex(),
    }  # fmt: skip


def _worded(value: object) -> object:
    """Writes doubles, which configurations have, as words: evidence holds none."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _worded(each) for key, each in value.items()}
    return [_worded(each) for each in value] if isinstance(value, list) else value
