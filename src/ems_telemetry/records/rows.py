"""Between a record's envelope and the row of its table."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.storage.records import RecordRow


def row_of(envelope: Mapping[str, Any]) -> RecordRow:
    """Gives a record as its table has it; its sequence number is still to come."""
    return RecordRow(
        id=UUID(envelope["record_id"]),
        revision=envelope["revision"],
        seq=0,
        type=envelope["type"],
        status=envelope["status"],
        site=envelope["site"],
        scope=envelope["scope"],
        plan=envelope["plan"]["id"],
        period=envelope["period"],
        period_start=datetime.fromisoformat(envelope["period_start"]),
        period_end=datetime.fromisoformat(envelope["period_end"]),
        quantity=envelope["quantity"],
        value=decimal_of(envelope["value"]),
        unit=envelope["unit"],
        quality=envelope["quality"],
        coverage=_share(envelope["coverage_percent"]),
        measured=_share(envelope["measured_percent"]),
        estimated=_share(envelope["estimated_percent"]),
        flags=tuple(envelope["flags"]),
        method=envelope["method"],
        retention_class=envelope["retention_class"],
        computed_at=datetime.fromisoformat(envelope["computed_at"]),
        snapshot=envelope["snapshot"],
        envelope=dict(envelope),
        hash=envelope["hash"],
    )


def asked_of(row: RecordRow) -> Asked:
    """Gives what a record was made for, as far as computing it again needs it."""
    plan = row.envelope["plan"]
    item = PlanItem(
        id=plan["id"], revision=plan["revision"], site=row.site, scope=row.scope, method=row.method, period=Period(row.period),
        params={}, retention_class=row.retention_class,
    )  # fmt: skip
    return Asked(item, row.period_start, row.period_end, ZoneInfo(row.envelope["tz"]))


def _share(text: str | None) -> Decimal | None:
    return decimal_of(text)
