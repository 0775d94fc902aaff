"""The whole way from a record down to its raw readings: a tree of what it was made of, and who did what to it (R1).

Bounded in depth, in records and in rows: what is left out is named.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from ems_telemetry.records.methods import METHODS
from ems_telemetry.records.proving.underneath import (
    MOST_EVENTS,
    event_item,
    fact_of,
    intervals_of,
    meaning_of,
    readings_of,
    standings_of,
)
from ems_telemetry.storage.audit import events_of
from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.meter_events import events_within
from ems_telemetry.storage.point_facts import PointFacts, read_facts
from ems_telemetry.storage.records import RecordRow, find_record

Json = dict[str, Any]
Ref = Mapping[str, Any]
MOST_RECORDS: Final = 100
DEEPEST: Final = 6
MOST_FACTS: Final = 500
MOST_ROWS: Final = 20_000
MEANING: Final = "point_revision"
_OWN: Final = frozenset({"interval", "raw", MEANING, "record"})
_SUMMARY: Final = (
    "record_id", "type", "revision", "status", "site", "scope", "plan", "period", "period_start", "period_end", "quantity",
    "value", "unit", "quality", "flags", "computed_at", "computed_by", "reason", "snapshot", "hash",
)  # fmt: skip


class Wanted(NamedTuple):
    """How far down is told: `raw` down to readings, so many rows of each point; `verify` digests of what stands there now."""

    raw: bool = False
    rows: int = 20
    verify: bool = False
    sites: Sites = None


class Lineage:
    """Tells the lineage of one record; made anew for each.

    Args:
        connection: in a transaction, in which everything is read.
        wanted: how far down.
    """

    def __init__(self, connection: Connection, wanted: Wanted) -> None:
        self._connection = connection
        self._wanted = wanted
        self._points: dict[str, PointFacts] = {}
        self._seen: set[tuple[str, int]] = set()
        self._facts: dict[tuple[str, str, int], Json] = {}
        self._rows_left = MOST_ROWS

    async def of(self, row: RecordRow, depth: int = 0) -> Json:
        """Gives the tree below a revision of a record."""
        self._seen.add((str(row.id), row.revision))
        refs: list[Ref] = row.envelope["inputs"]
        await self._learn_points(refs)
        records, left_out = await self._records(refs, depth)
        facts, facts_left_out = await self._facts_of(refs)
        events = await events_of(self._connection, "record", str(row.id), MOST_EVENTS)
        method, down = METHODS.get(row.method), self._connection
        return {
            "record": {name: row.envelope[name] for name in _SUMMARY},
            "method": {"id": row.method, "formula": None if method is None else method.formula},
            "events": [event_item(each) for each in events],
            "intervals": [await intervals_of(down, ref, point) for ref, point in self._of_kind(refs, "interval")],
            "raw": await self._readings(refs, row.computed_at),
            "meanings": [
                await meaning_of(self._connection, ref, point) for ref, point in self._of_kind(refs, "point_revision")
            ],
            "standings": await standings_of(self._connection, refs),
            "facts": facts,
            "meter_events": await self._meter_events(refs, row.period_start, row.period_end),
            "records": records,
            "left_out": [*left_out, *facts_left_out],
        }

    async def _learn_points(self, refs: Iterable[Ref]) -> None:
        keys = {ref["id"] for ref in refs if ref["kind"] in _OWN - {"record"}} - self._points.keys()
        if keys:
            self._points |= {point.key: point for point in await read_facts(self._connection, sorted(keys))}

    def _of_kind(self, refs: Iterable[Ref], kind: str) -> list[tuple[Ref, PointFacts]]:
        return [(ref, self._points[ref["id"]]) for ref in refs if ref["kind"] == kind and ref["id"] in self._points]

    async def _readings(self, refs: Iterable[Ref], computed_at: datetime) -> list[Json]:
        if not self._wanted.raw:
            return []
        told = []
        for ref, point in self._of_kind(refs, "raw"):
            rows = min(self._wanted.rows, self._rows_left)
            each = await readings_of(self._connection, ref, point, computed_at, rows, verify=self._wanted.verify)
            self._rows_left -= len(each["rows"])
            told.append(each)
        return told

    async def _records(self, refs: Iterable[Ref], depth: int) -> tuple[list[Json], list[Json]]:
        trees, left_out = list[Json](), list[Json]()
        for ref in refs:
            if ref["kind"] != "record":
                continue
            row = None
            if depth < DEEPEST and len(self._seen) < MOST_RECORDS and (ref["id"], ref["revision"]) not in self._seen:
                row = await find_record(self._connection, UUID(ref["id"]), revision=ref["revision"], sites=self._wanted.sites)
            if row is None:
                left_out.append(dict(ref))
            else:
                trees.append(await self.of(row, depth + 1))
        return trees, left_out

    async def _facts_of(self, refs: Iterable[Ref]) -> tuple[list[Json], list[Json]]:
        told, left_out = list[Json](), list[Json]()
        for ref in refs:
            if ref["kind"] in _OWN or "revision" not in ref:
                continue
            name = (ref["kind"], ref["id"], ref["revision"])
            if name not in self._facts:
                if len(self._facts) >= MOST_FACTS:
                    left_out.append(dict(ref))
                    continue
                self._facts[name] = await fact_of(self._connection, ref)
            told.append(self._facts[name])
        return told, left_out

    async def _meter_events(self, refs: Iterable[Ref], since: datetime, until: datetime) -> list[Json]:
        meters = {self._points[ref["id"]].meter for ref in refs if ref["kind"] == "raw" and ref["id"] in self._points}
        if not meters:
            return []
        rows = await events_within(self._connection, sorted(meters), since, until, MOST_EVENTS)
        return [{**row._asdict(), "registers": [register._asdict() for register in row.registers]} for row in rows]
