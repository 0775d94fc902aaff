"""Reads what is to be exported: records by the beginning of their period, and the mappings that hold then."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from ems_telemetry.errors import PermanentError
from ems_telemetry.records.exporting.tables import Export, make_export
from ems_telemetry.records.facts.entries import covering
from ems_telemetry.records.registers.exports import EXPORT_MAPPING, ExportMappingBody, ExportProfile
from ems_telemetry.storage.catalogue import Sites
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries
from ems_telemetry.storage.records import RecordFilter, RecordRow, list_records

_Key: TypeAlias = tuple[str, str, str]

PAGE = 5_000
MOST_RECORDS = 200_000


class TooMuchError(PermanentError):
    """More records than one file takes; the message says what to do."""


class ExportAsked(NamedTuple):
    """What is to be exported: records of a site whose period begins within `[since, until)`, as known at `as_of`."""

    profile: ExportProfile
    site: str
    since: datetime
    until: datetime
    type: str | None = None
    as_of: datetime | None = None
    account_style: int | None = None


async def read_export(connection: Connection, asked: ExportAsked, sites: Sites = None) -> Export:
    """Reads records and mappings, and makes the rows of a file of them.

    A record belongs to the span in which its period begins, so that files of adjacent spans hold each record once.

    Raises:
        TooMuchError: these are more records than one file takes.
    """
    wanted = RecordFilter(
        sites=sites, site=asked.site, type=asked.type, since=asked.since, until=asked.until, as_of=asked.as_of
    )
    entries = await read_entries(connection, EntryFilter(EXPORT_MAPPING, as_of=asked.as_of, sites=sites, site=asked.site))
    mappings = _Mappings(entries)
    records = [record for record in await _read(connection, wanted) if record.period_start >= asked.since]
    return make_export(asked.profile, records, mappings.of, asked.account_style)


class _Mappings:
    """Finds what holds for a record; whatever an entry once said of it, it is what it says at that time that counts."""

    def __init__(self, entries: Sequence[EntryRow]) -> None:
        revisions: dict[str, list[EntryRow]] = defaultdict(list)
        for entry in entries:
            revisions[entry.id].append(entry)
        self._by_key: dict[_Key, dict[str, list[EntryRow]]] = defaultdict(dict)
        for entry in entries:
            self._by_key[_key_of(ExportMappingBody.model_validate(entry.body))][entry.id] = revisions[entry.id]

    def of(self, record: RecordRow) -> list[ExportMappingBody]:
        """Gives the mappings of a record that hold at the start of its period."""
        key = (record.type, record.scope, record.period)
        related = [row for rows in self._by_key.get(key, {}).values() for row in rows]
        holding = covering(related, record.period_start, needs_approval=False)
        bodies = [ExportMappingBody.model_validate(row.body) for row in holding]
        return [body for body in bodies if _key_of(body) == key]


def _key_of(body: ExportMappingBody) -> _Key:
    return body.type, body.scope, body.period


async def _read(connection: Connection, wanted: RecordFilter) -> list[RecordRow]:
    records: list[RecordRow] = []
    while True:
        after = (records[-1].period_start, records[-1].id) if records else None
        page = await list_records(connection, wanted, PAGE, after)
        records += page
        if len(page) < PAGE:
            return records
        if len(records) >= MOST_RECORDS:
            raise TooMuchError(f"these are more than {MOST_RECORDS:,} records; ask for a shorter span, or for one type")
