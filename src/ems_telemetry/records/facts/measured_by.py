"""Reads which instruments measured a point, with the checks that tell whether they could be relied on."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ems_telemetry.records.facts import entries
from ems_telemetry.records.facts.instruments import Standing, checks_of, judge, last_pass, standings
from ems_telemetry.rules.calibration import Calibration, SuspectSpan, suspect_spans
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries
from ems_telemetry.storage.point_facts import PointFacts

Json = dict[str, Any]


class MeasuredBy(NamedTuple):
    """An instrument where it stood, as inputs of a record tell it, and the entries that say so."""

    instrument: str
    since: datetime
    until: datetime
    told: Json
    rests_on: Sequence[EntryRow]


async def read_measured_by(connection: Connection, point: PointFacts, start: datetime, end: datetime) -> list[MeasuredBy]:
    """Gives the instruments that measured a point within `[start, end)`, each as often as it stood there."""
    about = [{"points": [point.key]}, {"meters": [point.meter]}]
    rows = await read_entries(connection, EntryFilter("instrument", about=about))
    found = []
    for standing in standings(rows, point, start, end):
        calibrations = await read_calibrations(connection, standing.instrument.id)
        found.append(_measured_by(point, standing, calibrations))
    return found


async def read_calibrations(connection: Connection, instrument: str, as_of: datetime | None = None) -> list[EntryRow]:
    """Gives all revisions of the checks of an instrument that were known then."""
    return await read_entries(connection, EntryFilter("calibration", as_of=as_of, about=[{"instrument": instrument}]))


async def reaches_back_to(connection: Connection, calibration: EntryRow) -> datetime | None:
    """Tells from when on a check has a say: since its instrument was last left good before it; None: since ever.

    Where its function holds earlier, or it lasted since earlier, from then on.
    """
    known = await read_calibrations(connection, calibration.body["instrument"])
    told = [row for row in known if row.id == calibration.id] or [calibration]
    earliest = min(datetime.fromisoformat(row.body["at"]) for row in told)
    since = last_pass(_without(known, calibration.id), earliest)
    return None if since is None else min([since, *(moment for row in told for moment in _begins(row))])


def _begins(row: EntryRow) -> Iterator[datetime]:
    """Gives from when on a check says anything, where it says so itself."""
    for told in (row.body.get("from"), (row.body["correction"] or {}).get("valid_from")):
        if told is not None:
            yield datetime.fromisoformat(told)


async def doubted_by(connection: Connection, calibration: EntryRow) -> SuspectSpan | None:
    """Gives the time that a check casts doubt on; None where it passed as found, or does not hold."""
    checks = checks_of(await read_calibrations(connection, calibration.body["instrument"]))
    for span in suspect_spans(checks):
        if calibration.id in span.because:
            at = datetime.fromisoformat(calibration.body["at"])
            return span._replace(end=at, because=(calibration.id,))
    return None


def _without(rows: Sequence[EntryRow], id_: str) -> list[Calibration]:
    return checks_of(row for row in rows if row.id != id_)


def _measured_by(point: PointFacts, standing: Standing, calibrations: Sequence[EntryRow]) -> MeasuredBy:
    judgement = judge(checks_of(calibrations), standing.since, standing.until)
    held = {row.id: row for row in entries.newest(calibrations, needs_approval=False)}
    rests_on = [held[id_] for id_ in judgement.rests_on]
    told = {
        "point": point.key,
        "instrument": standing.instrument.id,
        "revision": standing.instrument.revision,
        "serial": standing.instrument.body["serial"],
        "since": standing.since,
        "until": standing.until,
        "flags": list(judgement.flags),
        "calibrations": [{"id": row.id, "revision": row.revision} for row in rests_on],
        "due": judgement.due,
    }
    return MeasuredBy(standing.instrument.id, standing.since, standing.until, told, [standing.instrument, *rests_on])
