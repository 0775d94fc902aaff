"""A spool looked into from outside, while another process uses it or nobody does."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.spool.test_sqlite import batch

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.spool.inspection import appended_since, inspect
from ems_telemetry.spool.sqlite import FILE_NAME, SqliteSpool


def spool_in(folder: Path) -> SqliteSpool:
    return SqliteSpool(folder, max_size_bytes=10**8, when_full=WhenFull.REFUSE)


async def test_it_tells_what_the_spool_itself_tells_while_that_is_open(tmp_path: Path) -> None:
    assert inspect(tmp_path) is None
    spool = spool_in(tmp_path)
    await spool.open()
    await spool.append(batch(0))
    await spool.append(batch(10))
    found = inspect(tmp_path)
    assert found is not None
    state = spool.state()
    assert (found.batches, found.size_bytes, found.last_sequence) == (2, state.size_bytes, state.last_sequence)
    assert found.oldest_at == state.oldest_at
    assert state.appended_bytes == state.size_bytes == sum(appended_since(tmp_path, 0).values())
    assert list(appended_since(tmp_path, found.last_sequence - 1)) == [found.last_sequence]
    await spool.close()
    assert inspect(tmp_path) == found


async def test_damaged_entries_are_named_with_their_place_and_reason(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await spool.open()
    await spool.append(batch(0))
    await spool.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("UPDATE batches SET body = x'00112233445566778899'")
    spool = spool_in(tmp_path)
    await spool.open()
    assert await spool.read(10**6) == []
    await spool.close()
    found = inspect(tmp_path)
    assert found is not None
    (entry,) = found.damaged
    assert (entry.sequence, entry.size_bytes, "begins with" in entry.reason) == (1, 10, True)
    assert datetime.now(UTC) - entry.set_aside_at < timedelta(minutes=1)


async def test_files_that_were_set_aside_are_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no spool at all" * 1000)
    spool = spool_in(tmp_path)
    await spool.open()
    await spool.close()
    found = inspect(tmp_path)
    assert found is not None
    assert [file.name.startswith(f"{FILE_NAME}.damaged-") for file in found.files_set_aside] == [True]


def test_a_file_that_is_no_spool_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no spool at all" * 1000)
    with pytest.raises(SpoolDamagedError, match="cannot be read"):
        inspect(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]
