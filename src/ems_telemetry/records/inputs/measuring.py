"""What instruments say of the quarters of a point: when they were maintained, and which function calibrates them (CR-47)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.model import Kind
from ems_telemetry.records.facts import entries
from ems_telemetry.records.facts.measured_by import MeasuredBy, read_calibrations, read_measured_by
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.conditions import MINUTE, MINUTES, QUARTER
from ems_telemetry.records.inputs.operation import ALL_MINUTES, QuarterState
from ems_telemetry.records.inputs.quarters import Quarter, gather_quarters, quarters_of
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.statements import gather_stated_maintenance
from ems_telemetry.rules.calibration import Correction, corrected
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.point_facts import PointFacts

OUTSIDE: Final = "outside_calibration_range"
"""The flag of what a function gave outside of the range it is valid in."""
Json = dict[str, Any]


class Wanted(NamedTuple):
    """What is to be known of the instruments of a point beside its quarters."""

    maintenance: bool = False
    functions: bool = False


class Calibrated(NamedTuple):
    """Quarters as functions give them, beside those that were measured: which have one, and which lie beyond its range."""

    raw: Sequence[Quarter]
    quarters: Sequence[Quarter]
    is_calibrated: Sequence[bool]
    is_outside: Sequence[bool]


async def gather_measured(  # a point, a time, and what counts of it
    sources: Sources,
    point: PointFacts,
    start: datetime,
    states: Sequence[QuarterState],
    wanted: Wanted,
    *,
    counts_off: bool,
) -> Json:
    """Reads the quarters of a gauge as `gather_quarters` does, with what is known of its instruments.

    A quarter of which only a part counts is that of its readings in that part.

    Args:
        sources: reads and notes.
        point: what was measured.
        start: when the first quarter begins.
        states: of the unit in each quarter.
        wanted: what is to be known.
        counts_off: whether what was measured while the unit was off counts too.
    """
    end = start + len(states) * QUARTER
    told: Json = {}
    checks = await _checks(sources, point, start, end) if any(wanted) else []
    if wanted.maintenance:
        told["maintained"] = await _gather_maintained(sources, point, start, end, checks)
    if wanted.functions and point.kind == Kind.GAUGE:
        told["functions"] = _functions(sources, point, checks)
    own = maintained_too(states, told, start)
    kept = {place: kept_minutes(each, counts_off=counts_off) for place, each in enumerate(own)}
    partly = {place: mask for place, mask in kept.items() if mask not in {0, ALL_MINUTES}}
    return {**await gather_quarters(sources, point, start, end, partly), **told}


async def gather_maintenance(sources: Sources, point: PointFacts, start: datetime, end: datetime) -> list[Json]:
    """Reads when the instruments of a point were maintained within `[start, end)`, as inputs of `masks_of`."""
    return await _gather_maintained(sources, point, start, end, await _checks(sources, point, start, end))


def kept_minutes(state: QuarterState, *, counts_off: bool) -> int:
    """Gives the minutes of a quarter that count, as bits."""
    return (ALL_MINUTES if counts_off else state.ran) & ~state.maintained


def maintained_too(states: Sequence[QuarterState], inputs: Mapping[str, Any], start: datetime) -> list[QuarterState]:
    """Adds to the states of a unit when the instrument of one point was maintained."""
    if not inputs.get("maintained"):
        return list(states)
    masks = masks_of(inputs["maintained"], start, len(states))
    return [
        each._replace(maintained=each.maintained | mask) if mask else each for each, mask in zip(states, masks, strict=True)
    ]


def masks_of(spans: Sequence[Mapping[str, Any]], start: datetime, count: int) -> list[int]:
    """Gives the minutes of adjacent quarters that spans have any part of, as bits."""
    masks = [0] * count
    for span in spans:
        since = max(_time(span["from"]), start)
        until = start + count * QUARTER if span["to"] is None else min(_time(span["to"]), start + count * QUARTER)
        first, last = (since - start) // MINUTE, -((start - until) // MINUTE)
        for minute in range(first, last):
            masks[minute // MINUTES] |= 1 << minute % MINUTES
    return masks


def calibrated(inputs: Mapping[str, Any], start: datetime) -> Calibrated:
    """Applies to each quarter, and to what stands in for it, the function in force at its beginning.

    What a person put in the place of a measured value is what they say it is.
    """
    raw, functions = quarters_of(inputs), inputs.get("functions", ())
    spans = [(_time(each["since"]), _time(each["until"]), _correction(each), each) for each in functions]
    quarters, is_calibrated, is_outside = list[Quarter](), list[bool](), list[bool]()
    for place, quarter in enumerate(raw):
        at = start + place * QUARTER
        held = next((each for each in spans if each[0] <= at < each[1]), None)
        if quarter.is_corrected:
            held = None
        if held is None:
            quarters.append(quarter)
        else:
            value, instead = (_applied(each, at, held[2]) for each in (quarter.value, quarter.substitute))
            quarters.append(quarter._replace(value=value, substitute=instead))
        is_calibrated.append(held is not None)
        is_outside.append(held is not None and _lies_outside(quarters[-1].value, held[3]))
    return Calibrated(raw, quarters, is_calibrated, is_outside)


def _applied(raw: Decimal | None, at: datetime, function: Correction) -> Decimal | None:
    return None if raw is None else corrected(raw, at, [function]).value


def _lies_outside(value: Decimal | None, function: Mapping[str, Any]) -> bool:
    low, high = decimal_of(function["low"]), decimal_of(function["high"])
    return value is not None and ((low is not None and value < low) or (high is not None and value > high))


def _correction(told: Mapping[str, Any]) -> Correction:
    return Correction(told["calibration"], Decimal(told["a"]), Decimal(told["b"]), _time(told["valid_from"]))


async def _checks(
    sources: Sources, point: PointFacts, start: datetime, end: datetime
) -> list[tuple[MeasuredBy, list[EntryRow]]]:
    """Gives the instruments of a point with the checks of each that hold; `children` has noted that they were looked at."""
    return [
        (each, entries.newest(await read_calibrations(sources.connection, each.instrument), needs_approval=False))
        for each in await read_measured_by(sources.connection, point, start, end)
    ]


async def _gather_maintained(
    sources: Sources, point: PointFacts, start: datetime, end: datetime, checks: Sequence[tuple[MeasuredBy, list[EntryRow]]]
) -> list[Json]:
    names = {point.key, point.meter, *(each.instrument for each, _ in checks)}
    stated = await gather_stated_maintenance(sources, point.site, start, end, names)
    lasted = [
        row for each, rows in checks for row in rows
        if row.body.get("from") is not None and _time(row.body["from"]) < each.until and _time(row.body["to"]) > each.since
    ]  # fmt: skip
    sources.use(lasted)
    return [
        *({"from": each["from"], "to": each["to"], "by": "operating_state", "id": each["id"]} for each in stated),
        *({"from": row.body["from"], "to": row.body["to"], "by": "calibration", "id": row.id} for row in lasted),
    ]


def _functions(sources: Sources, point: PointFacts, checks: Sequence[tuple[MeasuredBy, list[EntryRow]]]) -> list[Json]:
    """Gives the functions in force, each with the time within the period that it holds for; of two at a time none is known."""
    found = [each for standing, rows in checks for each in _in_force(sources, point, standing, rows)]
    found.sort(key=lambda each: each["since"])
    for before, after in pairwise(found):
        if after["since"] < before["until"]:
            raise CannotComputeError(
                f"calibrations {before['calibration']} and {after['calibration']} both give a function of {point.key} at "
                f"{after['since']:%Y-%m-%d %H:%M}Z; void one of them, or end the time one of the instruments stands there"
            )
    return found


def _in_force(sources: Sources, point: PointFacts, standing: MeasuredBy, rows: Sequence[EntryRow]) -> Iterator[Json]:
    told = [row for row in rows if row.body["correction"] is not None and _is_of(point, standing, row)]
    told.sort(key=_valid_from)
    for before, after in pairwise(told):
        if _valid_from(before) == _valid_from(after):
            raise CannotComputeError(f"the functions of calibrations {before.id} and {after.id} begin at one time; void one")
    ends = [*(_valid_from(row) for row in told[1:]), standing.until]
    for row, end in zip(told, ends, strict=False):
        since, until = max(_valid_from(row), standing.since), min(end, standing.until)
        if since < until:
            sources.use([row])
            function = row.body["correction"]
            yield {
                "calibration": row.id, "revision": row.revision, "instrument": standing.instrument, "since": since,
                "until": until, "valid_from": _valid_from(row), "a": function["a"], "b": function["b"],
                "low": function.get("low"), "high": function.get("high"),
            }  # fmt: skip


def _is_of(point: PointFacts, standing: MeasuredBy, row: EntryRow) -> bool:
    named = row.body["correction"].get("point")
    if named is not None:
        return bool(named == point.key)
    where = standing.rests_on[0].body
    if list(where["points"]) == [point.key] and not where["meters"]:
        return True
    raise CannotComputeError(
        f"calibration {row.id} gives a function without its `point`, and {standing.instrument} may measure several; say which"
    )


def _valid_from(row: EntryRow) -> datetime:
    return _time(row.body["correction"].get("valid_from") or row.body["at"])


def _time(told: str) -> datetime:
    return datetime.fromisoformat(told)
