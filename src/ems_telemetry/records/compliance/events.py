"""Exceedances as evaluations list them, each under an id that stays through all revisions."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from ems_telemetry.rules.arithmetic import settle
from ems_telemetry.rules.exceedances import Averaged, Exceedance, exceedances_of
from ems_telemetry.rules.limits import Limit
from ems_telemetry.rules.ph import Excursion, PhRange

Json = dict[str, Any]


class Events(NamedTuple):
    """What exceeds, merged into events, and what exceeds in states in which the limit does not apply."""

    counted: Sequence[Json]
    excluded: Sequence[Json]


def exceedance_id(limit: str, start: datetime, criterion: str | None = None) -> UUID:
    """Gives the id of an exceedance: it follows from the limit and the start; of sets from the criterion too."""
    name = f"urn:ems-telemetry:exceedance:{limit}:{start.isoformat()}"
    return uuid5(NAMESPACE_URL, name if criterion is None else f"{name}:{criterion}")


def events_of(
    limit_id: str, values: Sequence[Averaged], limit: Limit, excluded_states: Collection[str], criterion: str | None = None
) -> Events:
    """Merges what exceeds a limit into events (CR-28)."""
    found = exceedances_of(values, limit, excluded_states)
    return Events(
        [_of_exceedance(limit_id, each, limit, criterion) for each in found.events],
        [
            {"start": each.start, "end": each.end, "value": settle(each.value), "state": each.state, "criterion": criterion}
            for each in found.excluded
            if each.value is not None
        ],
    )


def ph_event(limit_id: str, excursion: Excursion, allowed: PhRange) -> Json:
    """Gives an excursion of pH; its peak is the value furthest outside, and a mean of pH means nothing."""
    is_low = allowed.low - excursion.minimum > excursion.maximum - allowed.high
    return {
        "id": exceedance_id(limit_id, excursion.start),
        "criterion": None,
        "start": excursion.start,
        "end": excursion.end,
        "duration_minutes": minutes(excursion.duration),
        "limit": allowed.low if is_low else allowed.high,
        "peak": excursion.minimum if is_low else excursion.maximum,
        "peak_at": None,
        "mean": None,
        "count": None,
        "cut": excursion.cut,
    }


def joined(events: Sequence[Json], former: Sequence[Json], start: datetime, end: datetime) -> list[Json]:
    """Lets events say which one they continue, and that they were still open when the period ended.

    An event continues the one of the same criterion that ends where it begins: what follows each other would be one event if
    the period, or the revision of the limit, did not end there (CR-28).

    Args:
        events: of the period.
        former: those of the period before that were open at its end, by `id` and `criterion`.
        start: where the period begins.
        end: where it ends.
    """
    ended = {(each["criterion"], start): each["id"] for each in former}
    ended |= {(each["criterion"], each["end"]): each["id"] for each in events}
    told = []
    for each in events:
        continues = ended.get((each["criterion"], each["start"]))
        more: Json = {} if continues is None else {"continues": continues}
        told.append({**each, **more, **({"open_at_end": True} if each["end"] == end else {})})
    return told


def minutes(duration: timedelta) -> int:
    """Gives a duration in whole minutes."""
    return duration // timedelta(minutes=1)


def _of_exceedance(limit_id: str, each: Exceedance, limit: Limit, criterion: str | None) -> Json:
    return {
        "id": exceedance_id(limit_id, each.start, criterion),
        "criterion": criterion,
        "start": each.start,
        "end": each.end,
        "duration_minutes": minutes(each.duration),
        "limit": limit.value,
        "peak": settle(each.peak),
        "peak_at": each.peak_at,
        "mean": settle(each.mean),
        "count": each.count,
        "cut": each.cut,
    }


def settled(value: Decimal | None) -> Decimal | None:
    """Rounds a figure without an end to what is kept."""
    return None if value is None else settle(value)
