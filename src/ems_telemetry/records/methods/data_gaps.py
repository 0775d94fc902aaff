"""What is missing of a point in a period, why, what was done about it and by whom, and what it comes to (R13)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from pydantic import BaseModel

from ems_telemetry.config.quantities import Law
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.model import Kind
from ems_telemetry.records.averages.filling import PRESCRIBED
from ems_telemetry.records.details import settled
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Adjustment, Part, adjust
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.inputs.stretches import (
    Row,
    amounts_of,
    estimated_of,
    measured_of,
    stretches_of,
    substituted_of,
    sum_over,
)
from ems_telemetry.records.inputs.totals import ADDITIVE, adjustment_inputs, adjustments_of, gather_layers
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.register import Word
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly, percent_of, settle
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.gaps import KnownGap

UNEXPLAINED: Final = "unexplained_gap"
"""Neither the ledger nor an entry tells why something is missing."""
_QUARTERS_PER_HOUR: Final = 4
Json = dict[str, Any]


class DataGapsParams(Params):
    """What it needs to know."""

    point: Word


class DataGaps:
    """Lists the gaps of a period with cause and action, and adds up the layers."""

    name = "data_gaps"
    version = 1
    record = RecordType.DATA_GAPS
    formula = (
        "A gap is a run of quarters of an hour that were not measured as a whole. Value = the hours that were not measured. "
        "expected = measured + substituted + missing; what was spread over a gap is missing, and in the amount. Complete is "
        "what was measured or substituted; substitution never raises availability (CR-20). Substitutes by rule: MRR Art. 45 "
        "(CR-16), 40 CFR 75.33 (CR-17), 40 CFR 98.35 (CR-18)."
    )
    params: type[BaseModel] = DataGapsParams

    async def gather(self, sources: Sources, asked: Asked) -> Json:
        """Reads the quarters with the entries over them, brought together where they are alike, and the ledger of gaps."""
        point = await sources.point(params_of(DataGapsParams, asked).point)
        if point.kind == Kind.EVENT:
            raise CannotComputeError(f"{point.key} is a point of events, which are never due; it has no gaps")
        layers = await gather_layers(sources, point, asked.start, asked.end)
        adjustments = adjustments_of(adjustment_inputs(layer, row) for layer, row in layers)
        quarters = await sources.children(point, Period.QUARTER, asked.start, asked.end)
        known_from = asked.start if point.first is None else max(asked.start, point.first)
        until = asked.end if point.active or point.computed_to is None else min(asked.end, point.computed_to)
        due = [quarter for quarter in quarters if quarter.end > known_from and quarter.start < until]
        parts = adjust(due, adjustments, additive=point.kind in ADDITIVE)
        return {
            "point": point.key,
            "unit": point.unit,
            "additive": point.kind in ADDITIVE,
            "stretches": _stretches(parts, adjustments, by_range=point.law == Law.RANGE),
            "entries": [_entry(layer, row) for layer, row in layers],
            "ledger": [_ledger(gap, asked) for gap in await sources.gaps(point, asked.start, asked.end)],
        }

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Finds the gaps and adds up."""
        rows = inputs["stretches"]
        expected = Decimal(sum(row["quarters"] for row in rows))
        if not expected:
            raise CannotComputeError(f"nothing was expected of {inputs['point']} in this period")
        measured, substituted = sum_over(rows, measured_of), sum_over(rows, substituted_of)
        estimated, missing = sum_over(rows, estimated_of), expected - measured - substituted
        gaps = [_gap(run, inputs) for run in runs_of(rows)]
        available = settle(percent_of(measured, expected))
        hours = {"expected": expected, "measured": measured, "substituted": substituted, "missing": missing}
        return Figure(
            value=_hours(expected - measured),
            unit="h",
            quality=RecordQuality.GOOD,
            quantity="data_gaps",
            coverage=available,
            measured=available,
            estimated=settle(percent_of(estimated, expected)),
            flags=_flags(gaps),
            details={
                "point": inputs["point"],
                **{f"{name}_h": _hours(each) for name, each in hours.items()},
                "estimated_h": _hours(estimated),
                "measured_percent": available,
                "substituted_percent": settle(percent_of(substituted, expected)),
                "missing_percent": settle(HUNDRED - percent_of(measured + substituted, expected)),
                "complete_percent": settle(percent_of(measured + substituted, expected)),
                "availability_percent": available,
                **settled(amounts_of(rows, inputs["unit"] if inputs["additive"] else None)),
                "gaps": gaps,
                "filled": [each for each in inputs["ledger"] if not any(_meets(each, gap) for gap in gaps)],
            },
        )


def _stretches(parts: Sequence[Part], adjustments: Sequence[Adjustment], *, by_range: bool) -> list[Json]:
    """Brings quarters that are alike together, each with the place of the entry that its value is from."""
    by_entry = groupby(parts, key=lambda part: _entry_of(part, adjustments))
    return [
        {**stretch._asdict(), "entry": entry}
        for entry, run in by_entry
        for stretch in stretches_of(list(run), by_range=by_range)
    ]


def _entry_of(part: Part, adjustments: Sequence[Adjustment]) -> int | None:
    """Finds the entry that a quarter has its value from: of a layer, the one recorded last."""
    if part.layer is None:
        return None
    start, end = part.child.start, part.child.end
    covering = [
        place for place, each in enumerate(adjustments) if each.layer == part.layer and each.start <= start and end <= each.end
    ]
    return covering[-1]


def _entry(layer: str, row: EntryRow) -> Json:
    body = row.body
    words = {name: body.get(name) for name in ("from", "to", "value", "method", "class", "cause", "action", "conservative")}
    return {
        "layer": layer, "id": row.id, "revision": row.revision, **words, "inputs": body.get("inputs", []), "reason": row.reason,
        "stated_by": row.author, "stated_at": row.recorded_at, "decided_by": list(row.decided_by),
    }  # fmt: skip


def _ledger(gap: KnownGap, asked: Asked) -> Json:
    """Writes a gap of the ledger, cut to the period: how far it goes on after it changes nothing of the period."""
    return {
        "id": gap.id, "cause": gap.cause, "of": gap.point or f"connector {gap.connector}",
        "start": max(gap.start, asked.start), "end": min(gap.end, asked.end), "goes_on": gap.end > asked.end,
    }  # fmt: skip


def runs_of(rows: Sequence[Row]) -> list[list[Row]]:
    """Gives the runs of adjacent stretches that were not measured as a whole."""
    runs: list[list[Row]] = []
    for row in rows:
        if measured_of(row) == 1:
            continue
        if runs and runs[-1][-1]["end"] == row["start"]:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _gap(run: Sequence[Row], inputs: Mapping[str, Any]) -> Json:
    start, end = run[0]["start"], run[-1]["end"]
    ledger = [each for each in inputs["ledger"] if _meets(each, {"start": start, "end": end})]
    used = {row["entry"] for row in run if row["entry"] is not None}
    actions = [_action(inputs["entries"][place], place, run, inputs) for place in sorted(used)]
    whole = Decimal(sum(row["quarters"] for row in run))
    measured, substituted = sum_over(run, measured_of), sum_over(run, substituted_of)
    causes = [each["cause"] for each in ledger] + [each["cause"] for each in actions if each["cause"] is not None]
    return {
        "start": start,
        "end": end,
        "hours": _hours(whole - measured),
        "substituted_h": _hours(substituted),
        "missing_h": _hours(whole - measured - substituted),
        "estimated_h": _hours(sum_over(run, estimated_of)),
        "causes": list(dict.fromkeys(causes)),
        "ledger": ledger,
        "actions": actions,
    }


def _action(entry: Mapping[str, Any], place: int, run: Iterable[Row], inputs: Mapping[str, Any]) -> Json:
    """Tells what was put into a gap, by which rule and by whom: `amount` is the part of it that lies in the gap."""
    mine = [row for row in run if row["entry"] == place]
    amounts = [decimal_of(row["amount"]) for row in mine]
    known = [amount for amount in amounts if amount is not None]
    prescribed = PRESCRIBED.get(entry["method"] or "")
    said = entry["conservative"]
    return {
        "kind": "substitution" if entry["layer"] == SUBSTITUTED else "correction",
        **{name: entry[name] for name in ("id", "revision", "from", "to")},
        "value": decimal_of(entry["value"]),
        "hours": _hours(Decimal(sum(row["quarters"] for row in mine))),
        "amount": settle(sum(known, ZERO)) if inputs["additive"] and known else None,
        **{name: entry[name] for name in ("method", "cause", "action", "inputs", "reason")},
        "class": entry["class"],
        "rule": None if prescribed is None else prescribed.rule,
        "rule_source": None if prescribed is None else prescribed.source,
        "flag": entry["layer"] if prescribed is None else prescribed.flag,
        "conservative": prescribed.conservative if said is None and prescribed is not None else said,
        **{name: entry[name] for name in ("stated_by", "stated_at", "decided_by")},
    }


def _meets(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    start, end = _time(other["start"]), _time(other["end"])
    return _time(one["start"]) < end and _time(one["end"]) > start


def _time(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def _hours(quarters: Decimal) -> Decimal:
    return settle(quarters / _QUARTERS_PER_HOUR)


def _flags(gaps: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    told = {action["flag"] for gap in gaps for action in gap["actions"]}
    told |= {SUBSTITUTED if action["kind"] == "substitution" else CORRECTED for gap in gaps for action in gap["actions"]}
    told |= {name for name in ("missing", "estimated") if any(gap[f"{name}_h"] for gap in gaps)}
    told |= {UNEXPLAINED} if any(not gap["causes"] for gap in gaps) else set()
    return tuple(sorted(told))
