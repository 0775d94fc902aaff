"""Inputs of methods made by hand: what `gather` gives, without a database."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.records.inputs.children import Child, children_as_inputs
from ems_telemetry.records.keeping.making import FIGURE, as_inputs
from ems_telemetry.records.method import Figure

START = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
Value = Decimal | str | int | None


def quarter(
    number: int,
    value: Value,
    coverage: str = "1",
    *,
    low: str | None = None,
    high: str | None = None,
    flags: Sequence[str] = (),
) -> Child:
    """Gives a quarter of an hour, `number` of them after `START`; without a value and extremes it is missing."""
    start = START + number * QUARTER
    least, greatest = (None if each is None else Decimal(each) for each in (low, high))
    if value is None and least is None:
        return Child(start, start + QUARTER, None, Decimal(0), 0, ("missing",), 0, 15, None, None, 1)
    mean = None if value is None else Decimal(value)
    return Child(start, start + QUARTER, mean, Decimal(coverage), 192, tuple(flags), 15, 15, least, greatest, 1)


def point_inputs(
    key: str,
    values: Iterable[Value | Child],
    *,
    unit: str = "kWh",
    quantity: str = "active_energy_import",
    additive: bool = True,
    adjustments: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Gives a point with adjacent quarters, as `gather_point` does."""
    children = [each if isinstance(each, Child) else quarter(number, each) for number, each in enumerate(values)]
    return {
        "point": key,
        "quantity": quantity,
        "unit": unit,
        "additive": additive,
        "children": children_as_inputs(children),
        "adjustments": list(adjustments),
    }


def snapshot_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Gives inputs as they come back from where they are kept."""
    return as_inputs(canonical(inputs))


def figure_as_kept(figure: Figure) -> dict[str, Any]:
    """Gives a figure as a record has it, of words."""
    told = {
        "quantity": figure.quantity, "value": figure.value, "unit": figure.unit, "quality": figure.quality,
        "flags": list(figure.flags), "coverage_percent": figure.coverage, "measured_percent": figure.measured,
        "estimated_percent": figure.estimated, "details": figure.details,
    }  # fmt: skip
    assert tuple(told) == FIGURE
    kept: dict[str, Any] = json.loads(canonical(told))
    return kept
