"""What is told of the days of an evaluation beside its result: how many are valid, and how available the instrument was."""

from collections.abc import Sequence
from itertools import groupby

from ems_telemetry.records.compliance.blocks import Judged, told_of
from ems_telemetry.records.compliance.events import Json, settled
from ems_telemetry.records.registers.limit_profiles import availability_profile, day_profile
from ems_telemetry.records.registers.obligations import LimitBody
from ems_telemetry.rules.availability import judge_day_availability, judge_quarter_availability
from ems_telemetry.rules.days import count_days, judge_day
from ems_telemetry.rules.profiles import DayProfile
from ems_telemetry.rules.validity import Standing

QUARTER_MONTHS = 3


def days_told(blocks: Sequence[Judged], body: LimitBody) -> Json:
    """Counts the days of a calendar year that are not valid, and names the one that was one too many (CR-15)."""
    profile = day_profile(body.day_validity)
    if not isinstance(profile, DayProfile) or not blocks or blocks[0].day.year != blocks[-1].day.year:
        return {}
    known = [(day, list(of_day)) for day, of_day in groupby(blocks, key=lambda each: each.day)]
    count = count_days([judge_day(day, told_of(of_day), len(of_day), profile) for day, of_day in known], profile)
    return {"valid_days": count.valid, "invalid_days": count.invalid, "notify_on": count.notify_on}


def availability_told(blocks: Sequence[Judged], body: LimitBody) -> Json:
    """Tells by calendar quarter on how many operating days the instrument was available (CR-19)."""
    profile = availability_profile(body.availability)
    if profile is None:
        return {}
    quarters = []
    for _, of_quarter in groupby(blocks, key=lambda each: (each.day.year, (each.day.month - 1) // QUARTER_MONTHS)):
        days = [(day, told_of(list(of_day))) for day, of_day in groupby(of_quarter, key=lambda each: each.day)]
        judged = judge_quarter_availability(
            [
                judge_day_availability(day, told.count(Standing.VALID), len(told) - told.count(Standing.NOT_OPERATING), profile)
                for day, told in days
            ],
            profile,
        )
        quarters.append(
            {
                "from": days[0][0],
                "to": days[-1][0],
                "operating_days": judged.operating_days,
                "days_met": judged.days_met,
                "percent": settled(judged.percent),
                "meets": judged.meets,
            }
        )
    return {"availability": quarters}
