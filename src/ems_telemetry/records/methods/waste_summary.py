"""Waste of a period by code and treatment, and what is in store for too long (R9; CR-49)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, Field

from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure
from ems_telemetry.records.parameters import Params, params_of
from ems_telemetry.records.registers.by_hand import WasteMovementBody
from ems_telemetry.rules.arithmetic import ZERO, exactly
from ems_telemetry.rules.waste import Treatment, operation, storage_due, stored_too_long
from ems_telemetry.storage.entries import EntryRow

KG: Final = "kg"
STORED_TOO_LONG: Final = "stored_too_long"
NOTHING_STATED: Final = "nothing_stated"


class WasteSummaryParams(Params):
    """What it needs to know."""

    storage_days: int | None = Field(default=None, ge=0, description="How long waste may be stored, as the permit says.")
    none_means_zero: bool = Field(default=False, description="Whether nothing left in a period for which nothing was stated.")


class WasteSummary:
    """Adds up what left the site, and looks at what is in store."""

    name = "waste_summary"
    version = 1
    record = RecordType.WASTE_SUMMARY
    formula = (
        "Net weights, gross - tare, of what left the site in the period, added up by code of the List of Waste, hazard and "
        "operation. Waste is stored too long when it is in store after stored_since + storage_days."
    )
    params: type[BaseModel] = WasteSummaryParams

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        """Reads what left the site or was in store within the period."""
        said = params_of(WasteSummaryParams, asked)
        rows = await sources.happened("waste_movement", asked.start, asked.end, site=asked.item.site)
        movements = [_movement(row, asked) for row in rows]
        last_day = (asked.end - timedelta.resolution).astimezone(asked.zone).date()
        return {"params": said.model_dump(mode="json"), "movements": movements, "last_day": last_day}

    @exactly
    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        """Adds up."""
        params = inputs["params"]
        moved = [each for each in inputs["movements"] if each["moved_on"] is not None]
        storage = list(_storage(inputs["movements"], params["storage_days"], date.fromisoformat(inputs["last_day"])))
        late = [each for each in storage if each["too_long"]]
        flags = [STORED_TOO_LONG] if late else []
        details = {"storage": storage, "storage_days": params["storage_days"]}
        if not moved and not params["none_means_zero"]:
            reason = "no movement was stated; state what left the site, or say none_means_zero in the plan item"
            return Figure(
                None, KG, RecordQuality.MISSING, flags=(*flags, NOTHING_STATED), details={**details, "reason": reason}
            )
        hazardous = _sum(each for each in moved if each["hazardous"])
        return Figure(
            _sum(moved), KG, RecordQuality.GOOD, "waste", flags=tuple(flags),
            details={
                "movements": len(moved),
                "hazardous_kg": hazardous,
                "non_hazardous_kg": _sum(moved) - hazardous,
                "recovered_kg": _sum(each for each in moved if each["treatment"] == Treatment.RECOVERY),
                "disposed_kg": _sum(each for each in moved if each["treatment"] == Treatment.DISPOSAL),
                "by_code": _by_code(moved),
                **details,
            },
        )  # fmt: skip


def _movement(row: EntryRow, asked: Asked) -> dict[str, Any]:
    """Tells of a lot what was so within the period; what leaves only later is in store."""
    body = WasteMovementBody.model_validate(row.body)
    lot = {"id": row.id, "code": body.code, "hazardous": body.code.endswith("*"), "stored_since": body.stored_since}
    if body.moved_at is None or body.moved_at >= asked.end:
        return {**lot, "moved_on": None}
    return {
        **lot,
        "moved_on": body.moved_at.astimezone(asked.zone).date(),
        "operation": body.operation,
        "treatment": str(operation(body.operation or "").treatment),
        "kg": body.kilograms,
        "manifest": body.manifest,
    }


def _storage(movements: Iterable[Mapping[str, Any]], days: int | None, last_day: date) -> Iterator[dict[str, Any]]:
    """Tells of each lot since when it is or was in store, until when it may be, and whether that is over."""
    for each in movements:
        if each["stored_since"] is None:
            continue
        since = date.fromisoformat(each["stored_since"])
        left = None if each["moved_on"] is None else date.fromisoformat(each["moved_on"])
        seen = left or last_day
        yield {
            "id": each["id"], "code": each["code"], "stored_since": since, "moved_on": left, "days": (seen - since).days,
            "due": None if days is None else storage_due(since, days),
            "too_long": days is not None and stored_too_long(since, days, seen),
        }  # fmt: skip


def _by_code(moved: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for each in moved:
        empty = {
            "code": each["code"], "hazardous": each["hazardous"], "operation": each["operation"], "kg": ZERO, "movements": 0,
        }  # fmt: skip
        row = rows.setdefault((each["code"], each["operation"]), empty)
        row["kg"] += Decimal(each["kg"])
        row["movements"] += 1
    return [rows[key] for key in sorted(rows)]


def _sum(moved: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((Decimal(each["kg"]) for each in moved), ZERO)
