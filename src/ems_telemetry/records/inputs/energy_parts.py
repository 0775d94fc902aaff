"""Energy of several points, each converted and told by its layers, and what they come to together."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from ems_telemetry.records.inputs.energy_units import BASIS_OF, energy_kwh
from ems_telemetry.records.inputs.joining import join, known_of, sum_of
from ems_telemetry.records.inputs.selecting import Carrier
from ems_telemetry.records.inputs.totals import total_of
from ems_telemetry.records.method import Figure
from ems_telemetry.rules.arithmetic import exactly, percent_of, settle

MIXED_BASES: Final = "mixed_calorific_values"
BURNT: Final = frozenset({Carrier.NATURAL_GAS, Carrier.FUEL})
"""Carriers whose energy is told gross or net."""
_LAYERS: Final = ("measured_kwh", "corrected_kwh", "substituted_kwh")


@exactly
def added_up(given: Sequence[Mapping[str, Any]]) -> Figure:
    """Converts each point's total and adds up.

    Args:
        given: points as `gather_point` gives them, each with its `carrier`, `use`, `renewable`, `sign` and `conversion`.
    """
    totals = [total_of(each) for each in given]
    parts = [_part(each, total) for each, total in zip(given, totals, strict=True)]
    joined = join(totals)
    bases = {part["basis"] for part in parts} - {None}
    total = sum_of(part["kwh"] for part in parts)
    return Figure(
        value=total,
        unit="kWh",
        quality=joined.quality,
        quantity="energy",
        coverage=joined.coverage,
        measured=joined.measured,
        estimated=joined.estimated,
        flags=(*joined.flags, *((MIXED_BASES,) if len(bases) > 1 else ())),
        details={
            "by_carrier": by_group(parts, "carrier"),
            "by_use": by_group(parts, "use"),
            **_renewable(parts, total),
            **{layer: _settled(sum_of(part[layer] for part in parts)) for layer in _LAYERS},
            "known": _settled(known_of(part["kwh"] for part in parts)),
            "points": [{name: _settled(value) for name, value in part.items()} for part in parts],
        },
    )


def _part(given: Mapping[str, Any], total: Figure) -> dict[str, Any]:
    conversion, unit, sign = given["conversion"], given["unit"], given["sign"]

    def energy(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else sign * energy_kwh(amount, unit, conversion)

    return {
        "point": given["point"],
        "carrier": given["carrier"],
        "use": given["use"],
        "renewable": given["renewable"],
        "sign": sign,
        "amount": total.value,
        "unit": unit,
        "kwh": energy(total.value),
        "measured_kwh": energy(total.details["measured"]),
        "corrected_kwh": energy(total.details["corrected"]),
        "substituted_kwh": energy(total.details["substituted"]),
        "measured_percent": total.measured,
        "estimated_percent": total.estimated,
        "quality": total.quality,
        "basis": BASIS_OF.get(given["quantity"]) if conversion is None else conversion["basis"],
        "conversion": conversion,
    }


def by_group(parts: Iterable[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """Adds up parts that have a word in common, as their carrier; in the order in which the words come."""
    groups: dict[str | None, list[Decimal | None]] = {}
    for part in parts:
        groups.setdefault(part[name], []).append(part["kwh"])
    return [
        {name: key, "kwh": _settled(sum_of(amounts)), "known": _settled(known_of(amounts))} for key, amounts in groups.items()
    ]


def _renewable(parts: Sequence[Mapping[str, Any]], total: Decimal | None) -> dict[str, Any]:
    renewable = sum_of(part["kwh"] for part in parts if part["renewable"])
    known = renewable is not None and total is not None and total > 0
    return {
        "renewable_kwh": _settled(renewable),
        "renewable_percent": settle(percent_of(renewable, total)) if known and renewable is not None and total else None,
    }


def _settled(value: Any) -> Any:  # noqa: ANN401  # what a detail holds
    return settle(value) if isinstance(value, Decimal) else value
