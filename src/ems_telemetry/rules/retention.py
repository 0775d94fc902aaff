"""How long evidence is kept: an input as long as any record that was made of it, and while a hold is on (CR-53)."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.factors import Source

_INSTANT: Final = timedelta(microseconds=1)


class RetentionClass(NamedTuple):
    """For how many years something is kept after the end of its period, and who says so."""

    name: str
    years: int
    source: Source


class Kept(NamedTuple):
    """A record or an input: the last day of its period, and its class."""

    id: str
    period_end: date
    retention: RetentionClass


class LegalHold(NamedTuple):
    """An order to keep things whatever their class says, until it is lifted."""

    id: str
    reason: str


class Purge(NamedTuple):
    """When an input may be purged: not before a day, because of what is kept longest, and not while a hold is on."""

    not_before: date
    because: str
    holds: tuple[str, ...]

    def allows(self, today: date) -> bool:
        """Tells whether a purge is allowed on a day."""
        return not self.holds and today >= self.not_before


def purge_of(own: Kept | None, dependents: Iterable[Kept], holds: Sequence[LegalHold] = ()) -> Purge:
    """Finds when an input may be purged.

    Args:
        own: the input with its own class, None where it has none.
        dependents: all records that it went into, in whatever revision.
        holds: the legal holds that cover it.

    Raises:
        CannotComputeError: nothing says how long it is kept, or a class has no years.
    """
    kept = [*([own] if own is not None else []), *dependents]
    if not kept:
        raise CannotComputeError(
            "neither the input nor a record made of it has a retention class; give it one before it is purged"
        )
    latest = max(kept, key=kept_until)
    return Purge(kept_until(latest), latest.id, tuple(hold.id for hold in holds))


def kept_until(kept: Kept) -> date:
    """Gives the day before which something must not be purged; a 29 February is followed by a 1 March in other years.

    Raises:
        CannotComputeError: its class has less than no years, or more than a calendar holds.
    """
    year = kept.period_end.year + kept.retention.years
    if kept.retention.years < 0 or year >= date.max.year:
        raise CannotComputeError(
            f"retention class {kept.retention.name} has {kept.retention.years} years; enter how long it keeps"
        )
    try:
        return kept.period_end.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def last_day_of(period_end: datetime) -> date:
    """Gives the last day of a period [start, end) in the zone of its end: of a May that ends at 1 June 00:00, the 31st."""
    return (period_end - _INSTANT).date()
