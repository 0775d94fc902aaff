"""A part of a period against a set of criteria, as `lcp@1`: several averages together (CR-26, CR-27)."""

from collections.abc import Mapping, Sequence

from ems_telemetry.records.compliance.blocks import Judged
from ems_telemetry.records.compliance.events import Events, Json, events_of, settled
from ems_telemetry.records.compliance.judging import Judgement, limit_of, margin_key
from ems_telemetry.records.compliance.statistics import (
    BLOCKS,
    DAYS,
    Counts,
    Measured,
    averaged,
    by_month,
    counts_of,
    excluded_of,
    in_valid_days,
    month_mean,
    statistics_of_days,
)
from ems_telemetry.records.registers.obligations import LimitBody
from ems_telemetry.rules.arithmetic import HUNDRED, digits
from ems_telemetry.rules.exceedances import Averaged
from ems_telemetry.rules.limit_sets import Averaging, CriterionOutcome, LimitSet, SetOutcome, judge, limit_set
from ems_telemetry.rules.limits import Comparison, Limit, Status
from ems_telemetry.rules.validity import Standing


def judge_set(limit_id: str, body: LimitBody, measured: Measured) -> Judgement:
    """Judges the averages that a set asks for.

    Raises:
        CannotComputeError: what was measured does not allow them.
    """
    chosen = limit_set(body.statistic)
    limits = {name: limit_of(body, name) for name in chosen.limits}
    due, counts = _due(chosen, body, measured)
    values = {which: [each.value for each in known if each.state is None] for which, known in due.items()}
    outcome = judge(chosen, values, limits)
    status = outcome.status(counts.evidence(body.required_percent))
    broken = [each for clause in outcome.broken for each in clause] if status is Status.NON_COMPLIANT else []
    counted, excluded = list[Json](), list[Json]()
    for each in (each for clause in outcome.clauses for each in clause):
        of_criterion = due[each.criterion.averaging]
        states = excluded_of(of_criterion, body)
        found = events_of(limit_id, of_criterion, _effective(body, each), states, name_of(each))
        excluded += found.excluded
        counted += found.counted if each in broken else []
    return Judgement(status, _worst(outcome), counts, Events(counted, excluded), more={"criteria": _told(outcome)})


def name_of(outcome: CriterionOutcome) -> str:
    """Names a criterion: `day 1.1 elv 100 %` keeps 1.1 times the limit `elv` on all days."""
    criterion = outcome.criterion
    return f"{criterion.averaging} {digits(criterion.factor)} {criterion.limit} {digits(criterion.share_percent)} %"


def _due(chosen: LimitSet, body: LimitBody, measured: Measured) -> tuple[Mapping[Averaging, Sequence[Averaged]], Counts]:
    """Gives the averages that were due, None where one is not valid, and the counts that completeness rests on."""
    if chosen.averagings == (Averaging.SAMPLE,):
        told = statistics_of_days(body, limit_of(body, chosen.limits[-1]), measured)
        return {Averaging.SAMPLE: told.values}, told.counts
    blocks, days = measured.within(measured.blocks), measured.within(measured.days)
    months = by_month(in_valid_days(body, measured), measured.zone)
    made = {
        Averaging.HOUR: _operated(blocks),
        Averaging.HALF_HOUR: _operated(blocks),
        Averaging.DAY: _operated(days),
        Averaging.MONTH: [
            Averaged(known[0].start, known[-1].end, month_mean(known, body)) for known in months if _operated(known)
        ],
    }
    return {which: made[which] for which in chosen.averagings}, counts_of(BLOCKS if blocks else DAYS, blocks or days)


def _operated(stretches: Sequence[Judged]) -> list[Averaged]:
    return [averaged(each) for each in stretches if each.standing is not Standing.NOT_OPERATING]


def _effective(body: LimitBody, outcome: CriterionOutcome) -> Limit:
    return limit_of(body, outcome.criterion.limit).times(outcome.criterion.factor)


def _worst(outcome: SetOutcome) -> Comparison | None:
    """Gives the value with the least room: of what is broken, else of what all must keep, else of anything."""
    everything = [each for clause in outcome.clauses for each in clause]
    broken = [each for clause in outcome.broken for each in clause]
    kept = [each for each in everything if each.criterion.share_percent == HUNDRED and each.holds]
    for among in (broken, kept, everything):
        known = [each.worst for each in among if each.worst is not None]
        if known:
            return min(known, key=margin_key)
    return None


def _told(outcome: SetOutcome) -> list[list[Json]]:
    return [
        [
            {
                "criterion": name_of(each),
                "valid": each.valid,
                "keeping": each.keeping,
                "missing": each.missing,
                "percent": settled(each.percent),
                "holds": each.holds,
                "worst": None if each.worst is None else settled(each.worst.value),
                "limit": None if each.worst is None else each.worst.limit,
            }
            for each in clause
        ]
        for clause in outcome.clauses
    ]
