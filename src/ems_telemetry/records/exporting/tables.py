"""Records as rows of files that other software takes; pure.

What has no value is never written as zero: it is left out, and counted with the reason. How good a value is stands in each row.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from ems_telemetry.evidence.canonical import decimal_words
from ems_telemetry.records.kinds import RecordQuality, RecordStatus
from ems_telemetry.records.registers.exports import EnviziAccount, ExportMappingBody, ExportProfile, MsmActivity
from ems_telemetry.storage.records import RecordRow
from ems_telemetry.wording import spreadsheet_text

STYLE: Final = "Account Style Link"
Cells: TypeAlias = Mapping[str, str]
Mapped: TypeAlias = Callable[[RecordRow], Sequence[ExportMappingBody]]
"""Gives the mappings of a record that hold at the start of its period."""


class Omission(StrEnum):
    """Why a record is not in the file."""

    VOID = "void"
    NO_VALUE = "no_value"
    UNMAPPED = "unmapped"
    """Nobody has said what the receiver calls it."""
    MAPPED_TWICE = "mapped_twice"
    """Two mappings name it; in both places it would count twice."""
    OTHER_UNIT = "other_unit"
    OTHER_STYLE = "other_style"
    """Its account has another style than the one asked for."""


@dataclass(frozen=True, slots=True)
class Export:
    """The rows of a file under their columns, and how many records were left out for which reason."""

    columns: Sequence[str]
    rows: Sequence[Cells]
    omitted: Mapping[Omission, int]

    def text(self) -> str:
        """Writes it as RFC 4180 has it, with a head line."""
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, self.columns, restval="", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def omissions(self) -> str:
        """Tells in one line what was left out: `3; no_value=1, unmapped=2`."""
        reasons = ", ".join(f"{reason}={self.omitted[reason]}" for reason in Omission if self.omitted.get(reason))
        total = sum(self.omitted.values())
        return f"{total}; {reasons}" if reasons else "0"


def make_export(
    profile: ExportProfile, records: Iterable[RecordRow], mapped: Mapped, account_style: int | None = None
) -> Export:
    """Makes the rows of a file.

    Args:
        profile: for whom.
        records: each in the revision to be told.
        mapped: what they are called there.
        account_style: only accounts of this style (`account_style_link`) of Envizi, which takes one in each file.
    """
    rows: list[Cells] = []
    omitted: Counter[Omission] = Counter()
    for record in records:
        made = _PROFILES[profile](record, mapped)
        if isinstance(made, Omission):
            omitted[made] += 1
        elif account_style is not None and made.get(STYLE) != str(account_style):
            omitted[Omission.OTHER_STYLE] += 1
        else:
            rows.append(made)
    return Export(_columns(profile, rows), rows, omitted)


def _columns(profile: ExportProfile, rows: Sequence[Cells]) -> Sequence[str]:
    fixed = COLUMNS[profile]
    return [*fixed, *dict.fromkeys(name for row in rows for name in row if name not in fixed)]


def _value(record: RecordRow) -> Decimal | Omission:
    if record.status == RecordStatus.VOIDED:
        return Omission.VOID
    return Omission.NO_VALUE if record.value is None else record.value


def _mapping(record: RecordRow, found: Sequence[ExportMappingBody]) -> ExportMappingBody | Omission:
    if not found:
        return Omission.UNMAPPED
    if len(found) > 1:
        return Omission.MAPPED_TWICE
    return found[0] if found[0].unit == record.unit else Omission.OTHER_UNIT


def _quality(record: RecordRow) -> str:
    """Tells how good a value is in the two words there are: only what was measured as it should be is actual."""
    return "Actual" if record.quality == RecordQuality.GOOD else "Estimated"


def _days(record: RecordRow) -> tuple[date, date]:
    """Gives the first and the last local day of a period, the last one included."""
    zone = ZoneInfo(record.envelope["tz"])
    first = record.period_start.astimezone(zone).date()
    return first, (record.period_end.astimezone(zone) - timedelta.resolution).date()


def _envizi(record: RecordRow, mapped: Mapped) -> Cells | Omission:
    value = _value(record)
    if isinstance(value, Omission):
        return value
    mapping = _mapping(record, [each for each in mapped(record) if each.envizi is not None])
    if isinstance(mapping, Omission):
        return mapping
    account: EnviziAccount | None = mapping.envizi
    if account is None:
        return Omission.UNMAPPED
    first, last = _days(record)
    return {
        "Organization Link": str(account.organization_link),
        "Organization": account.organization,
        "Location": account.location or "",
        "Location Ref": account.location_ref or "",
        STYLE: str(account.account_style_link),
        "Account Style Caption": account.account_style_caption,
        "Account Subtype": account.account_subtype or "",
        "Account Number": account.account_number,
        "Account Reference": account.account_reference or "",
        "Account Supplier": account.account_supplier or "",
        "Account Reader": account.account_reader or "",
        "Record Start YYYY-MM-DD": first.isoformat(),
        "Record End YYYY-MM-DD": last.isoformat(),
        "Record Data Quality": _quality(record),
        "Record Reference": _reference(record),
        account.quantity_column: decimal_words(value),
    }


def _msm(record: RecordRow, mapped: Mapped) -> Cells | Omission:
    value = _value(record)
    if isinstance(value, Omission):
        return value
    mapping = _mapping(record, [each for each in mapped(record) if each.msm is not None])
    if isinstance(mapping, Omission):
        return mapping
    activity: MsmActivity | None = mapping.msm
    if activity is None:
        return Omission.UNMAPPED
    first, last = _days(record)
    return {
        "Name": f"{record.site} {spreadsheet_text(record.scope)} {first.isoformat()} {record.type} {record.id}",
        "Organizational unit": activity.organizational_unit,
        "Facility": activity.facility or "",
        "Consumption start date": first.isoformat(),
        "Consumption end date": last.isoformat(),
        "Quantity": decimal_words(value),
        "Quantity unit": activity.quantity_unit,
        "Data quality type": _quality(record),
        "Contractual instrument type": activity.contractual_instrument_type or "",
        "Origin correlation ID": _reference(record),
    }


def _csv(record: RecordRow, _mapped: Mapped) -> Cells | Omission:
    value = _value(record)
    if isinstance(value, Omission):
        return value
    plain = {
        "record_id": str(record.id),
        "revision": str(record.revision),
        "seq": str(record.seq),
        "status": record.status,
        "type": record.type,
        "site": record.site,
        "scope": record.scope,
        "period": record.period,
        "period_start": _time(record.period_start),
        "period_end": _time(record.period_end),
        "quantity": record.quantity or "",
        "value": decimal_words(value),
        "unit": record.unit or "",
        "quality": record.quality,
        "flags": " ".join(record.flags),
        "coverage_percent": _share(record.coverage),
        "measured_percent": _share(record.measured),
        "estimated_percent": _share(record.estimated),
        "method": record.method,
        "hash": record.hash,
    }
    return {name: spreadsheet_text(text) for name, text in plain.items()}


def _reference(record: RecordRow) -> str:
    return f"{record.id}/{record.revision}"


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _share(share: Decimal | None) -> str:
    return "" if share is None else decimal_words(share)


_PROFILES: Final[Mapping[ExportProfile, Callable[[RecordRow, Mapped], Cells | Omission]]] = {
    ExportProfile.ENVIZI: _envizi,
    ExportProfile.MSM: _msm,
    ExportProfile.CSV: _csv,
}
COLUMNS: Final[Mapping[ExportProfile, Sequence[str]]] = {
    ExportProfile.ENVIZI: (
        "Organization Link", "Organization", "Location", "Location Ref", STYLE, "Account Style Caption",
        "Account Subtype", "Account Number", "Account Reference", "Account Supplier", "Account Reader",
        "Record Start YYYY-MM-DD", "Record End YYYY-MM-DD", "Record Data Quality", "Record Reference",
    ),
    ExportProfile.MSM: (
        "Name", "Organizational unit", "Facility", "Consumption start date", "Consumption end date", "Quantity",
        "Quantity unit", "Data quality type", "Contractual instrument type", "Origin correlation ID",
    ),
    ExportProfile.CSV: (
        "record_id", "revision", "seq", "status", "type", "site", "scope", "period", "period_start", "period_end", "quantity",
        "value", "unit", "quality", "flags", "coverage_percent", "measured_percent", "estimated_percent", "method", "hash",
    ),
}  # fmt: skip
"""The columns that every file of a profile has; the columns of quantities of Envizi follow."""
