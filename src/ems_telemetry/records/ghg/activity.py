"""How much of an activity there was: what a point counted, or other records told, shared out where a factor changes (CR-46).

The share of a stretch is what was measured in it; only the one interval in which the change lies is shared out by time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.records.details import settled
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.layers import Part
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.totals import ADDITIVE, CHILD_OF, Shares, flags_of, gather_point, parts_of, quality_of
from ems_telemetry.records.kinds import RecordQuality, RecordStatus
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Names, Params
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.storage.records import RecordFilter

PRORATED = "prorated"
"""A factor changed within an interval or record, which was shared out by time."""
_WORST_FIRST = (RecordQuality.MISSING, RecordQuality.UNCERTAIN, RecordQuality.ESTIMATED, RecordQuality.GOOD)


class ActivityParams(Params):
    """What an activity is told by: a point that counts, or an item of the plan whose records tell it."""

    point: str | None = Field(default=None, description="A counter or an interval total.")
    plan: Annotated[str, Names("plan")] | None = Field(
        default=None, description="An item of the monitoring plan; its records must cover the period."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.point is None) is (self.plan is None):
            raise ValueError("name a point or an item of the plan, one of both")
        return self


class Amount(NamedTuple):
    """What there was within `[start, end)`; None where it is not known."""

    start: datetime
    end: datetime
    value: Decimal | None


class Activity(NamedTuple):
    """All of it. Shares are in percent."""

    unit: str
    amounts: Sequence[Amount]
    quality: RecordQuality
    measured: Decimal | None
    estimated: Decimal | None
    flags: tuple[str, ...]

    @property
    def total(self) -> Decimal | None:
        """What it comes to; None where a part is not known."""
        return total_within(self.amounts, None)


async def gather_activity(sources: Sources, asked: Asked, said: ActivityParams, cuts: Iterable[datetime]) -> dict[str, Any]:
    """Reads an activity, in quarters of an hour around the times at which it must be cut.

    Raises:
        CannotComputeError: the point has no totals, or the records do not follow one upon the other.
    """
    if said.point is not None:
        return await _gather_point(sources, asked, said.point, set(cuts))
    return await _gather_records(sources, asked, str(said.plan))


def activity_of(inputs: Mapping[str, Any], cuts: Iterable[datetime]) -> Activity:
    """Reads an activity back from inputs."""
    shared = set(cuts)
    if "records" in inputs:
        return _of_records(inputs, shared)
    parts = [part for span in inputs["spans"] for part in parts_of(span)]
    shares = Shares(parts)
    amounts = [_amount(part) for part in parts]
    flags = {*flags_of(parts), *_shared(amounts, shared)}
    return Activity(inputs["unit"], amounts, quality_of(parts), shares.measured, shares.estimated, tuple(sorted(flags)))


@exactly
def total_within(amounts: Iterable[Amount], span: tuple[datetime, datetime] | None) -> Decimal | None:
    """Adds up what there was, of the amounts that `span` cuts the share of their time; None where a part is not known."""
    total = ZERO
    for amount in amounts:
        start, end = span or (amount.start, amount.end)
        length = min(end, amount.end) - max(start, amount.start)
        if length.total_seconds() <= 0:
            continue
        if amount.value is None:
            return None
        whole = amount.end - amount.start
        total += amount.value if length == whole else amount.value * microseconds_of(length) / microseconds_of(whole)
    return total


def microseconds_of(length: timedelta) -> int:
    """Gives a length of time exactly."""
    return length // timedelta.resolution


def without_activity(activity: Activity, unit: str, details: Mapping[str, Any]) -> Figure:
    """Tells that there is no figure, since a part of the activity is not known."""
    unknown = [amount for amount in activity.amounts if amount.value is None]
    first, last = unknown[0].start, unknown[-1].end
    reason = (
        f"a part of the activity between {first:%Y-%m-%d %H:%M}Z and {last:%Y-%m-%d %H:%M}Z is not known; missing is not zero"
    )
    return Figure(
        None, unit, RecordQuality.MISSING, measured=activity.measured, estimated=activity.estimated, flags=activity.flags,
        details=settled({**details, "reason": reason}),
    )  # fmt: skip


async def _gather_point(sources: Sources, asked: Asked, key: str, cuts: set[datetime]) -> dict[str, Any]:
    point = await sources.point(key)
    if point.kind not in ADDITIVE:
        raise CannotComputeError(f"{point.key} is a {point.kind} and has no total; name a counter or an interval total")
    child = CHILD_OF[asked.item.period]
    edges = [moment_of(edge) for edge in edges_of(child, microseconds(asked.start), microseconds(asked.end), asked.zone)]
    spans = []
    for cut, group in groupby(pairwise(edges), key=lambda span: any(span[0] < each < span[1] for each in cuts)):
        steps = list(group)
        spans.append(await gather_point(sources, point, steps[0][0], steps[-1][1], Period.QUARTER if cut else child))
    return {"unit": point.unit, "spans": spans}


async def _gather_records(sources: Sources, asked: Asked, plan: str) -> dict[str, Any]:
    wanted = RecordFilter(plan=plan, site=asked.item.site, since=asked.start, until=asked.end)
    rows = [row for row in await sources.records(wanted) if row.status != RecordStatus.VOIDED]
    reached = asked.start
    for row in rows:
        if row.period_start != reached:
            break
        reached = row.period_end
    if reached != asked.end:
        raise CannotComputeError(
            f'the records of "{plan}" do not tell {reached:%Y-%m-%d %H:%M}Z to {asked.end:%Y-%m-%d %H:%M}Z; name an item of '
            f"the plan whose periods make up this one"
        )
    units = {row.unit for row in rows if row.unit is not None}
    if len(units) != 1:
        raise CannotComputeError(f'the records of "{plan}" are in {", ".join(sorted(units)) or "no unit"}; they need one')
    return {
        "unit": units.pop(),
        "records": [
            {
                "start": row.period_start, "end": row.period_end, "value": row.value, "quality": row.quality,
                "measured": row.measured, "estimated": row.estimated, "flags": list(row.flags),
            }
            for row in rows
        ],
    }  # fmt: skip


def _of_records(inputs: Mapping[str, Any], cuts: set[datetime]) -> Activity:
    rows = inputs["records"]
    amounts = [
        Amount(datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"]), decimal_of(row["value"]))
        for row in rows
    ]
    quality = next(each for each in _WORST_FIRST if any(row["quality"] == each for row in rows))
    flags = {flag for row in rows for flag in row["flags"]} | set(_shared(amounts, cuts))
    measured, estimated = (_mean_share(rows, amounts, name) for name in ("measured", "estimated"))
    return Activity(inputs["unit"], amounts, quality, measured, estimated, tuple(sorted(flags)))


@exactly
def _mean_share(rows: Sequence[Mapping[str, Any]], amounts: Sequence[Amount], name: str) -> Decimal | None:
    shares = [decimal_of(row[name]) for row in rows]
    if any(share is None for share in shares):
        return None
    lengths = [microseconds_of(amount.end - amount.start) for amount in amounts]
    weighed = sum((share * length for share, length in zip(shares, lengths, strict=True) if share is not None), ZERO)
    return round(weighed / sum(lengths), 6)


def _amount(part: Part) -> Amount:
    return Amount(part.child.start, part.child.end, part.value)


def _shared(amounts: Iterable[Amount], cuts: set[datetime]) -> list[str]:
    inside = any(amount.start < cut < amount.end for amount in amounts for cut in cuts)
    return [PRORATED] if inside else []
