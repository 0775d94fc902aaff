"""Peaks: the blocks of time in which a point had its highest mean."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated, Final

import msgspec
from fastapi import Query
from starlette.responses import Response

from ems_telemetry.api import interval_items as items
from ems_telemetry.api.access import Reader
from ems_telemetry.api.catalogue import PointKey
from ems_telemetry.api.description import make_router, problems
from ems_telemetry.api.interval_parameters import Block, PeaksQuery
from ems_telemetry.api.intervals import find_series_point, interval_of
from ems_telemetry.api.problem import ProblemType, wrong_parameter
from ems_telemetry.api.services import Services
from ems_telemetry.computing.gathering import law_of
from ems_telemetry.intervals.calendar import QUARTER_US, moment_of
from ems_telemetry.intervals.compose import compose
from ems_telemetry.intervals.interval import Interval
from ems_telemetry.intervals.law import PointLaw
from ems_telemetry.intervals.peaks import Peak, mean_power, peak_of
from ems_telemetry.model import Kind
from ems_telemetry.storage.interval_series import SeriesPoint, read_series
from ems_telemetry.storage.reading import BEGINNING
from ems_telemetry.storage.rules import read_rules

router = make_router("Intervals")

LENGTHS: Final = {
    Block.QUARTER: timedelta(minutes=15),
    Block.HALF_HOUR: timedelta(minutes=30),
    Block.HOUR: timedelta(hours=1),
}
_POWER: Final = {"kWh": "kW", "kvarh": "kvar", "kVAh": "kVA"}
_MEASURED: Final = (Kind.GAUGE, Kind.COUNTER, Kind.INTERVAL_TOTAL)


@router.get("/points/{key}/peaks", response_model=items.Peaks, responses=problems(ProblemType.NOT_FOUND))
async def get_peaks(services: Services, caller: Reader, key: PointKey, query: Annotated[PeaksQuery, Query()]) -> Response:
    """Gives the blocks with the highest mean, by the clock; of a counter, the power that its energy comes to.

    Blocks that are not wholly measured are left out; the highest of them is told if it would have been the peak.
    """
    point = await find_series_point(services.database, caller, key)
    if point.kind not in _MEASURED:
        raise wrong_parameter("key", key, f"is of the kind {point.kind}; peaks are those of {', '.join(_MEASURED)}")
    since, until = query.span(query.zone(point.timezone), services.clock.now())
    series = await read_series(services.database, point.id, "15m", since or BEGINNING, until)
    async with services.database.connection() as connection:
        law = law_of((await read_rules(connection, [point.id]))[point.id])
    body = await asyncio.to_thread(_peaks, point, [interval_of(row) for row in series.rows()], law, query, until)
    return Response(msgspec.json.encode(body), media_type="application/json")


def _peaks(point: SeriesPoint, quarters: Sequence[Interval], law: PointLaw, query: PeaksQuery, until: datetime) -> object:
    length = LENGTHS[query.block]
    length_us = length // timedelta(microseconds=1)
    blocks = [block for block in _blocks(quarters, law, length_us) if moment_of(block.start_us) + length <= until]
    if law.kind is not Kind.GAUGE:
        blocks = [mean_power(block, length_us) for block in blocks]
    known = [block for block in blocks if block.value is not None]
    found = peak_of(known, partial=query.partial)
    unit = point.unit if law.kind is Kind.GAUGE else _POWER.get(point.unit, f"{point.unit}/h")
    return {
        "point": point.key,
        "peaks": [_item(block, length, unit) for block in _highest(known, found, query)],
        "unconfirmed_peak": None if found.unconfirmed_peak is None else _item(found.unconfirmed_peak, length, unit),
        "blocks": len(blocks),
        "skipped": 0 if query.partial else sum(block.coverage < 1 for block in blocks),
    }


def _blocks(quarters: Sequence[Interval], law: PointLaw, length_us: int) -> list[Interval]:
    if length_us == QUARTER_US:
        return list(quarters)
    blocks = []
    for start_us, children in groupby(quarters, key=lambda quarter: quarter.start_us - quarter.start_us % length_us):
        edges = list(range(start_us, start_us + length_us + 1, QUARTER_US))
        blocks.append(compose(children, edges, law, edges[-1]))
    return blocks


def _highest(known: Sequence[Interval], found: Peak[Interval], query: PeaksQuery) -> list[Interval]:
    if found.peak is None:
        return []
    counting = [block for block in known if query.partial or block.coverage >= 1]
    return sorted(counting, key=lambda block: (-(block.value or 0.0), block.start_us))[: query.n]


def _item(block: Interval, length: timedelta, unit: str) -> dict[str, object]:
    start = moment_of(block.start_us)
    return {
        "start": start,
        "end": start + length,
        "value": block.value,
        "unit": unit,
        "coverage": block.coverage,
        "flags": items.interval_flag_names(block.flags),
    }
