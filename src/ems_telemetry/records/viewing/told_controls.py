"""What one record of an aspect, or of a control, tells as columns."""

from decimal import Decimal
from typing import Final

from ems_telemetry.records.viewing.columns import Value
from ems_telemetry.records.viewing.told import Told, number, whole
from ems_telemetry.storage.record_views import ViewRow

_CONDITIONS: Final = ("normal", "abnormal", "emergency", "unknown")
_MINUTES: Final = (
    "in_range_minutes", "out_of_range_minutes", "not_measured_minutes", "bypass_minutes", "bypass_unknown_minutes",
)  # fmt: skip


def aspect(row: ViewRow) -> Told:
    """How large an aspect was, by operating condition; of the time of a condition that never was, nothing."""
    details = row.details
    by_condition = {each["condition"]: each for each in details.get("by_condition") or ()}
    columns: dict[str, Value] = {
        "aspect": details.get("aspect") or (row.params or {}).get("aspect"),
        **{name: number(by_condition[name]["amount"]) if name in by_condition else None for name in _CONDITIONS},
        **{f"{name}_hours": number(by_condition[name]["hours"]) if name in by_condition else None for name in _CONDITIONS},
        **{name: number(details.get(name)) for name in ("total", "share_percent", "before", "change", "change_percent")},
    }
    return whole(row, columns)


def control(row: ViewRow) -> Told:
    """Whether a control parameter stayed within its criteria."""
    details, params = row.details, row.params or {}
    excursions = details.get("excursions")
    columns: dict[str, Value] = {
        "point": details.get("point") or params.get("point"),
        "criteria": ", ".join(each["name"] for each in details.get("criteria") or params.get("criteria") or ()) or None,
        "verdict": details.get("verdict"),
        "required_percent": number(details.get("required_percent")),
        "excursions": None if excursions is None else len(excursions),
        **{name: number(details.get(name)) for name in _MINUTES},
    }
    within, outside = columns["in_range_minutes"], columns["out_of_range_minutes"]
    columns["measured_minutes"] = within + outside if isinstance(within, Decimal) and isinstance(outside, Decimal) else None
    return whole(row, columns, unit="%")
