"""Amounts of several points split by operating condition, quarter by quarter."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ems_telemetry.records.inputs.conditions import UNKNOWN, Shares
from ems_telemetry.records.inputs.layers import Part
from ems_telemetry.records.registers.operations import Condition
from ems_telemetry.rules.arithmetic import ZERO, exactly, settle

_US_PER_HOUR: Final = Decimal(3_600_000_000)


@dataclass(slots=True)
class Split:
    """What came of a split, by condition: the known amount, and hours; those of all points in which theirs is missing."""

    known: dict[str, Decimal] = field(default_factory=dict)
    missing: dict[str, Decimal] = field(default_factory=dict)
    hours: dict[str, Decimal] = field(default_factory=dict)
    is_prorated: bool = False
    """Whether a quarter in which the condition changed was split by time."""

    def rows(self) -> list[dict[str, Any]]:
        """Gives it as details have it; amounts are null where a part of them is missing."""
        conditions = [*Condition, *([UNKNOWN] if UNKNOWN in self.hours else [])]
        return [
            {
                "condition": condition,
                "amount": None if condition in self.missing else settle(self.known.get(condition, ZERO)),
                "known": settle(self.known.get(condition, ZERO)),
                "hours": settle(self.hours.get(condition, ZERO)),
                "missing_hours": settle(self.missing.get(condition, ZERO)),
            }
            for condition in conditions
        ]


@exactly
def split_of(points: Iterable[Sequence[Part]], shares_at: Callable[[Part], Shares]) -> Split:
    """Splits the amounts of points by the condition of each quarter; the hours are those of the first point."""
    split = Split()
    for place, parts in enumerate(points):
        for part in parts:
            length = Decimal((part.child.end - part.child.start).total_seconds()) * 1_000_000 / _US_PER_HOUR
            shares = {condition: share for condition, share in shares_at(part).items() if share}
            split.is_prorated = split.is_prorated or (len(shares) > 1 and bool(part.value))
            for condition, share in shares.items():
                _add(split.hours, condition, length * share if place == 0 else ZERO)
                if part.value is None:
                    _add(split.missing, condition, length * share)
                else:
                    _add(split.known, condition, part.value * share)
    return split


@exactly
def joined(splits: Iterable[Split]) -> Split:
    """Adds splits up, as those of the days of a period."""
    whole = Split()
    for each in splits:
        for mine, its in ((whole.known, each.known), (whole.missing, each.missing), (whole.hours, each.hours)):
            for condition, amount in its.items():
                _add(mine, condition, amount)
        whole.is_prorated = whole.is_prorated or each.is_prorated
    return whole


def split_from(row: Mapping[str, Any]) -> Split:
    """Reads a split back from inputs."""
    known, missing, hours = (
        {condition: Decimal(amount) for condition, amount in row[name].items()} for name in ("known", "missing", "hours")
    )
    return Split(known, missing, hours, row["is_prorated"])


def _add(amounts: dict[str, Decimal], condition: str, amount: Decimal) -> None:
    amounts[condition] = amounts.get(condition, ZERO) + amount
