"""One part of a period against the one revision of a limit that is in force in it: what comes of it, and which events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from ems_telemetry.records.compliance.blocks import course_of
from ems_telemetry.records.compliance.events import Events, Json, events_of, minutes, ph_event
from ems_telemetry.records.compliance.series import Quarter
from ems_telemetry.records.compliance.states import Applies, States
from ems_telemetry.records.compliance.statistics import (
    QUARTERS,
    RECORDS,
    Counts,
    Measured,
    excluded_of,
    month_of,
    statistics_of,
)
from ems_telemetry.records.registers.obligations import LimitBody
from ems_telemetry.rules.arithmetic import HUNDRED, ZERO, exactly
from ems_telemetry.rules.exceedances import Averaged
from ems_telemetry.rules.limits import Comparison, Limit, Status, compare, evaluate
from ems_telemetry.rules.ph import PhOutcome, PhProfile, PhRange, PhSpan, ph_outcome, ph_profile

_GRAVEST: Final = (Status.NON_COMPLIANT, Status.INDETERMINATE, Status.COMPLIANT, Status.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What comes of a part; `text` words a worst value below detection, `more` is what the kind has besides."""

    status: Status
    worst: Comparison | None
    counts: Counts
    events: Events
    text: str | None = None
    more: Json = field(default_factory=dict)


def gravest(statuses: Iterable[Status]) -> Status:
    """Gives the status of what has several parts: one that is not compliant tells, and one that is not known keeps it open."""
    return min(statuses, key=_GRAVEST.index, default=Status.NOT_APPLICABLE)


def limit_of(body: LimitBody, name: str | None = None) -> Limit:
    """Gives the limit that values are compared with, or that of a set by its name."""
    value = body.value if name is None else body.values[name]
    if value is None:
        raise TypeError("the form of a limit lets none without a value pass")
    rounding = body.rounding
    limit = Limit(value, body.comparator, rounding.mode, rounding.decimals, rounding.ties)
    return limit if body.factor_of_limit is None else limit.times(body.factor_of_limit)


def judge_statistic(limit_id: str, body: LimitBody, measured: Measured) -> Judgement:
    """Judges the means or daily values of a part.

    Raises:
        CannotComputeError: what was measured does not allow the statistic.
    """
    limit = limit_of(body)
    told = statistics_of(body, limit, measured)
    counted = [each.value for each in told.values if each.state is None]
    outcome = evaluate(counted, limit, told.counts.evidence(body.required_percent))
    worst = next((each.start for each in told.values if outcome.worst and each.value == outcome.worst.value), None)
    text = told.texts.get(worst) if worst is not None else None
    return Judgement(outcome.status, outcome.worst, told.counts, _events(limit_id, body, told.values, limit), text)


def judge_total(limit_id: str, body: LimitBody, measured: Measured, quarters: Sequence[Quarter]) -> Judgement:
    """Judges what a part comes to. With some of it missing nothing is known, unless what is known exceeds by itself."""
    limit = limit_of(body)
    pieces, counts = _pieces_of_rows(measured) if measured.rows is not None else _pieces_of_quarters(quarters)
    known = [each for each in pieces if each is not None]
    total = _sum(known)
    is_enough = len(known) == len(pieces) or (_only_grows(known, limit) and compare(total, limit).exceeds)
    value = total if known and is_enough else None
    outcome = evaluate([value], limit, counts.evidence(body.required_percent))
    values = [Averaged(measured.start, measured.end, value)] if measured.start < measured.end else []
    more = {"known": total if known else None}
    return Judgement(outcome.status, outcome.worst, counts, _events(limit_id, body, values, limit), more=more)


def _only_grows(known: Sequence[Decimal], limit: Limit) -> bool:
    return not limit.is_minimum and all(each >= 0 for each in known)


def _pieces_of_rows(measured: Measured) -> tuple[list[Decimal | None], Counts]:
    rows = measured.rows or []
    pieces = [None if row.result is None else row.result.value for row in rows]
    if sum((row.end - row.start for row in rows), timedelta()) < measured.end - measured.start:
        pieces.append(None)  # a record that is not there
    valid = sum(each is not None for each in pieces)
    return pieces, Counts(RECORDS, valid, len(pieces) - valid)


def _pieces_of_quarters(quarters: Sequence[Quarter]) -> tuple[list[Decimal | None], Counts]:
    valid = sum(each.is_measured for each in quarters)
    return [each.value for each in quarters], Counts(QUARTERS, valid, len(quarters) - valid)


@exactly
def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def judge_ph(limit_id: str, body: LimitBody, measured: Measured, quarters: Sequence[Quarter]) -> Judgement:
    """Judges how long pH was outside its range, month by month (CR-35)."""
    allowed, profile = PhRange(body.values["low"], body.values["high"]), ph_profile(body.ph_profile or "")
    states = States(body)
    months = groupby(quarters, key=lambda each: month_of(each.start, measured.zone))
    judged = [_judge_ph_month(limit_id, body, list(of_month), states, (allowed, profile)) for _, of_month in months]
    worst = min((each.worst for each in judged if each.worst), key=margin_key, default=None)
    counts = Counts(
        QUARTERS, sum(each.counts.valid for each in judged), sum(each.counts.invalid for each in judged),
        sum(each.counts.not_operating for each in judged), sum(each.counts.excluded for each in judged),
    )  # fmt: skip
    events = Events([event for each in judged for event in each.events.counted], [])
    more = {"months": [each.more for each in judged]}
    return Judgement(gravest(each.status for each in judged), worst, counts, events, more=more)


def margin_key(comparison: Comparison | None) -> tuple[bool, Decimal]:
    """Orders comparisons: what exceeds first, then by the margin."""
    if comparison is None:
        return True, HUNDRED
    margin = comparison.margin_percent
    return not comparison.exceeds, comparison.limit - comparison.compared if margin is None else margin


def _judge_ph_month(
    limit_id: str, body: LimitBody, quarters: Sequence[Quarter], states: States, rule: tuple[PhRange, PhProfile]
) -> Judgement:
    told = [(each, course_of(each, states).state.applies) for each in quarters]
    spans = [
        PhSpan(each.start, each.end, *((each.low, each.high) if each.is_measured and applies is Applies.YES else (None, None)))
        for each, applies in told
    ]
    due = [each for each, applies in told if applies is Applies.YES]
    valid = sum(each.is_measured and each.low is not None for each in due)
    counts = Counts(
        QUARTERS, valid, len(due) - valid, sum(applies is Applies.OFF for _, applies in told),
        sum(applies is Applies.EXCLUDED for _, applies in told),
    )  # fmt: skip
    allowed, profile = rule
    outcome = ph_outcome(spans, allowed, profile)
    beyond = outcome.too_long if outcome.total_holds else outcome.excursions
    events = Events([ph_event(limit_id, each, allowed) for each in beyond], [])
    status = outcome.status(counts.evidence(body.required_percent))
    return Judgement(status, _ph_comparison(outcome), counts, events, more=_ph_details(quarters, outcome))


@exactly
def _ph_comparison(outcome: PhOutcome) -> Comparison | None:
    """Compares the minutes outside, in all or at the longest stretch, whichever has less room."""
    if not outcome.measured:
        return None
    longest = max((each.duration for each in outcome.excursions), default=None)
    pairs = [(outcome.outside, outcome.profile.total), *([] if longest is None else [(longest, outcome.profile.each)])]
    told = []
    for outside, allowed in pairs:
        value, limit = Decimal(minutes(outside)), Decimal(minutes(allowed))
        told.append(Comparison(value, value, limit, value > limit, HUNDRED * (limit - value) / limit))
    return min(told, key=margin_key)


def _ph_details(quarters: Sequence[Quarter], outcome: PhOutcome) -> Json:
    return {
        "start": quarters[0].start,
        "end": quarters[-1].end,
        "minimum": outcome.minimum,
        "maximum": outcome.maximum,
        "measured_minutes": minutes(outcome.measured),
        "outside_minutes": minutes(outcome.outside),
        "in_range_percent": None if outcome.percent_in_range is None else round(outcome.percent_in_range, 6),
        "excursions": [
            {"start": each.start, "end": each.end, "minutes": minutes(each.duration)} for each in outcome.excursions
        ],
    }


def _events(limit_id: str, body: LimitBody, values: Sequence[Averaged], limit: Limit) -> Events:
    return events_of(limit_id, values, limit, excluded_of(values, body))
