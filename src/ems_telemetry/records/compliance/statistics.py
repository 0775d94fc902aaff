"""The statistics of a period that a limit is compared with, each with how many are valid of how many that were due."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from itertools import groupby
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.compliance.blocks import Judged, blocks_of, days_of_blocks, days_of_totals, told_blocks
from ems_telemetry.records.compliance.series import Quarter, Row
from ems_telemetry.records.compliance.states import Applies
from ems_telemetry.records.registers.obligations import LimitBody, Statistic
from ems_telemetry.rules.arithmetic import HUNDRED, exactly, mean, percent_of
from ems_telemetry.rules.averages import HoursOfDay, rolling_mean
from ems_telemetry.rules.discharge import MonthlyMean, NonDetects, Reporting, Result, average_of
from ems_telemetry.rules.exceedances import Averaged
from ems_telemetry.rules.limits import Evidence, Limit, compare
from ems_telemetry.rules.profiles import RollingProfile
from ems_telemetry.rules.validity import Standing

BLOCKS, DAYS, QUARTERS, MONTHS, RECORDS = "blocks", "days", "quarters", "months", "records"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many hours, days or records are valid, not valid, without operation, or such that the limit does not apply."""

    of: str
    valid: int
    invalid: int
    not_operating: int = 0
    excluded: int = 0

    @property
    def percent(self) -> Decimal | None:
        """Gives the share of those due that are valid; None where none was due."""
        due = self.valid + self.invalid
        return percent_of(self.valid, due) if due else None

    @exactly
    def required(self, percent: Decimal) -> int:
        """Tells how many must be valid."""
        return int((percent * (self.valid + self.invalid) / HUNDRED).to_integral_value(ROUND_CEILING))

    def evidence(self, required_percent: Decimal) -> Evidence:
        """Gives what the status rests on (CR-30)."""
        return Evidence(self.percent, required_percent, operated=self.valid + self.invalid > 0)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is compared with the limit: None where it is not valid; `text` says in words what a number cannot, as `<2`."""

    values: Sequence[Averaged]
    counts: Counts
    texts: Mapping[datetime, str] = field(default_factory=dict)


class Measured(NamedTuple):
    """What was measured of a part of a period `[start, end)`: hours or half-hours, and days.

    Both reach back before it where a statistic does; `rows` are records in their place.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    blocks: Sequence[Judged]
    days: Sequence[Judged]
    rows: Sequence[Row] | None

    def within(self, stretches: Sequence[Judged]) -> list[Judged]:
        """Leaves those that begin within the part."""
        return [each for each in stretches if self.start <= each.start < self.end]


def measured_of(
    body: LimitBody, quarters: Sequence[Quarter], start: datetime, end: datetime, zone: ZoneInfo, *, additive: bool
) -> Measured:
    """Brings quarters into hours or half-hours and days."""
    if additive:
        return Measured(start, end, zone, [], days_of_totals(quarters, body, zone), None)
    blocks = blocks_of(quarters, body, zone)
    return Measured(start, end, zone, blocks, days_of_blocks(blocks, body), None)


def measured_by_item(series: Mapping[str, Any], body: LimitBody, start: datetime, end: datetime, zone: ZoneInfo) -> Measured:
    """Takes the hours or half-hours that an item of the plan made, and days of them."""
    judged = {date.fromisoformat(day): Standing(standing) for day, standing in series["judged_days"]}
    blocks = told_blocks(series, body)
    return Measured(start, end, zone, blocks, days_of_blocks(blocks, body, judged), None)


def excluded_of(values: Sequence[Averaged], body: LimitBody) -> frozenset[str]:
    """Names the states in which the limit does not apply, by itself or by what made the values."""
    return frozenset({*body.exclude_states, *(each.state for each in values if each.state is not None)})


def statistics_of(body: LimitBody, limit: Limit, measured: Measured) -> Statistics:
    """Gives the statistics that a limit names; sets of criteria, pH and totals have a way of their own.

    Raises:
        CannotComputeError: what was measured does not allow them.
    """
    statistic = Statistic(body.statistic)
    if measured.rows is not None and statistic not in _OF_RECORDS:
        raise CannotComputeError(
            f"{statistic} cannot be told from records; choose {', '.join(_OF_RECORDS)}, or let the limit name a point"
        )
    return _MAKERS[statistic](body, limit, measured)


def _of_blocks(_body: LimitBody, _limit: Limit, measured: Measured) -> Statistics:
    blocks = measured.within(measured.blocks)
    return Statistics([averaged(each) for each in blocks], counts_of(BLOCKS, blocks))


def statistics_of_days(body: LimitBody, limit: Limit, measured: Measured) -> Statistics:
    """Gives one value a day: its mean or total, or that of its record."""
    if measured.rows is not None:
        return _of_daily_records(body, limit, measured)
    days = measured.within(measured.days)
    return Statistics([averaged(each) for each in days], counts_of(DAYS, days))


def _of_months(body: LimitBody, limit: Limit, measured: Measured) -> Statistics:
    """Gives the mean of all valid hours of each month; where days are judged, of those of valid days."""
    if measured.rows is not None:
        return _of_records(MONTHS, measured.rows, limit)
    blocks = in_valid_days(body, measured)
    values = [Averaged(known[0].start, known[-1].end, month_mean(known, body)) for known in by_month(blocks, measured.zone)]
    return Statistics(values, counts_of(BLOCKS, blocks))


def in_valid_days(body: LimitBody, measured: Measured) -> list[Judged]:
    """Gives the blocks of a part; where days are judged, those of a day that is not valid are not valid either."""
    blocks = measured.within(measured.blocks)
    if body.day_validity is None:
        return blocks
    bad = {each.day for each in measured.days if each.standing is Standing.INVALID}
    return [
        each._replace(standing=Standing.INVALID, value=None)
        if each.day in bad and each.standing is Standing.VALID and each.counts
        else each
        for each in blocks
    ]


def month_mean(blocks: Sequence[Judged], body: LimitBody) -> Decimal | None:
    """Gives the mean of the valid blocks in which the limit applies; None where too few are valid."""
    values = [each.value for each in blocks if each.counts and each.value is not None]
    percent = counts_of(BLOCKS, blocks).percent
    return mean(values) if values and percent is not None and percent >= body.required_percent else None


def _rolling(body: LimitBody, _limit: Limit, measured: Measured) -> Statistics:
    """Gives at the end of each operating day the mean of all valid hours of the last operating days (CR-21)."""
    days = [(day, list(of_day)) for day, of_day in groupby(measured.blocks, key=lambda each: each.day)]
    hours = [_hours_of(day, known) for day, known in days]
    profile = RollingProfile(id="rolling_days", source="the limit", days=body.rolling_days or 1)
    values = []
    for place, (_, known) in enumerate(days):
        if not measured.start <= known[0].start < measured.end or not hours[place].operated:
            continue
        latest = [each for each in hours[: place + 1] if each.operated][-profile.days :]
        value = rolling_mean(latest, profile).value if any(each.valid for each in latest) else None
        values.append(Averaged(known[0].start, known[-1].end, value))
    return Statistics(values, counts_of(BLOCKS, measured.within(measured.blocks)))


def _hours_of(day: date, blocks: Sequence[Judged]) -> HoursOfDay:
    counted = [each for each in blocks if each.counts and each.standing is not Standing.NOT_OPERATING]
    return HoursOfDay(day, bool(counted), [each.value for each in counted if each.value is not None])


def _monthly_average(body: LimitBody, limit: Limit, measured: Measured) -> Statistics:
    """Averages the daily values of each month as permits of discharges ask (CR-32, CR-33)."""
    if measured.rows is not None:
        given = [(each.start, each.end, each.result) for each in measured.rows]
        valid = sum(each.result is not None for each in measured.rows)
        counts = Counts(DAYS, valid, max(_days_due(measured), len(measured.rows)) - valid)
    else:
        days = measured.within(measured.days)
        given = [(each.start, each.end, None if each.value is None else Result(each.value)) for each in days if each.counts]
        counts = counts_of(DAYS, days)
    values, texts = [], {}
    for _, of_month in groupby(given, key=lambda each: month_of(each[0], measured.zone)):
        known = list(of_month)
        results = [each[2] for each in known if each[2] is not None]
        value, text = _average(results, body, limit) if results else (None, None)
        values.append(Averaged(known[0][0], known[-1][1], value))
        if text is not None:
            texts[known[0][0]] = text
    return Statistics(values, counts, texts)


def _average(results: Sequence[Result], body: LimitBody, limit: Limit) -> tuple[Decimal | None, str | None]:
    if body.nd_policy is None and not all(each.is_detected for each in results):
        raise CannotComputeError("a result is below detection; say with `nd_policy` of the limit what stands for it")
    kind = MonthlyMean.GEOMETRIC if body.statistic == Statistic.GEOMETRIC_MEAN else MonthlyMean.ARITHMETIC
    told = average_of(results, Reporting(body.nd_policy or NonDetects.ZERO, kind, body.zero_as))
    if told.below is not None:
        return _if_kept(told.below, limit), told.text
    return told.value, None


def _of_daily_records(_body: LimitBody, limit: Limit, measured: Measured) -> Statistics:
    rows = measured.rows or []
    told = _of_records(DAYS, rows, limit)
    missing = max(0, _days_due(measured) - len(rows))
    return replace(told, counts=Counts(DAYS, told.counts.valid, told.counts.invalid + missing))


def _of_records(of: str, rows: Sequence[Row], limit: Limit) -> Statistics:
    values, texts = [], {}
    for row in rows:
        value = None if row.result is None else row.result.value
        if row.result is not None and not row.result.is_detected:
            below = row.result.lod if row.result.lod is not None else row.result.value
            value = None if below is None else _if_kept(below, limit)
            texts[row.start] = f"<{below}"
        values.append(Averaged(row.start, row.end, value))
    valid = sum(each.value is not None for each in values)
    return Statistics(values, Counts(of, valid, len(rows) - valid), texts)


def _if_kept(below: Decimal, limit: Limit) -> Decimal | None:
    """Gives a detection limit for what lies below it; None where that is beyond the limit: nothing can be told then."""
    return None if compare(below, limit).exceeds else below


def _days_due(measured: Measured) -> int:
    first, last = (moment.astimezone(measured.zone).date() for moment in (measured.start, measured.end))
    return (last - first).days


def counts_of(of: str, stretches: Sequence[Judged]) -> Counts:
    """Counts what became of hours, half-hours or days."""
    counted = [each for each in stretches if each.counts]
    return Counts(
        of,
        sum(each.standing is Standing.VALID for each in counted),
        sum(each.standing is Standing.INVALID for each in counted),
        sum(each.state.applies is Applies.OFF or each.standing is Standing.NOT_OPERATING for each in stretches),
        sum(each.state.applies is Applies.EXCLUDED and each.standing is not Standing.NOT_OPERATING for each in stretches),
    )


def by_month(stretches: Sequence[Judged], zone: ZoneInfo) -> list[list[Judged]]:
    """Groups what is in order of time by the months of a place."""
    return [list(of_month) for _, of_month in groupby(stretches, key=lambda each: month_of(each.start, zone))]


def averaged(stretch: Judged) -> Averaged:
    """Gives an hour, half-hour or day as limits are compared with it; one that is not in operation has no value."""
    applies = stretch.state.applies
    return Averaged(
        stretch.start, stretch.end, None if applies is Applies.OFF else stretch.value,
        stretch.state.name if applies is Applies.EXCLUDED else None,
    )  # fmt: skip


def month_of(moment: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Tells the year and month of a moment by the clock of a place."""
    local = moment.astimezone(zone)
    return local.year, local.month


_Maker = Callable[[LimitBody, Limit, Measured], Statistics]
_MAKERS: Final[Mapping[Statistic, _Maker]] = {
    Statistic.HOURLY_MEAN: _of_blocks,
    Statistic.HALF_HOUR_MEAN: _of_blocks,
    Statistic.DAILY_MEAN: statistics_of_days,
    Statistic.DAILY_MAX: statistics_of_days,
    Statistic.MONTHLY_MEAN: _of_months,
    Statistic.MONTHLY_AVG: _monthly_average,
    Statistic.GEOMETRIC_MEAN: _monthly_average,
    Statistic.ROLLING_MEAN: _rolling,
}
_OF_RECORDS: Final = (
    Statistic.DAILY_MEAN, Statistic.DAILY_MAX, Statistic.MONTHLY_MEAN, Statistic.MONTHLY_AVG, Statistic.GEOMETRIC_MEAN,
    Statistic.TOTAL,
)  # fmt: skip
