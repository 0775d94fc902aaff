"""The blocks of an item of the plan: as its records tell them, and where there are none yet, as they would."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.evidence.canonical import canonical, parse
from ems_telemetry.records.averages.blocks import QUARTER, day_profile
from ems_telemetry.records.averages.days import judged_days
from ems_telemetry.records.averages.emissions import AirEmissionParams
from ems_telemetry.records.averages.gathering import BLOCKS_BY, Place, blocks_of, gather_emission
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality, RecordStatus
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.records import RecordFilter, RecordRow

Json = dict[str, Any]
CARRIED = frozenset({"uncertain", "corrected", "state_unknown", "outside_calibration_range"})
"""Flags of an average that are flags of what is judged of its blocks."""


class BlockRecords(NamedTuple):
    """The newest records of an item within a time, those of them that have blocks, and the item."""

    entry: EntryRow
    rows: Sequence[RecordRow]
    told: Sequence[RecordRow]


async def block_records(  # an item, and a time
    sources: Sources, plan: str, site: str, start: datetime, end: datetime, methods: Collection[str]
) -> BlockRecords:
    """Reads the records of an item that makes blocks.

    Raises:
        CannotComputeError: there is no such item at the site, or it is by another method.
    """
    entry = await sources.entry("plan", plan, end - QUARTER)
    if entry.body["method"] not in methods or entry.site != site:
        named = f'the plan item "{plan}" is one of {entry.body["method"]} at {entry.site}'
        raise CannotComputeError(f"{named}; name one of {' or '.join(methods)} at {site}")
    rows = await sources.records(RecordFilter(plan=plan, since=start, until=end))
    told = [row for row in rows if row.status != RecordStatus.VOIDED and "blocks" in row.envelope["details"]]
    return BlockRecords(entry, rows, told)


async def gather_told(sources: Sources, plan: str, place: Place) -> Json:
    """Reads the blocks of an item: `[start, standing, counts, state, normalised]`, and how its days were judged.

    After the last of its records, blocks are made as the next one will.
    """
    found = await block_records(sources, plan, place.site, place.start, place.end, tuple(BLOCKS_BY))
    details = [row.envelope["details"] for row in found.told]
    since = max([place.start, *(row.period_end for row in found.rows)])
    known = [
        (each["block"], row.unit, each["blocks"], each.get("days", [])) for each, row in zip(details, found.told, strict=True)
    ]
    if since < place.end:
        known.append(await _made(sources, found.entry, place._replace(start=since)))
    if not known:
        raise CannotComputeError(f'no record of the plan item "{plan}" has blocks within this period; look at what it says')
    lengths, units = {length for length, *_ in known}, {unit for _, unit, *_ in known}
    if len(lengths) > 1 or len(units) > 1:
        raise CannotComputeError(f'the blocks of the plan item "{plan}" changed within this period; judge shorter periods')
    return {
        "block": lengths.pop(),
        "unit": units.pop(),
        "blocks": [_short(block) for _, _, blocks, _ in known for block in blocks],
        "judged_days": [[each["day"], each["standing"]] for *_, days in known for each in days],
        "rows": [
            {"id": row.id, "revision": row.revision, "start": row.period_start, "end": row.period_end} for row in found.rows
        ],
        "flags": sorted({flag for row in found.told for flag in row.flags} & CARRIED),
        "uncertain": any(row.quality == RecordQuality.UNCERTAIN for row in found.told),
    }


async def _made(sources: Sources, entry: EntryRow, place: Place) -> tuple[str, str, list[Json], list[Json]]:
    """Makes the blocks for which there is no record yet, by the same code."""
    try:
        params = AirEmissionParams.model_validate(entry.body["params"])
    except ValidationError as error:
        raise CannotComputeError(f'the plan item "{entry.id}" is not what {entry.body["method"]} takes; correct it') from error
    inputs = await gather_emission(sources, params, place, BLOCKS_BY[entry.body["method"]])
    blocks, days = await asyncio.to_thread(_blocks_and_days, canonical(inputs), params)
    return str(params.block), inputs["unit"], blocks, days


def _blocks_and_days(written: bytes, params: AirEmissionParams) -> tuple[list[Json], list[Json]]:
    inputs: Any = parse(written)
    blocks = blocks_of(inputs)
    days = [] if params.day_profile is None else judged_days(blocks, day_profile(params.day_profile, params.block))
    return [block.details() for block in blocks], [{"day": day.day, "standing": day.standing} for day in days]


def _short(block: Json) -> list[Any]:
    return [block["start"], block["standing"], block["counts"], block["state"], block["normalised"]]
