"""How far a reading has a bearing on intervals: which must be computed anew once it came, and no more."""

import numpy as np

from ems_telemetry.intervals.judging import MOST_LEFT_OUT
from ems_telemetry.intervals.law import PointLaw, Slope
from ems_telemetry.intervals.series import NEIGHBOURS, Int64s
from ems_telemetry.model import Kind


def reach_of(usable_us: Int64s, since_us: int, until_us: int, law: PointLaw) -> tuple[int, int | None]:
    """Tells from when to when intervals can change because of readings that came with times in [since, until).

    A counter's register between two readings follows from both, and whether a reading counts from those behind it too.

    Args:
        usable_us: when the point's usable readings are, rising, those that came included: `NEIGHBOURS` to both sides of the
            stretch, where there are so many.
        since_us: the earliest time of a reading that came.
        until_us: the latest, and one more.
        law: what is configured of the point.

    Returns:
        The time from which on intervals can change, and the time up to which they can; None for up to now.
    """
    before, behind = int(np.searchsorted(usable_us, since_us)), int(np.searchsorted(usable_us, until_us))
    if law.kind in {Kind.INTERVAL_TOTAL, Kind.EVENT}:
        return since_us, until_us
    if law.kind is Kind.COUNTER:
        back, forth = MOST_LEFT_OUT + 2, NEIGHBOURS
    else:
        back, forth = (1 if law.slope is Slope.SLOPED else 0), 1
    first_us = int(usable_us[max(before - back, 0)]) if len(usable_us) and back else since_us
    last = behind + forth - 1
    return min(first_us, since_us), int(usable_us[last]) if last < len(usable_us) else None
