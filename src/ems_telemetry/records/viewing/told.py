"""What one record tells as columns, as a whole or by its parts. Details are read by name: every version shows what it has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.kinds import RecordQuality
from ems_telemetry.records.viewing.columns import Value, Values
from ems_telemetry.rules.arithmetic import ZERO
from ems_telemetry.rules.waste import operation
from ems_telemetry.storage.record_views import ViewRow

Json: TypeAlias = Mapping[str, Any]

POINT_SOURCE: Final = "interval/"
"""What the source of a figure begins with where it is a point."""


@dataclass(frozen=True, slots=True)
class Told:
    """A figure that a record tells. Shares are in percent; `known` is the known part of a value that is missing.

    `sources` are what was counted or measured for it.
    """

    value: Decimal | None
    unit: str | None
    quantity: str | None
    quality: str
    coverage: Decimal | None
    measured: Decimal | None
    estimated: Decimal | None
    columns: Values = field(default_factory=dict)
    known: Decimal | None = None
    sources: frozenset[str] = frozenset()

    def having(self, **fields: Any) -> "Told":  # noqa: ANN401  # fields of its own
        """Gives the same with other fields."""
        return replace(self, **fields)


def whole(row: ViewRow, columns: Values, *, unit: str | None = None, known: str | None = None) -> Told:
    """Gives the figure of the record itself; a refused one is told in the unit it would have."""
    return Told(
        row.value, row.unit or unit, row.quantity, row.quality, row.coverage, row.measured, row.estimated, columns,
        number(row.details.get(known)) if known is not None else None, frozenset(row.sources),
    )  # fmt: skip


def part(value: Decimal | None, unit: str, quantity: str, given: Json, columns: Values) -> Told:
    """Gives the figure of one point within a record."""
    measured, estimated = number(given.get("measured_percent")), number(given.get("estimated_percent"))
    quality = str(given.get("quality") or RecordQuality.MISSING)
    sources = frozenset({POINT_SOURCE + given["point"]} if given.get("point") else ())
    return Told(value, unit, quantity, quality, measured, measured, estimated, columns, value, sources)


def number(word: object) -> Decimal | None:
    """Reads a word of digits; anything else is no number."""
    return decimal_of(word) if isinstance(word, str) else Decimal(word) if type(word) is int else None


# Energy

_LAYERS: Final = ("measured_kwh", "corrected_kwh", "substituted_kwh")
_OF_POINT: Final = ("carrier", "use", "area", "cost_centre")


def energy(row: ViewRow) -> Told:
    """A record of energy, over all its points."""
    details = row.details
    points = _energy_points(row)
    columns: dict[str, Value] = {name: same(each.get(name) for each in points) for name in _OF_POINT}
    columns["renewable"] = same(bool(each.get("renewable")) for each in points)
    columns |= {name: number(details.get(name)) for name in (*_LAYERS, "renewable_kwh", "renewable_percent")}
    return whole(row, {**columns, **_peak(details)}, unit="kWh", known="known")


def energy_by_point(row: ViewRow) -> list[Told]:
    """A record of energy, point by point; of a refused one what its plan item names, without figures."""
    made = []
    for each in _energy_points(row):
        kwh = number(each.get("kwh"))
        columns: dict[str, Value] = {name: each.get(name) for name in _OF_POINT}
        columns["renewable"] = bool(each.get("renewable"))
        columns |= {name: number(each.get(name)) for name in _LAYERS}
        columns["renewable_kwh"] = kwh if each.get("renewable") else ZERO
        made.append(part(kwh, "kWh", "energy", each, {**columns, **_peak(each)}))
    return made


def _energy_points(row: ViewRow) -> Sequence[Json]:
    given: Sequence[Json] = row.details.get("points") or (row.params or {}).get("points") or ()
    return given


def _peak(given: Json) -> dict[str, Value]:
    """Reads the peak, beside what was told of energy or as a part of it; one that not all was measured of is not the peak."""
    demand = given.get("demand") or given
    peak, unconfirmed = demand.get("peak_demand") or {}, demand.get("unconfirmed_peak") or {}
    return {
        "peak_demand": number(peak.get("value")),
        "peak_demand_unit": peak.get("unit"),
        "peak_demand_at": peak.get("at") or peak.get("start"),
        "unconfirmed_peak": number(unconfirmed.get("value")),
    }


# Water


def water(row: ViewRow) -> Told:
    """A balance of water."""
    details = row.details
    columns: dict[str, Value] = {name: number(details.get(name)) for name in ("withdrawal_m3", "discharge_m3", "reuse_m3")}
    columns |= {
        "source": same(each.get("source") for each in _withdrawals(row)),
        "consumption_m3": row.value,
        "reuse_percent": number(details.get("reuse_percent")),
        "stress_area": details.get("stress_area", (row.params or {}).get("stress_area")),
    }
    return whole(row, columns, unit="m3")


def water_by_source(row: ViewRow) -> list[Told]:
    """What was withdrawn, meter by meter: consumption has no source."""
    made = []
    for each in _withdrawals(row):
        m3 = number(each.get("m3"))
        columns: dict[str, Value] = {"source": each.get("source"), "withdrawal_m3": m3}
        columns["stress_area"] = row.details.get("stress_area", (row.params or {}).get("stress_area"))
        made.append(part(m3, "m3", "water_withdrawal", each, columns))
    return made


def _withdrawals(row: ViewRow) -> Sequence[Json]:
    given: Any = row.details.get("withdrawal") or (row.params or {}).get("withdrawal") or ()
    return list(given)


# Waste

_WASTE: Final = ("hazardous_kg", "non_hazardous_kg", "recovered_kg", "disposed_kg")


def waste(row: ViewRow) -> Told:
    """A summary of waste, over all codes."""
    details = row.details
    rows = details.get("by_code") or ()
    columns: dict[str, Value] = {name: same(each.get(name) for each in rows) for name in ("code", "hazardous", "operation")}
    columns |= {
        "treatment": same(_treatment(each.get("operation")) for each in rows),
        **{name: number(details.get(name)) for name in _WASTE},
        "movements": details.get("movements"),
        **_store(details.get("storage") or ()),
    }
    return whole(row, columns, unit="kg")


def waste_by_code(row: ViewRow) -> list[Told]:
    """A summary of waste by code and operation; what is in store has a code, and no operation yet."""
    if row.value is None:
        return []
    made = [_waste_part(row, each, {}) for each in row.details.get("by_code") or ()]
    lots: dict[str, list[Json]] = {}
    for lot in row.details.get("storage") or ():
        lots.setdefault(lot["code"], []).append(lot)
    for code, own in lots.items():
        nothing = {"code": code, "hazardous": code.endswith("*"), "operation": None, "kg": "0", "movements": 0}
        made.append(_waste_part(row, nothing, _store(own)))
    return made


def _waste_part(row: ViewRow, given: Json, store: Values) -> Told:
    kg, treatment = number(given["kg"]) or ZERO, _treatment(given["operation"])
    columns: dict[str, Value] = {
        **{name: given[name] for name in ("code", "hazardous", "operation", "movements")},
        "treatment": treatment,
        "hazardous_kg": kg if given["hazardous"] else ZERO,
        "non_hazardous_kg": ZERO if given["hazardous"] else kg,
        "recovered_kg": kg if treatment == "R" else ZERO,
        "disposed_kg": kg if treatment == "D" else ZERO,
        "lots_in_store": 0,
        "lots_too_long": 0,
        **store,
    }
    return Told(
        kg, "kg", "waste", row.quality, row.coverage, row.measured, row.estimated, columns, kg, frozenset(row.sources)
    )  # fmt: skip


def _treatment(code: object) -> str | None:
    try:
        return str(operation(str(code)).treatment) if code else None
    except CannotComputeError:
        return None


def _store(lots: Sequence[Json]) -> dict[str, Value]:
    """Tells of lots how many are in store at the end, for how long at most, and when the next has to leave."""
    within = [lot for lot in lots if lot.get("moved_on") is None]
    return {
        "lots_in_store": len(within),
        "lots_too_long": sum(bool(lot.get("too_long")) for lot in lots),
        "longest_storage_days": max((lot["days"] for lot in within), default=None),
        "next_due": min((lot["due"] for lot in within if lot.get("due") is not None), default=None),
    }


# Substances

_STOCK: Final = (
    "opening_kg", "in_kg", "used_kg", "out_kg", "closing_kg", "unaccounted_percent", "max_stored_kg", "max_quantity_kg",
    "max_stored_percent",
)  # fmt: skip


def substance(row: ViewRow) -> Told:
    """The balance of a stock."""
    details = row.details
    columns: dict[str, Value] = {
        name: details.get(name) for name in ("substance", "name", "cas", "sds_revision", "location", "opening_at", "closing_at")
    }
    columns["substance"] = columns["substance"] or (row.params or {}).get("substance")
    columns |= {name: number(details.get(name)) for name in _STOCK}
    return whole(row, columns, unit="kg")


def same(values: Iterable[Value]) -> Value:
    """Gives the value that all have; None where they differ, or there is none."""
    given = iter(values)
    first = next(given, None)
    return first if all(value == first for value in given) else None
