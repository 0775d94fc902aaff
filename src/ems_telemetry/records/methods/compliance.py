"""Whether a limit was kept over a period, by the revisions of it that were in force (R11, R12)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.records.averages.gathering import Place
from ems_telemetry.records.compliance.counting import availability_told, days_told
from ems_telemetry.records.compliance.events import Json, joined, settled
from ems_telemetry.records.compliance.judging import (
    Judgement,
    gravest,
    judge_ph,
    judge_statistic,
    judge_total,
    margin_key,
)
from ems_telemetry.records.compliance.series import Quarter, Row, gather_series, measured_percent, quarters_of, rows_of
from ems_telemetry.records.compliance.sets import judge_set
from ems_telemetry.records.compliance.statistics import Measured, measured_by_item, measured_of
from ems_telemetry.records.facts.entries import segments
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality, RecordStatus, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import LimitName, Params, params_of
from ems_telemetry.records.plan import closes_at
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.records.registers.obligations import LimitBody, Statistic
from ems_telemetry.rules.limits import Status
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.records import RecordFilter

LIMIT, OBLIGATION = "limit", "obligation"
REACH_BACK: Final = 3
"""So many days are read for each operating day of a rolling mean, where the unit does not run every day."""
_PATIENCE: Final = timedelta(days=1)
"""So long after its own closing an evaluation waits for the records that it judges."""


class ComplianceParams(Params):
    """What it needs to know."""

    limit: LimitName


class Compliance:
    """Judges a period by a limit; where the limit was revised within it, each part by the revision in force."""

    name = "compliance"
    version = 1
    record = RecordType.COMPLIANCE_EVALUATION
    formula = (
        "The statistic that the limit names, of what is valid by its profiles (CR-12 to CR-15, CR-21), less the confidence "
        "interval (CR-25), compared as it says (CR-26 to CR-29, CR-32, CR-33, CR-35). A valid exceedance is non_compliant; "
        "without one, too little that is valid is indeterminate, never compliant (CR-30). What was substituted is not valid."
    )
    params: type[BaseModel] = ComplianceParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads the revisions of the limit, and for each what it judges while it is in force."""
        limit = params_of(ComplianceParams, asked).limit
        rows = await sources.revisions(LIMIT, asked.start, asked.end, site=asked.item.site)
        rows = [row for row in rows if row.id == limit]
        cut = segments(rows, asked.start, asked.end, needs_approval=REGISTERS[LIMIT].needs_approval)
        held = [(start, end, row) for start, end, row in cut if row is not None]
        if not held:
            raise CannotComputeError(
                f'no limit "{limit}" of {asked.item.site} is in force from {asked.start:%Y-%m-%d %H:%M}Z on; add one that is '
                "valid then, or have it approved"
            )
        sources.use(row for _, _, row in held)
        parts = [await _gather_part(sources, asked, start, end, row) for start, end, row in held]
        former = await _gather_former(sources, asked, limit)
        return {
            "limit": limit, "zone": asked.zone.key, "start": asked.start, "end": asked.end, "parts": parts, "former": former,
        }  # fmt: skip

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Judges each part, and puts what came of them together."""
        zone = ZoneInfo(inputs["zone"])
        parts = [_judge_part(inputs["limit"], part, zone) for part in inputs["parts"]]
        return _figure(inputs, parts)


class _Part:
    """A part that was judged."""

    def __init__(self, inputs: Mapping[str, Any], judgement: Judgement, quarters: Sequence[Quarter], more: Json) -> None:
        self.inputs = inputs
        self.body = LimitBody.model_validate(inputs["limit"])
        self.judgement = judgement
        self.quarters = quarters
        self.more = more

    @property
    def unit(self) -> str:
        """The unit of the statistic."""
        return "min" if self.body.statistic == Statistic.PH_EXCURSIONS else self.body.unit

    def told(self) -> Json:
        """Gives what the part comes to."""
        judged, worst = self.judgement, self.judgement.worst
        return {
            "from": self.inputs["start"],
            "to": self.inputs["end"],
            "limit_revision": self.inputs["revision"],
            "obligation": self.inputs["obligation"],
            "statistic": self.body.statistic,
            "comparator": self.body.comparator,
            "result": judged.status,
            "value": None if worst is None else settled(worst.value),
            "value_text": judged.text,
            "compared": None if worst is None else settled(worst.compared),
            "limit": None if worst is None else worst.limit,
            "unit": self.unit,
            "margin_percent": None if worst is None else settled(worst.margin_percent),
            **_counts(judged, self.body),
            **judged.more,
            **self.more,
        }


async def _gather_part(sources: Sources, asked: Asked, start: datetime, end: datetime, row: EntryRow) -> dict[str, Any]:
    body = LimitBody.model_validate(row.body)
    obligation = await sources.entry(OBLIGATION, body.obligation, start)
    first, last = _whole_days(body, start, end, asked.zone)
    series = await gather_series(sources, body, Place(asked.item.site, asked.zone, first, last))
    if body.plan is not None and not _reaches(series, end) and sources.now < closes_at(asked) + _PATIENCE:
        sources.waits_for.append(f"plan/{body.plan}")
    told = {"id": obligation.id, "revision": obligation.revision, "reference": obligation.body["reference"]}
    return {
        "start": start, "end": end, "revision": row.revision, "limit": dict(row.body), "obligation": told, "series": series,
    }  # fmt: skip


async def _gather_former(sources: Sources, asked: Asked, limit: str) -> list[Json]:
    """Reads which exceedances lasted up to the beginning of the period, as the same item told of the period before.

    Only a record that tells of some is an input: readings must not be kept because of one that says nothing here.
    """
    wanted = RecordFilter(plan=asked.item.id, since=asked.start - timedelta.resolution, until=asked.start)
    lasting = []
    for row in await sources.records(wanted, use=False):
        details = row.envelope["details"]
        if row.status == RecordStatus.VOIDED or row.period_end != asked.start or details.get("limit_id") != limit:
            continue
        found = [each for each in details["exceedances"] if datetime.fromisoformat(each["end"]) == asked.start]
        sources.use_records([row] if found else [])
        lasting += [{"id": each["id"], "criterion": each["criterion"]} for each in found]
    return lasting


def _whole_days(body: LimitBody, start: datetime, end: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Gives the local days that a part reaches into, and those before it that a rolling mean needs."""
    back = (body.rolling_days or 1) - 1
    knows_states = body.state_point is not None or body.state_register is not None or body.plan is not None
    back *= REACH_BACK if knows_states else 1
    edges = edges_of(Period.DAY, microseconds(start - timedelta(days=back)), microseconds(end), zone)
    return moment_of(edges[0]), moment_of(edges[-1])


def _reaches(series: Mapping[str, Any], end: datetime) -> bool:
    return any(row["end"] >= end for row in series["rows"])


def _judge_part(limit: str, part: Mapping[str, Any], zone: ZoneInfo) -> _Part:
    body, series = LimitBody.model_validate(part["limit"]), part["series"]
    start, end = datetime.fromisoformat(part["start"]), datetime.fromisoformat(part["end"])
    if "blocks" in series:
        measured, quarters = measured_by_item(series, body, start, end, zone), list[Quarter]()
    elif body.plan is not None:
        measured, quarters = _measured_by_records(rows_of(series), start, end, zone), list[Quarter]()
    else:
        known = quarters_of(series, body)
        quarters = [each for each in known if start <= each.start < end]
        is_cut = body.statistic in {Statistic.TOTAL, Statistic.PH_EXCURSIONS}
        given = [] if is_cut else known
        measured = measured_of(body, given, start, end, zone, additive=series["additive"])
    judgement = _judge(limit, body, measured, quarters)
    begun = {each.day for each in measured.within(measured.days)}
    blocks = [each for each in measured.blocks if each.day in begun]
    more = {**days_told(blocks, body), **availability_told(blocks, body)}
    return _Part(part, judgement, quarters, more)


def _measured_by_records(rows: Sequence[Row], start: datetime, end: datetime, zone: ZoneInfo) -> Measured:
    """Gives the records that begin within a part; what an earlier one reaches into is not missing, and judged with that."""
    begun = [row.end for row in rows if row.start < start < row.end]
    first = min(max([start, *begun]), end)
    return Measured(first, end, zone, [], [], [row for row in rows if start <= row.start < end])


def _judge(limit: str, body: LimitBody, measured: Measured, quarters: Sequence[Quarter]) -> Judgement:
    if body.is_set:
        return judge_set(limit, body, measured)
    if body.statistic == Statistic.PH_EXCURSIONS:
        return judge_ph(limit, body, measured, quarters)
    if body.statistic == Statistic.TOTAL:
        return judge_total(limit, body, measured, quarters)
    return judge_statistic(limit, body, measured)


def _figure(inputs: Mapping[str, Any], parts: Sequence[_Part]) -> Figure:
    result = gravest(part.judgement.status for part in parts)
    worst = min(
        (part for part in parts if part.judgement.worst), key=lambda part: margin_key(part.judgement.worst), default=None
    )
    leading = (worst or parts[0]).told()
    quarters = [each for part in parts for each in part.quarters]
    share = measured_percent(quarters) if quarters else None
    told = ("value_text", "compared", "limit", "margin_percent", "statistic", "comparator")
    details = {
        "result": result,
        "limit_id": inputs["limit"],
        "parameter": parts[0].body.parameter,
        "obligations": list(dict.fromkeys(part.inputs["obligation"]["id"] for part in parts)),
        **{name: leading[name] for name in told},
        **{
            name: sum(part.told()[name] for part in parts)
            for name in ("valid", "invalid", "required", "not_operating", "excluded")
        },
        "exceedances": _joined(inputs, [event for part in parts for event in part.judgement.events.counted]),
        "excluded_exceedances": [event for part in parts for event in part.judgement.events.excluded],
        "substituted_quarters": sum(each.substituted for each in quarters),
        "parts": [part.told() for part in parts],
    }
    return Figure(
        value=leading["value"],
        unit=leading["unit"],
        quality=_quality(leading["value"], result, parts),
        quantity=parts[0].body.parameter,
        coverage=share,
        measured=share,
        estimated=None if share is None else Decimal(0),
        flags=tuple(sorted({flag for part in parts for flag in part.inputs["series"].get("flags", ())})),
        details=details,
    )


def _joined(inputs: Mapping[str, Any], events: Sequence[Json]) -> list[Json]:
    """Joins the events of periods; inputs that were kept without those before tell what they told then."""
    if "former" not in inputs:
        return [*events]
    start, end = (datetime.fromisoformat(inputs[name]) for name in ("start", "end"))
    return joined(events, inputs["former"], start, end)


def _counts(judged: Judgement, body: LimitBody) -> dict[str, Any]:
    counts = judged.counts
    return {
        "counted": counts.of,
        "valid": counts.valid,
        "invalid": counts.invalid,
        "required": counts.required(body.required_percent),
        "complete_percent": None if counts.percent is None else round(counts.percent, 6),
        "not_operating": counts.not_operating,
        "excluded": counts.excluded,
    }


def _quality(value: Decimal | None, result: Status, parts: Sequence[_Part]) -> RecordQuality:
    if value is None:
        return RecordQuality.MISSING
    if any(each.substituted for part in parts for each in part.quarters):
        return RecordQuality.ESTIMATED
    doubtful = result is Status.INDETERMINATE or any(part.inputs["series"].get("uncertain") for part in parts)
    return RecordQuality.UNCERTAIN if doubtful else RecordQuality.GOOD
