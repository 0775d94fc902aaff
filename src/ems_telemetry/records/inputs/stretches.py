"""Quarters of an hour brought together where they are alike, and what of them was measured, substituted or is missing (CR-20).

A quarter that was measured in part counts in part.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias

from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.inputs.layers import CORRECTED, SUBSTITUTED, Part
from ems_telemetry.rules.arithmetic import ZERO, exactly

Row: TypeAlias = Mapping[str, Any]
"""A stretch as inputs have it."""
_ONE: Final = Decimal(1)


class Stretch(NamedTuple):
    """Adjacent quarters that are alike. `coverage` is the share of each that was measured; `amount` the sum of all."""

    start: Any
    end: Any
    quarters: int
    layer: str | None
    is_known: bool
    coverage: Decimal
    is_spread: bool
    """A part was spread over a gap."""
    amount: Decimal | None
    readings: int
    readings_expected: int | None


def stretches_of(parts: Iterable[Part], *, by_range: bool) -> list[Stretch]:
    """Brings adjacent parts that are alike together.

    Args:
        parts: quarters of an hour.
        by_range: of a quantity that has no mean, as pH: a quarter is known by its least and greatest value.
    """

    def likeness(part: Part) -> tuple[object, ...]:
        return part.layer, _is_known(part, by_range=by_range), part.child.coverage, "estimated" in part.child.flags

    return [_stretch(list(group), by_range=by_range) for _, group in groupby(parts, key=likeness)]


def _is_known(part: Part, *, by_range: bool) -> bool:
    return part.value is not None or (by_range and part.layer is None and part.child.coverage > 0)


@exactly
def _stretch(parts: Sequence[Part], *, by_range: bool) -> Stretch:
    first, values = parts[0], [part.value for part in parts if part.value is not None]
    due = [part.child.expected for part in parts]
    return Stretch(
        first.child.start,
        parts[-1].child.end,
        len(parts),
        first.layer,
        _is_known(first, by_range=by_range),
        first.child.coverage,
        "estimated" in first.child.flags,
        sum(values, ZERO) if values else None,
        sum(part.child.samples for part in parts),
        None if any(each is None for each in due) else sum(each for each in due if each is not None),
    )


def measured_of(row: Row) -> Decimal:
    """Tells which share of each quarter was measured; what was corrected counts as far as it had been."""
    return Decimal(row["coverage"]) if row["is_known"] and row["layer"] != SUBSTITUTED else ZERO


def substituted_of(row: Row) -> Decimal:
    """Tells which share was substituted; what a correction says beyond what was measured is in its place too."""
    if not row["is_known"] or row["layer"] is None:
        return ZERO
    return _ONE if row["layer"] == SUBSTITUTED else _ONE - Decimal(row["coverage"])


def estimated_of(row: Row) -> Decimal:
    """Tells which share was spread over a gap: it is in the amount, and counts as missing."""
    return _ONE - Decimal(row["coverage"]) if row["is_known"] and row["layer"] is None and row["is_spread"] else ZERO


def sum_over(rows: Sequence[Row], share: Callable[[Row], Decimal]) -> Decimal:
    """Adds up shares over all quarters."""
    return sum((row["quarters"] * share(row) for row in rows), ZERO)


def amounts_of(rows: Sequence[Row], unit: str | None) -> dict[str, Any]:
    """Gives what was counted and what was substituted, of what adds up over time."""
    if unit is None:
        return {}
    amounts = dict.fromkeys((None, CORRECTED, SUBSTITUTED), ZERO)
    for row in rows:
        amounts[row["layer"]] += decimal_of(row["amount"]) or ZERO
    return {
        "unit": unit,
        "measured_total": amounts[None] + amounts[CORRECTED],
        "substituted_total": amounts[SUBSTITUTED],
        "total": sum(amounts.values(), ZERO),
    }
