"""The raw readings behind sampled records, as the lines that digests are taken of: whoever has the file can make the digest."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from ems_telemetry.evidence.canonical import digest, plain_object
from ems_telemetry.intervals.calendar import Period, edges_of, microseconds, moment_of
from ems_telemetry.records.packing.folder import PackFolder, file_name
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.point_facts import read_facts
from ems_telemetry.storage.raw_digests import HEADER, read_lines
from ems_telemetry.storage.records import RecordRow

INDEX_FILE: Final = "raw/index.json"
MOST_ROWS: Final = 1_000_000
"""So many raw readings in a pack; days beyond are left out, and told."""


class RawReadings:
    """Packs raw readings, each stretch of a point once. What did not go in is told in the index.

    Args:
        connection: in a transaction that sees one moment.
        folder: of the pack.
        most_rows: so many readings at most.
    """

    def __init__(self, connection: Connection, folder: PackFolder, most_rows: int = MOST_ROWS) -> None:
        self._connection = connection
        self._folder = folder
        self._left = most_rows
        self._files: dict[tuple[str, str, str], dict[str, Any]] = {}

    @property
    def differing(self) -> list[str]:
        """Files of points whose readings are other than when the record was made: more came, or some are gone."""
        return [each["path"] for each in self._files.values() if not each["as_in_record"] and not each["left_out"]]

    @property
    def cut(self) -> list[str]:
        """Files that lack days, because there were too many readings."""
        return [each["path"] for each in self._files.values() if each["left_out"]]

    async def add(self, row: RecordRow) -> None:
        """Adds the readings that a record was made of."""
        for ref in row.envelope["inputs"]:
            if ref["kind"] != "raw":
                continue
            key = (ref["id"], ref["since"], ref["until"])
            if key not in self._files:
                self._files[key] = await self._pack(ref, ZoneInfo(row.envelope["tz"]))
            self._files[key]["records"].append({"record_id": str(row.id), "revision": row.revision, "hash": ref["hash"]})
            told = self._files[key]
            told["as_in_record"] = all(each["hash"] == told["hash"] for each in told["records"])

    async def finish(self) -> None:
        """Writes the index."""
        index = plain_object({"columns": HEADER.split(","), "files": list(self._files.values())})
        await self._folder.write(INDEX_FILE, [json.dumps(index, indent=1).encode(), b"\n"])

    async def _pack(self, ref: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
        since, until = datetime.fromisoformat(ref["since"]), datetime.fromisoformat(ref["until"])
        number = f"{len(self._files) + 1:04}"
        local = since.astimezone(zone).date().isoformat()
        path = f"raw/{file_name(number, ref['id'], local)}.csv"
        await self._folder.write(path, [f"{HEADER}\n".encode()])
        facts = await read_facts(self._connection, [ref["id"]])
        days: list[dict[str, Any]] = []
        left_out: list[datetime] = []
        for start, end in _days(since, until, zone):
            lines = None if left_out or not facts else await self._day(facts[0].id, start, end)
            if lines is None:
                left_out.append(start)
                continue
            content = "".join(lines).encode()
            await self._folder.write(path, [content])
            days.append(
                {
                    "start": start, "end": end, "start_us": microseconds(start), "end_us": microseconds(end),
                    "readings": len(lines), "digest": hashlib.sha256(content).hexdigest(),
                }
            )  # fmt: skip
        hash_ = digest([[day["start"], day["readings"], day["digest"]] for day in days]).hex()
        return {
            "path": path, "point": ref["id"], "since": since, "until": until, "days": days, "left_out": left_out,
            "hash": hash_, "records": [],
        }  # fmt: skip

    async def _day(self, point_id: int, start: datetime, end: datetime) -> list[str] | None:
        """Gives a day's readings; None where there are more than may still go in."""
        lines = await read_lines(self._connection, point_id, start, end, self._left + 1)
        if len(lines) > self._left:
            return None
        self._left -= len(lines)
        return lines


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    edges = edges_of(Period.DAY, microseconds(since), microseconds(until), zone)
    return pairwise(moment_of(edge) for edge in edges)
