"""What one record of what was released tells as columns: to air, and to water."""

from typing import Final

from ems_telemetry.records.viewing.columns import Value
from ems_telemetry.records.viewing.told import Told, number, whole
from ems_telemetry.storage.record_views import ViewRow

NODI: Final = "nodi"

# Emissions

_BLOCKS: Final = ("valid_blocks", "due_blocks", "excluded_blocks", "invalid_days")
_MASS: Final = ("used", "not_operating", "substituted", "without_concentration", "without_volume", "without_both")


def air_average(row: ViewRow) -> Told:
    """An average of a concentration."""
    details, params = row.details, row.params or {}
    basis = details.get("basis") or {}
    columns: dict[str, Value] = {
        "pollutant": details.get("substance") or params.get("substance"),
        "stack": row.scope,
        **{name: number(details.get(name)) for name in ("raw", "normalised", "validated", "elv", "ci_percent")},
        "reference_oxygen_percent": number(basis.get("o2_ref")),
        "dry": basis.get("dry"),
        "block": details.get("block"),
        **{name: details.get(name) for name in _BLOCKS},
    }
    return whole(row, columns)


def mass(row: ViewRow) -> Told:
    """A mass; of which pollutant, the plan item of its concentrations says, or the quantity of its point."""
    details = row.details
    columns: dict[str, Value] = {
        "pollutant": row.substance or row.point_quantity,
        "stack": row.scope,
        "outfall": row.scope,
        "parameter": row.substance or row.point_quantity,
        "block": details.get("block"),
        "flow_weighted": number(details.get("flow_weighted")),
        "concentration_unit": details.get("concentration_unit"),
        "volume": number(details.get("volume")),
        "volume_unit": details.get("volume_unit"),
        "substituted_kg": number(details.get("kg_substituted")),
        "blocks": details.get("blocks"),
        **{f"{name}_blocks" if name != "used" else "used_blocks": details.get(name) for name in _MASS},
    }
    return whole(row, columns, unit="kg", known="kg_known")


def is_to_water(row: ViewRow) -> bool:
    """Whether a mass was made of a concentration per litre."""
    return str(row.details.get("concentration_unit") or row.point_unit or "").endswith("/L")


# Discharges


def discharge(row: ViewRow) -> Told:
    """The figures of one parameter of an outfall."""
    details, params = row.details, row.params or {}
    load, no_data = details.get("load") or {}, details.get("no_data") or {}
    averaging = details.get("averaging") or params.get("average")
    columns: dict[str, Value] = {
        "outfall": details.get("outfall") or params.get("outfall") or row.scope,
        "parameter": details.get("parameter") or params.get("parameter"),
        "averaging": averaging,
        "arithmetic_mean": row.value if averaging == "arithmetic" else None,
        "geometric_mean": row.value if averaging == "geometric" else None,
        "non_detects": details.get("non_detects") or params.get("non_detects"),
        **{name: details.get(name) for name in ("n", "samples", "missing", "exceedances")},
        "daily_limit": number(details.get("daily_limit")),
        "no_data": no_data.get("reason"),
        "no_data_code": no_data.get(NODI),
        "load_average_kg_per_day": number(load.get("average_kg_per_day")),
        "load_maximum_kg_per_day": number(load.get("maximum_kg_per_day")),
        "load_days": load.get("days"),
    }
    for name in ("average", "minimum", "maximum"):
        statistic = details.get(name) or {}
        columns[f"{name}_text"] = statistic.get("text")
        if name != "average":
            columns[name] = number(statistic.get("value"))
    return whole(row, columns)


def ph(row: ViewRow) -> Told:
    """Excursions of the pH of an outfall."""
    details = row.details
    columns: dict[str, Value] = {
        "outfall": row.scope,
        "parameter": "pH",
        "minimum": number(details.get("minimum")),
        "maximum": number(details.get("maximum")),
        "minutes_outside": number(details.get("minutes_outside")),
        "measured_minutes": number(details.get("measured_minutes")),
        "percent_in_range": number(details.get("percent_in_range")),
        "verdict": details.get("status"),
    }
    return whole(row, columns, unit="min")
