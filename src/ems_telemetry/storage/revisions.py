"""What was configured when, read for the API: accepted configurations with their texts, and what a point meant over time."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import args_row

from ems_telemetry.storage.database import Database
from ems_telemetry.storage.reading import END

NEWEST_ID = 2**31 - 1


class PointRevisionRow(NamedTuple):
    """What a point meant from `valid_from` until `valid_to` (None: still). Compare with `received_at` of readings."""

    valid_from: datetime
    valid_to: datetime | None
    config_revision: int | None
    active: bool
    quantity: str
    unit: str
    kind: str
    source: str
    source_unit: str
    scale: Decimal
    offset: Decimal
    expected_interval_s: float | None
    definition: Mapping[str, Any]


class ConfigRevisionRow(NamedTuple):
    """A configuration that was accepted; `in_force_until` is when the next one was, None while it is the newest."""

    id: int
    hash: str
    accepted_at: datetime
    in_force_until: datetime | None
    files: int


class ConfigFileRow(NamedTuple):
    """A file of a configuration, with secrets masked."""

    name: str
    sha256: str
    text: str


LIST_POINT_REVISIONS = """
    SELECT * FROM (
        SELECT valid_from, lead(valid_from) OVER (ORDER BY valid_from), config_revision, active, quantity, unit, kind, source,
               source_unit, scale, "offset", extract(epoch FROM expected_interval)::float8, definition
        FROM point_revisions
        WHERE point_id = (SELECT id FROM points WHERE key = %(point)s)
    ) AS revisions
    WHERE valid_from < %(before)s
    ORDER BY valid_from DESC
    LIMIT %(limit)s"""
"""A page of what a point meant, newest first."""

_CONFIG_REVISIONS = """
    SELECT * FROM (
        SELECT id, hash, accepted_at, lead(accepted_at) OVER (ORDER BY id),
               (SELECT count(*) FROM config_files WHERE revision = config_revisions.id)
        FROM config_revisions
    ) AS revisions"""

LIST_CONFIG_REVISIONS = f"{_CONFIG_REVISIONS} WHERE id < %(before)s ORDER BY id DESC LIMIT %(limit)s"
"""A page of accepted configurations, newest first."""

FIND_CONFIG_REVISION = f"{_CONFIG_REVISIONS} WHERE id = %(id)s"
"""One configuration by its number."""

READ_CONFIG_FILES = """
    SELECT f.name, f.sha256, t.text FROM config_files f JOIN config_texts t USING (sha256)
    WHERE f.revision = %(id)s
    ORDER BY f.name"""
"""The files of a configuration."""


async def list_point_revisions(
    database: Database, point: str, *, before: datetime | None = None, limit: int
) -> list[PointRevisionRow]:
    """Gives a page of what a point meant, newest first; `before` is the `valid_from` of the last row of the page before."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(PointRevisionRow)) as cursor:
        await cursor.execute(LIST_POINT_REVISIONS, {"point": point, "before": before or END, "limit": limit})
        return await cursor.fetchall()


async def list_config_revisions(database: Database, *, before: int | None = None, limit: int) -> list[ConfigRevisionRow]:
    """Gives a page of accepted configurations, newest first; `before` is the number of the last row of the page before."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(ConfigRevisionRow)) as cursor:
        await cursor.execute(LIST_CONFIG_REVISIONS, {"before": before or NEWEST_ID, "limit": limit})
        return await cursor.fetchall()


async def find_config_revision(database: Database, id_: int) -> tuple[ConfigRevisionRow, list[ConfigFileRow]] | None:
    """Finds an accepted configuration with its files; None where there is none of that number."""
    async with database.connection() as connection:
        async with connection.cursor(row_factory=args_row(ConfigRevisionRow)) as cursor:
            await cursor.execute(FIND_CONFIG_REVISION, {"id": id_})
            row = await cursor.fetchone()
        async with connection.cursor(row_factory=args_row(ConfigFileRow)) as cursor:
            await cursor.execute(READ_CONFIG_FILES, {"id": id_})
            files = await cursor.fetchall()
    return None if row is None else (row, files)
