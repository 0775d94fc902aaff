"""The days of a record judged by their blocks, and the invalid ones counted from the beginning of the year."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.averages.normalising import EmissionBlock
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordStatus
from ems_telemetry.records.method import Asked
from ems_telemetry.rules.days import Day, count_days, judge_day
from ems_telemetry.rules.profiles import DayProfile
from ems_telemetry.rules.validity import Standing
from ems_telemetry.storage.records import RecordFilter, RecordRow


async def records_before(sources: Sources, asked: Asked, since: datetime) -> list[RecordRow]:
    """Reads what the same item of the plan said since a time before the period; void records are left out."""
    if since >= asked.start:
        return []
    rows = await sources.records(RecordFilter(plan=asked.item.id, since=since, until=asked.start))
    return [row for row in rows if row.status != RecordStatus.VOIDED]


async def days_before(sources: Sources, asked: Asked) -> list[list[Any]]:
    """Reads how the days of the year before a month were judged; of a day's record nothing, for it tells of itself alone."""
    if asked.item.period is not Period.MONTH:
        return []
    local = asked.start.astimezone(asked.zone)
    year = datetime(local.year, 1, 1, tzinfo=asked.zone)
    rows = await records_before(sources, asked, year)
    return [[each["day"], each["standing"]] for row in rows for each in row.envelope["details"].get("days", ())]


def judged_days(blocks: Iterable[EmissionBlock], profile: DayProfile) -> list[Day]:
    """Judges each day by its blocks."""
    days = []
    for day, of_day in groupby(blocks, key=lambda block: block.day):
        standings = [block.day_standing() for block in of_day]
        days.append(judge_day(day, standings, len(standings), profile))
    return days


def counted(days: Sequence[Day], before: Iterable[Sequence[str]], profile: DayProfile) -> dict[str, Any]:
    """Counts the days of a record, and the invalid ones of the year so far.

    Args:
        days: of the record.
        before: days of the year before them, as `days_before` gives them.
        profile: by which they were judged.
    """
    earlier = [Day(date.fromisoformat(day), Standing(standing), 0, 0, profile.id, "") for day, standing in before]
    own, year = count_days(days, profile), count_days([*earlier, *days], profile)
    return {
        "day_profile": profile.id,
        "valid_days": own.valid,
        "invalid_days": own.invalid,
        "not_operating_days": own.not_operating,
        "counted_from": min(day.day for day in [*earlier, *days]),
        "invalid_days_of_year": year.invalid,
        "notify_on": year.notify_on if any(day.day == year.notify_on for day in days) else None,
        "days_reason": year.reason,
        "days": [_told(day) for day in days],
    }


def _told(day: Day) -> Mapping[str, Any]:
    return {"day": day.day, "standing": day.standing, "valid": day.valid, "lost": day.lost, "reason": day.reason}
