"""What a limit judges: the quarters of a point with the state of operation, or the records of an item of the plan.

Both are gathered as inputs of a record, in columns where there are many, and read back from them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import repeat
from typing import Any, Final, NamedTuple

from ems_telemetry.config.quantities import Law
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind, Quality
from ems_telemetry.records.averages.blocks import BlockLength, BlockProfile, counts_off, days_as_inputs
from ems_telemetry.records.averages.gathering import Place
from ems_telemetry.records.averages.told import gather_told
from ems_telemetry.records.compliance.states import Course, Stated, States
from ems_telemetry.records.inputs.children import Child, decimal_of
from ems_telemetry.records.inputs.conditions import by_minute, by_quarter, cut, stated_of
from ems_telemetry.records.inputs.cutting import cut_children
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Adjustment, Part, adjust
from ems_telemetry.records.inputs.measuring import gather_maintenance, masks_of
from ems_telemetry.records.inputs.operation import ALL_MINUTES
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.statements import gather_stated
from ems_telemetry.records.inputs.totals import ADDITIVE
from ems_telemetry.records.registers.limit_profiles import block_profile
from ems_telemetry.records.registers.obligations import BLOCK_MINUTES, LARGEST_CODE, OF_DAYS, LimitBody, Statistic, takes_blocks
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.discharge import Qualifier, Result
from ems_telemetry.rules.limit_sets import LIMIT_SETS, Averaging
from ems_telemetry.storage.point_facts import PointFacts
from ems_telemetry.storage.records import RecordFilter, RecordRow

QUARTER: Final = timedelta(minutes=15)
QUARTER_S: Final = Decimal(900)
_WITHOUT_MEANS: Final = frozenset({Law.RANGE, Law.ENERGETIC_MEAN})
_KEPT_S: Final = 6
"""Decimals of seconds: coverage is a double, and the readings it is made of are told to the microsecond."""


class Quarter(NamedTuple):
    """A quarter of an hour: its mean or increment, the seconds of it that were measured, its least and greatest value.

    What has no mean, as pH, has only the latter. `codes` are the least and greatest number that the state of operation had;
    None where nothing tells it. `stated` is what people stated of it, `maintained` the minutes of maintenance as bits.
    """

    start: datetime
    value: Decimal | None
    covered_s: Decimal
    low: Decimal | None = None
    high: Decimal | None = None
    codes: tuple[int, int] | None = None
    substituted: bool = False
    stated: Stated = ()
    maintained: int = 0
    corrected: bool = False

    @property
    def end(self) -> datetime:
        """Tells when it is over."""
        return self.start + QUARTER

    @property
    def is_measured(self) -> bool:
        """Tells whether a part of it was measured, or corrected; what was substituted never counts as measured (CR-20)."""
        return (self.value is not None or self.low is not None) and not self.substituted


class Row(NamedTuple):
    """A record that is judged."""

    start: datetime
    end: datetime
    result: Result | None


async def gather_series(sources: Sources, body: LimitBody, place: Place) -> dict[str, Any]:
    """Reads what a limit judges within whole days of a place.

    Raises:
        CannotComputeError: it is not there, has another unit, or is nothing of which the limit can be judged.
    """
    if takes_blocks(body):
        return await _gather_blocks(sources, body, place)
    if body.point is None:
        return await _gather_records(sources, body, place.site, place.start, place.end)
    point = await sources.point(body.point)
    _check_point(point, body)
    return await _gather_quarters(sources, point, body, place.start, place.end)


async def _gather_quarters(
    sources: Sources, point: PointFacts, body: LimitBody, start: datetime, end: datetime
) -> dict[str, Any]:
    adjustments = [
        Adjustment(layer, _time(row.body["from"]), _time(row.body["to"]), decimal_of(row.body["value"]))
        for layer, kind in ((CORRECTED, "correction"), (SUBSTITUTED, "substitution"))
        for row in await sources.adjustments(kind, point, start, end)
    ]
    with_range = body.statistic == Statistic.PH_EXCURSIONS
    if with_range:  # without a mean, layers cannot tell what is missing; a substitute would not be valid anyway
        adjustments = [each for each in adjustments if each.layer != SUBSTITUTED]
    told = await _gather_states(sources, point, body, start, end)
    whole = await sources.children(point, Period.QUARTER, start, end)
    children = await cut_children(sources, point, whole, _partly(body, told, start, len(whole)))
    parts = adjust(children, adjustments, additive=point.kind in ADDITIVE)
    corrected = [place for place, part in enumerate(parts) if part.layer == CORRECTED] if "maintained" in told else []
    return {
        "point": point.key,
        "quantity": point.quantity,
        "additive": point.kind in ADDITIVE,
        "start": start,
        "values": [part.value for part in parts],
        "covered_s": [_covered_s(part, with_range=with_range) for part in parts],
        "range": [[*_range(part)] for part in parts] if with_range else None,
        **told,
        **({"corrected": corrected} if corrected else {}),
        "substituted": [place for place, part in enumerate(parts) if part.layer == SUBSTITUTED and part.value is not None],
        "uncertain": any(part.value is not None and part.child.quality < Quality.GOOD for part in parts),
        "flags": sorted({flag for part in parts for flag in (part.child.flags if part.layer is None else (part.layer,))}),
    }


async def _gather_blocks(sources: Sources, body: LimitBody, place: Place) -> dict[str, Any]:
    told = await gather_told(sources, body.plan or "", place)
    length, wanted_min = BlockLength(told["block"]), BLOCK_MINUTES.get(body.statistic)
    if wanted_min not in {None, length.minutes}:
        raise CannotComputeError(
            f"{body.statistic} is of {wanted_min} min, and the blocks of {body.plan} have {length.minutes}"
        )
    if told["unit"] != body.unit:
        raise CannotComputeError(
            f"the blocks of {body.plan} are in {told['unit']}, and the limit is in {body.unit}; word it in {told['unit']}"
        )
    return {"plan": body.plan, "days": days_as_inputs(place.start, place.end, length, place.zone), **told}


async def _gather_records(sources: Sources, body: LimitBody, site: str, start: datetime, end: datetime) -> dict[str, Any]:
    rows = await sources.records(RecordFilter(site=site, plan=body.plan, since=start, until=end))
    rows = [row for row in rows if row.status != "voided"]
    for row in rows:
        if row.value is not None and row.unit != body.unit:
            raise CannotComputeError(
                f"the records of {body.plan} are in {row.unit}, and the limit is in {body.unit}; word it in {row.unit}"
            )
    return {"plan": body.plan, "rows": [_row(row) for row in rows]}


async def _gather_states(
    sources: Sources, point: PointFacts, body: LimitBody, start: datetime, end: datetime
) -> dict[str, Any]:
    """Reads what tells the state of operation, and the maintenance of the instrument, where the limit asks for it."""
    told: dict[str, Any] = {"codes": None}
    if body.state_point is not None:
        states = await sources.children(await sources.point(body.state_point), Period.QUARTER, start, end)
        told["codes"] = [_codes(child) for child in states]
    if body.state_register is not None:
        told["stated"] = await gather_stated(sources, point.site, start, end, body.state_register.equipment)
    if body.instrument_maintenance:
        told["maintained"] = await gather_maintenance(sources, point, start, end)
    return told


def _partly(body: LimitBody, told: Mapping[str, Any], start: datetime, count: int) -> dict[int, int]:
    """Gives the minutes that count of quarters of which only a part does, as bits, by their place."""
    profile = block_profile(body.block_validity)
    if profile is None or not (told.get("stated") or told.get("maintained")):
        return {}
    states = States(body)
    kept = [
        kept_of(states.course(None if codes is None else (codes[0], codes[1]), stated, mask), profile)
        for codes, stated, mask in _told_of(body, told, start, count)
    ]
    return {place: mask for place, mask in enumerate(kept) if mask not in {0, ALL_MINUTES}}


def kept_of(course: Course, profile: BlockProfile) -> int:
    """Gives the minutes of a quarter that count, as bits."""
    return (ALL_MINUTES if counts_off(profile) else course.ran) & ~course.maintained


def _told_of(
    body: LimitBody, inputs: Mapping[str, Any], start: datetime, count: int
) -> Iterator[tuple[Sequence[int] | None, Stated, int]]:
    """Gives of each quarter the numbers of the point, what was stated, and the minutes of maintenance."""
    codes = inputs["codes"] or [None] * count
    masks = masks_of(inputs.get("maintained", ()), start, count)
    if "stated" not in inputs:
        return zip(codes, repeat(()), masks, strict=False)
    segments = cut(stated_of(inputs["stated"]), start, start + count * QUARTER, States(body).chosen)
    stated = (
        [[known[0].condition]] if len(known) == 1 else list(by_minute(known, start + place * QUARTER))
        for place, known in enumerate(by_quarter(segments, start, count))
    )
    return zip(codes, stated, masks, strict=True)


def quarters_of(inputs: Mapping[str, Any], body: LimitBody) -> list[Quarter]:
    """Reads quarters back from inputs."""
    start, substituted = _time(inputs["start"]), frozenset(inputs["substituted"])
    corrected = frozenset(inputs.get("corrected", ()))
    count = len(inputs["values"])
    ranges = inputs["range"] or [[None, None]] * count
    told = _told_of(body, inputs, start, count)
    return [
        Quarter(
            start + place * QUARTER, decimal_of(value), Decimal(covered), decimal_of(low), decimal_of(high),
            None if codes is None else (codes[0], codes[1]), place in substituted, stated, maintained, place in corrected,
        )
        for place, (value, covered, (low, high), (codes, stated, maintained)) in enumerate(
            zip(inputs["values"], inputs["covered_s"], ranges, told, strict=True)
        )
    ]  # fmt: skip


def rows_of(inputs: Mapping[str, Any]) -> list[Row]:
    """Reads records back from inputs."""
    return [Row(_time(each["start"]), _time(each["end"]), _result(each)) for each in inputs["rows"]]


@exactly
def measured_percent(quarters: Sequence[Quarter]) -> Decimal:
    """Gives the share of the time that was measured."""
    covered = sum((each.covered_s for each in quarters if each.is_measured), ZERO)
    return round(100 * covered / (QUARTER_S * len(quarters)), 6) if quarters else ZERO


def _check_point(point: PointFacts, body: LimitBody) -> None:
    if point.unit != body.unit:
        raise CannotComputeError(f"{point.key} is in {point.unit}, and the limit is in {body.unit}; word it in {point.unit}")
    of_days = body.statistic in OF_DAYS or (body.is_set and LIMIT_SETS[body.statistic].averagings == (Averaging.SAMPLE,))
    if point.kind in ADDITIVE:
        if body.statistic != Statistic.TOTAL and not of_days:
            raise CannotComputeError(
                f"{point.key} adds up and has no {body.statistic}; choose total, {', '.join(sorted(OF_DAYS))}"
            )
    elif body.statistic == Statistic.TOTAL:
        raise CannotComputeError(f"{point.key} is a {point.kind} and has no total; name a counter, or a plan of masses")
    elif point.kind != Kind.GAUGE:
        raise CannotComputeError(f"{point.key} is a {point.kind}; limits judge gauges, counters and totals")
    elif point.law in _WITHOUT_MEANS and body.statistic != Statistic.PH_EXCURSIONS:
        raise CannotComputeError(
            f"{point.key} measures {point.quantity}, whose values have no plain mean ({point.law}); {body.statistic} needs one"
        )
    elif of_days and (body.block_validity is None or body.day_validity is None):
        raise CannotComputeError(
            f"{body.statistic} of {point.key} needs `block_validity` and `day_validity`: which of its days count"
        )


def _covered_s(part: Part, *, with_range: bool) -> Decimal:
    if part.layer is not None:
        return QUARTER_S if part.layer == CORRECTED and part.value is not None else ZERO
    is_known = part.value is not None or (with_range and part.child.min is not None)
    return round(part.child.coverage * QUARTER_S, _KEPT_S) if is_known else ZERO


def _range(part: Part) -> Iterator[Decimal | None]:
    for bound in (part.child.min, part.child.max):
        yield part.value if part.layer is not None or bound is None else bound


def _codes(child: Child) -> list[int] | None:
    """Gives the least and greatest number of a state; what it began the quarter with shows in its mean alone.

    Numbers that no limit can name tell nothing.
    """
    known = [each for each in (child.value, child.min, child.max) if each is not None]
    if not known or any(abs(each) > LARGEST_CODE for each in known):
        return None
    return [int(min(known).to_integral_value(ROUND_FLOOR)), int(max(known).to_integral_value(ROUND_CEILING))]


def _row(row: RecordRow) -> dict[str, Any]:
    details = row.envelope["details"]
    return {
        "id": str(row.id), "revision": row.revision, "start": row.period_start, "end": row.period_end, "value": row.value,
        "qualifier": details.get("qualifier"), "lod": details.get("lod"),
    }  # fmt: skip


def _result(each: Mapping[str, Any]) -> Result | None:
    value, lod = decimal_of(each["value"]), decimal_of(each["lod"])
    if each["qualifier"] is not None:
        return Result(value, Qualifier(each["qualifier"]), lod)
    return None if value is None else Result(value)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
