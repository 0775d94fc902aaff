"""The monitoring plan as it stands: what people asked for, and what every point has without being asked for.

A period is closed after a grace: a day 48 hours after its end, months and years when five working days (Monday to Friday) have
passed. What comes later amends the record.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.model import Kind
from ems_telemetry.records.facts.entries import covering
from ems_telemetry.records.inputs.totals import ADDITIVE
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries
from ems_telemetry.storage.point_facts import PointFacts, read_facts
from ems_telemetry.storage.site_zones import read_zones

GRACE_OF_A_DAY: Final = timedelta(hours=48)
WORKING_DAYS: Final = 5
FRIDAY: Final = 4
AUTOMATIC: Final = "total"
_LONGEST: Final = timedelta(days=370)


class Planned:
    """One item with the zone of its site, and from when on it has periods."""

    def __init__(self, item: PlanItem, zone: ZoneInfo, first: datetime, last: datetime | None) -> None:
        self.item = item
        self.zone = zone
        self.first = first
        self.last = last

    def asked(self, start: datetime) -> Asked:
        """Gives the period that begins at an instant, or in which it lies."""
        start_us, end_us = edges_of(self.item.period, microseconds(start), microseconds(start) + 1, self.zone)[:2]
        return Asked(self.item, moment_of(start_us), moment_of(end_us), self.zone)

    def covers(self, start: datetime) -> bool:
        """Tells whether the period that begins then is one of the item's."""
        return start >= self.asked(self.first).start and (self.last is None or start < self.last)

    def due(self, since: datetime | None, now: datetime) -> Iterator[Asked]:
        """Gives the periods that are to be closed, oldest first.

        Args:
            since: where the last one that is closed ends; None where none is.
            now: when this is.
        """
        start = since or self.asked(self.first).start
        while self.last is None or start < self.last:
            asked = self.asked(start)
            if closes_at(asked) > now:
                return
            yield asked
            start = asked.end


def closes_at(asked: Asked) -> datetime:
    """Tells when a period is closed: its grace after its end."""
    if asked.item.period is Period.DAY:
        return asked.end + GRACE_OF_A_DAY
    day, left = asked.end.astimezone(asked.zone).date(), WORKING_DAYS
    while left:
        left -= day.weekday() <= FRIDAY
        day += timedelta(days=1)
    return _midnight(day, asked.zone)


async def read_plan(connection: Connection, site: str | None = None) -> list[Planned]:
    """Gives all items, or those of a site: what people asked for in all revisions that are in force for some time."""
    zones = {id_: ZoneInfo(zone) for id_, zone in (await read_zones(connection)).items()}
    points = await read_facts(connection, site=site)
    rows = await read_entries(connection, EntryFilter("plan", sites=None if site is None else (site,)))
    return [*automatic(points), *asked_for(rows, zones)]


def automatic(points: Iterable[PointFacts]) -> Iterator[Planned]:
    """Gives what is planned without anybody asking.

    That is the totals of each counter by month and year, and how complete each point is by month that says how often it gives
    a value.
    """
    for point in points:
        if point.first is None:
            continue
        last = None if point.active or point.computed_to is None else point.computed_to
        for prefix, method, period in _wanted(point):
            item = PlanItem(
                id=f"{prefix}/{point.key}/{period}",
                revision=0,
                site=point.site,
                scope=point.key,
                method=method,
                period=period,
                params={"point": point.key},
            )
            yield Planned(item, ZoneInfo(point.timezone), point.first, last)


def _wanted(point: PointFacts) -> Iterator[tuple[str, str, Period]]:
    if point.kind in ADDITIVE:
        yield AUTOMATIC, "period_total@1", Period.MONTH
        yield AUTOMATIC, "period_total@1", Period.YEAR
    if point.expected is not None and point.expression is None and point.kind != Kind.EVENT:
        yield "completeness", "completeness@1", Period.MONTH


def asked_for(rows: Iterable[EntryRow], zones: Mapping[str, ZoneInfo]) -> Iterator[Planned]:
    """Gives the items of the register, each revision for the time it is in force."""
    needs_approval = REGISTERS["plan"].needs_approval
    known = list(rows)
    by_id: dict[str, list[EntryRow]] = {}
    for row in known:
        by_id.setdefault(row.id, []).append(row)
    for revisions in by_id.values():
        for row in revisions:
            start = row.valid_from or row.recorded_at
            if row.site is not None and row.site in zones and row in covering(revisions, start, needs_approval=needs_approval):
                later = [
                    other.valid_from for other in revisions
                    if other.revision > row.revision and other.valid_from is not None and other.valid_from > start
                    and other in covering(revisions, other.valid_from, needs_approval=needs_approval)
                ]  # fmt: skip
                ends = [*later, *([row.valid_to] if row.valid_to else [])]
                yield Planned(item_of(row), zones[row.site], start, min(ends, default=None))


def item_of(row: EntryRow) -> PlanItem:
    """Gives an entry as an item of the plan."""
    body: Mapping[str, Any] = row.body
    return PlanItem(
        id=row.id,
        revision=row.revision,
        site=row.site or "",
        scope=body["scope"],
        method=body["method"],
        period=Period(body["period"]),
        params=body["params"],
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        retention_class=body["retention_class"],
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC"))
