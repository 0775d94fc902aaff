"""Which factor was in force when: dated facts with their source, and never the latest in the place of a missing one (CR-46)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import ZERO, exactly

_MICROSECOND: Final = timedelta(microseconds=1)


class Source(NamedTuple):
    """Where a fact is printed."""

    document: str
    edition: str
    table: str
    reference: str


class FactorKey(NamedTuple):
    """What a factor is for; at each moment one factor at most is in force for a key."""

    activity: str
    region: str
    gas: str

    def __str__(self) -> str:
        return f"{self.activity}, {self.region}, {self.gas}"


@dataclass(frozen=True, slots=True)
class Factor:
    """What an activity emits of one gas, in force from `valid_from` until before `valid_to`, which is None while it lasts.

    `unit` is a mass by a unit of the activity, as `kg/kWh`. A revision corrects what was written down under the same `id`
    before; of several revisions the highest counts.

    Raises:
        CannotComputeError: its times have no zone or are in the wrong order, or its value is no number.
    """

    id: str
    revision: int
    activity: str
    region: str
    gas: str
    value: Decimal
    unit: str
    valid_from: datetime
    valid_to: datetime | None
    source: Source

    def __post_init__(self) -> None:
        if not self.value.is_finite():
            raise CannotComputeError(f"factor {self.name}: its value is {self.value}; enter a number")
        if "/" not in self.unit:
            raise CannotComputeError(f'factor {self.name}: unit "{self.unit}" is no mass by a unit of the activity, as kg/kWh')
        if any(time is not None and time.tzinfo is None for time in (self.valid_from, self.valid_to)):
            raise CannotComputeError(f"factor {self.name}: its times have no zone; enter them with one")
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise CannotComputeError(
                f"factor {self.name}: ends at {self.valid_to.isoformat()}, not after it begins at {self.valid_from.isoformat()}"
            )

    @property
    def key(self) -> FactorKey:
        """What it is for."""
        return FactorKey(self.activity, self.region, self.gas)

    @property
    def name(self) -> str:
        """Names the one revision, as `grid-2026@2`."""
        return f"{self.id}@{self.revision}"

    def touches(self, start: datetime, end: datetime) -> bool:
        """Tells whether it is in force in some part of [start, end)."""
        return self.valid_from < end and (self.valid_to is None or self.valid_to > start)


class Stretch(NamedTuple):
    """A part [start, end) of an interval, and the factor in force in all of it."""

    start: datetime
    end: datetime
    factor: Factor


class Portion(NamedTuple):
    """What of an amount falls into a stretch, by the time it takes."""

    stretch: Stretch
    amount: Decimal


class Emission(NamedTuple):
    """What an amount emitted of one gas, and by which factors."""

    value: Decimal
    unit: str
    portions: tuple[Portion, ...]


def factors_in_force(factors: Iterable[Factor], key: FactorKey, start: datetime, end: datetime) -> tuple[Stretch, ...]:
    """Splits an interval where the factor in force changes.

    Args:
        factors: a register's, as it was known at the time that counts, in any order.
        key: what is looked for.
        start: begin of the interval, an aware time.
        end: its end, which is not part of it.

    Raises:
        CannotComputeError: no factor is in force for a part, two are, or the interval is empty.
    """
    if start >= end:
        raise CannotComputeError(
            f"the interval from {start.isoformat()} to {end.isoformat()} is empty; give an end after its start"
        )
    touching = [factor for factor in _newest(factors) if factor.key == key and factor.touches(start, end)]
    touching.sort(key=lambda factor: factor.valid_from)
    for earlier, later in pairwise(touching):
        if earlier.valid_to is None or earlier.valid_to > later.valid_from:
            raise CannotComputeError(
                f"factors {earlier.name} and {later.name} for {key} are both in force at {later.valid_from.isoformat()}; "
                f"end the one where the other begins"
            )
    stretches = []
    reached = start
    for factor in touching:
        if factor.valid_from > reached:
            raise _missing(key, reached, factor.valid_from)
        until = end if factor.valid_to is None else min(factor.valid_to, end)
        stretches.append(Stretch(reached, until, factor))
        reached = until
    if reached < end:
        raise _missing(key, reached, end)
    return tuple(stretches)


@exactly
def emission_of(
    amount: Decimal, unit: str, key: FactorKey, within: tuple[datetime, datetime], factors: Iterable[Factor]
) -> Emission:
    """Computes what an amount emitted; where the factor changes, the amount is shared out by time.

    The one division comes last, so that a figure with an end is exact.

    Args:
        amount: of the activity.
        unit: its unit, which the factors' must be by.
        key: what is emitted of what.
        within: the interval [start, end) the amount belongs to.
        factors: a register's.

    Returns:
        The mass in the factors' unit of mass.

    Raises:
        CannotComputeError: as `factors_in_force`, or the factors are by another unit.
    """
    start, end = within
    stretches = factors_in_force(factors, key, start, end)
    for stretch in stretches:
        if stretch.factor.unit != stretches[0].factor.unit or stretch.factor.unit.partition("/")[2] != unit:
            raise CannotComputeError(
                f"factor {stretch.factor.name} is in {stretch.factor.unit} and the amount in {unit}; convert the amount, "
                f"or enter the factor by {unit}"
            )
    whole = _microseconds(start, end)
    lengths = [_microseconds(stretch.start, stretch.end) for stretch in stretches]
    weighted = sum((stretch.factor.value * length for stretch, length in zip(stretches, lengths, strict=True)), ZERO)
    portions = tuple(Portion(stretch, amount * length / whole) for stretch, length in zip(stretches, lengths, strict=True))
    return Emission(amount * weighted / whole, stretches[0].factor.unit.partition("/")[0], portions)


def superseded_by(factors: Sequence[Factor], newer: Factor) -> tuple[Factor, ...]:
    """Gives a register's factors with a newer one in it: what was in force for its key ends where the newer begins.

    What ends gets a revision of its own; the ones before stay readable, and nothing before the newer one changes.

    Raises:
        CannotComputeError: a factor for the same key begins only after the newer one has; a person must say which holds.
    """
    rivals = [
        factor
        for factor in _newest(factors)
        if factor.key == newer.key and factor.id != newer.id and (factor.valid_to is None or factor.valid_to > newer.valid_from)
    ]
    for rival in rivals:
        if rival.valid_from >= newer.valid_from and (newer.valid_to is None or rival.valid_from < newer.valid_to):
            raise CannotComputeError(
                f"factor {rival.name} begins at {rival.valid_from.isoformat()}, while {newer.name} is in force; "
                f"end {newer.name} there, or void {rival.name}"
            )
    ended = (
        replace(rival, revision=rival.revision + 1, valid_to=newer.valid_from)
        for rival in rivals
        if rival.valid_from < newer.valid_from
    )
    return (*factors, *ended, newer)


def _newest(factors: Iterable[Factor]) -> list[Factor]:
    newest: dict[str, Factor] = {}
    for factor in factors:
        known = newest.setdefault(factor.id, factor)
        if factor.revision == known.revision and factor != known:
            raise CannotComputeError(f"factor {factor.name} is told twice, and differently; give one the next revision")
        if factor.revision > known.revision:
            newest[factor.id] = factor
    return list(newest.values())


def _missing(key: FactorKey, start: datetime, end: datetime) -> CannotComputeError:
    return CannotComputeError(
        f"no factor for {key} is in force from {start.isoformat()} to {end.isoformat()}; enter the one that was and its source"
    )


def _microseconds(start: datetime, end: datetime) -> int:
    return (end - start) // _MICROSECOND
