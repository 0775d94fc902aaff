"""What stands in for a value that is missing, by the method a regime prescribes, and all that an auditor needs to follow it.

A substitute never replaces a measured value and never counts as one: it is a layer of its own, told by its flag.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import HUNDRED, digits, exactly, mean, nearest_rank, sample_deviation, settle
from ems_telemetry.rules.given import Point, aware, finite
from ems_telemetry.rules.profiles import DeviationProfile, LadderProfile, NeighbourProfile, Rung

_SHOWN: Final = Context(prec=12)
_LEAST_FOR_DEVIATION: Final = 2
_BY_PLAN: Final = "Estimate as the monitoring plan has it"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Substitute:
    """A value that stands in, in the unit of those it was made from; by which profile, its flag, and what it was made from."""

    value: Decimal
    method: str
    flag: str
    inputs: tuple[str, ...]


class Outage(NamedTuple):
    """Days in a row without the instrument; `notify_on` is the one that was one too many, None if there is none."""

    first: date
    last: date
    notify_on: date | None


class Gap(NamedTuple):
    """Hours in a row that are missing, and what is known around them.

    Attributes:
        hours: how many are missing.
        before: the valid hour before them, None if there is none.
        after: the valid hour after them, None while there is none.
        latest: the valid hours before them in order of time, as many as the profile's `latest_h` or all there are so far.
        availability_percent: of the monitor at the end of the gap.
        maximum_potential: the greatest value there can be, as the monitoring plan has it.
    """

    hours: int
    before: Decimal | None
    after: Decimal | None
    latest: Sequence[Decimal]
    availability_percent: Decimal
    maximum_potential: Decimal | None = None


@exactly
def substitute_by_deviation(valid: Sequence[Decimal], profile: DeviationProfile) -> Substitute:
    """Substitutes a missing hour by the mean of the valid ones and some standard deviations (n - 1) of them.

    Args:
        valid: the valid hours of the whole reporting period.
        profile: how many deviations.

    Raises:
        CannotComputeError: fewer than two hours are valid, or one is no number.
    """
    if len(valid) < _LEAST_FOR_DEVIATION:
        raise CannotComputeError(
            f"valid hours in the reporting period: {len(valid)}; a standard deviation needs {_LEAST_FOR_DEVIATION}. {_BY_PLAN}"
        )
    values = [finite(value, "a valid hour") for value in valid]
    middle, spread = mean(values), sample_deviation(values)
    inputs = (
        f"{len(values)} valid hours of the reporting period",
        f"mean {_shown(middle)}",
        f"standard deviation (n - 1) {_shown(spread)}",
        f"mean + {profile.deviations} standard deviations",
    )
    return _substitute(middle + profile.deviations * spread, profile, inputs)


def outages(days: Iterable[date], profile: DeviationProfile) -> tuple[Outage, ...]:
    """Finds the days in a row without the instrument, and where somebody is to be told.

    Args:
        days: those on which it was out, in any order.
        profile: how many in a row may be.
    """
    runs: list[list[date]] = []
    for day in sorted(set(days)):
        if runs and day - runs[-1][-1] == _DAY:
            runs[-1].append(day)
        else:
            runs.append([day])
    most = profile.most_days_out
    return tuple(Outage(run[0], run[-1], run[most] if len(run) > most else None) for run in runs)


@exactly
def substitute_by_ladder(gap: Gap, profile: LadderProfile) -> Substitute:
    """Substitutes each hour of a gap by the rung of the monitor's availability; below all of them, by the maximum potential.

    Raises:
        CannotComputeError: the rung needs what is not there, such as the hour after a gap that still lasts.
    """
    if gap.hours < 1:
        raise CannotComputeError(f"a gap of {gap.hours} h: one has an hour or more")
    if not 0 <= finite(gap.availability_percent, "the availability") <= HUNDRED:
        raise CannotComputeError(f"an availability of {gap.availability_percent} %: it is 0 to 100 %")
    available = f"availability {_shown(gap.availability_percent)} %"
    rung = next((each for each in profile.rungs if gap.availability_percent >= each.least_percent), None)
    if rung is None:
        below = f"{available}, below {profile.rungs[-1].least_percent} %"
        if gap.maximum_potential is None:
            raise CannotComputeError(
                f"{below}: {profile.id} needs the maximum potential; give it as the monitoring plan has it"
            )
        potential = finite(gap.maximum_potential, "the maximum potential")
        return _substitute(potential, profile, (below, f"maximum potential {_shown(potential)}"))
    head = (f"{available}, at least {rung.least_percent} %", f"a gap of {gap.hours} h")
    if gap.hours <= rung.mean_up_to_h:
        value, words = _between(gap)
        return _substitute(value, profile, (*head, f"not more than {rung.mean_up_to_h} h", words))
    value, inputs = _from_latest(gap, rung, profile)
    return _substitute(value, profile, (*head, *inputs))


def substitute_by_neighbours(at: datetime, measured: Iterable[Point], profile: NeighbourProfile) -> Substitute:
    """Substitutes a missing property of a fuel by the mean of the values before and after, or by the one there is.

    Args:
        at: when it is missing.
        measured: the valid values, in any order.
        profile: the method's name.

    Raises:
        CannotComputeError: there is no valid value, there is one of that very time, or a time has no zone.
    """
    moment = aware(at, "the time").astimezone(UTC)
    points = [
        Point(aware(point.at, "the value of").astimezone(UTC), finite(point.value, "a measured value")) for point in measured
    ]
    if any(point.at == moment for point in points):
        raise CannotComputeError(f"a value was measured at {moment.isoformat()}; nothing is to be substituted")
    before = max((point for point in points if point.at < moment), key=lambda point: point.at, default=None)
    after = min((point for point in points if point.at > moment), key=lambda point: point.at, default=None)
    found = [(name, point) for name, point in (("before", before), ("after", after)) if point is not None]
    if not found:
        raise CannotComputeError(
            f"no value is known before or after {moment.isoformat()}; give the result of one sample or more"
        )
    inputs = [f"the value {name}, {_shown(point.value)} of {point.at.isoformat()}" for name, point in found]
    both = before is not None and after is not None
    inputs.append("mean of both" if both else "none is known after" if before else "none is known before")
    return _substitute(mean([point.value for _, point in found]), profile, tuple(inputs))


def _from_latest(gap: Gap, rung: Rung, profile: LadderProfile) -> tuple[Decimal, tuple[str, ...]]:
    latest = [finite(value, "a valid hour") for value in gap.latest[-profile.latest_h :]]
    if not latest:
        raise CannotComputeError(
            f"there is no valid hour before the gap, of which {profile.id} takes the latest; estimate by hand"
        )
    ranked = nearest_rank(latest, Decimal(rung.percentile))
    what = "maximum" if rung.percentile == HUNDRED else f"{rung.percentile}th percentile by nearest rank"
    inputs = [f"{what} of the latest {len(latest)} valid hours: {_shown(ranked)}"]
    if rung.mean_up_to_h:
        inputs.insert(0, f"more than {rung.mean_up_to_h} h")
    if len(latest) < profile.latest_h:
        inputs.append(f"there are not yet {profile.latest_h}")
    if not rung.at_least_mean:
        return ranked, tuple(inputs)
    middle, words = _between(gap)
    return max(ranked, middle), (*inputs, words, "the greater of both")


def _between(gap: Gap) -> tuple[Decimal, str]:
    if gap.before is None:
        raise CannotComputeError(f"there is no valid hour before the gap. {_BY_PLAN}")
    if gap.after is None:
        raise CannotComputeError("there is no valid hour after the gap yet; substitute when it has ended")
    before, after = finite(gap.before, "the hour before"), finite(gap.after, "the hour after")
    middle = mean([before, after])
    return middle, f"mean of the hour before, {_shown(before)}, and after, {_shown(after)}: {_shown(middle)}"


def _substitute(
    value: Decimal, profile: DeviationProfile | LadderProfile | NeighbourProfile, inputs: tuple[str, ...]
) -> Substitute:
    return Substitute(settle(value), profile.id, f"substituted:{profile.flag}", inputs)


def _shown(value: Decimal) -> str:
    return digits(_SHOWN.plus(value))
