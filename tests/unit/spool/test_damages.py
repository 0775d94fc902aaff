"""A table of damages to a spool's files: what is set aside and where, what is still read and counted, and that it goes on."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from ems_telemetry.config.service import WhenFull
from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.model import Batch, DeadLetter, Reading, Receipt
from ems_telemetry.spool.inspection import inspect
from ems_telemetry.spool.port import Entry
from ems_telemetry.spool.sqlite import FILE_NAME, SqliteSpool

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAGE = 4096
BATCHES = 60
REMOVED = 5
NOBODY = 65534
LOOK_AGAIN_S = 0.5


def batch(number: int) -> Batch:
    time = NOON + timedelta(seconds=number)
    letter = DeadLetter(UUID(int=number), "c", None, "unreadable", "", "t", bytes([number % 256]) * 9_000, time)
    readings = tuple(Reading("EM-01.power", time, float(i), None, None, 192, 0, 0, time) for i in range(20))
    return Batch("c", readings, (letter,) if number % 3 == 0 else ())


def receipt(number: int) -> Receipt:
    return Receipt("broker", number, b"digest")


def spool_in(folder: Path) -> SqliteSpool:
    return SqliteSpool(folder, max_size_bytes=10**8, when_full=WhenFull.REFUSE)


async def fill(folder: Path) -> None:
    spool = spool_in(folder)
    await spool.open()
    for number in range(1, BATCHES + 1):
        await spool.append(batch(number), [receipt(number)])
    await spool.remove(range(1, REMOVED + 1))
    await spool.close()


async def fill_and_crash(folder: Path) -> None:
    """Leaves the log as it is when the process is killed: nothing of it is in the file yet but the first half."""
    spool = spool_in(folder)
    await spool.open()
    for number in range(1, BATCHES + 1):
        await spool.append(batch(number), [receipt(number)])
        if number == BATCHES // 2:
            with closing(sqlite3.connect(folder / FILE_NAME)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await spool.remove(range(1, REMOVED + 1))
    copies = {suffix: (folder / f"{FILE_NAME}{suffix}").read_bytes() for suffix in ("", "-wal", "-shm")}
    await spool.close()
    for suffix, content in copies.items():
        (folder / f"{FILE_NAME}{suffix}").write_bytes(content)


def change(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


def pages_of(path: Path, table: str, kind: str) -> list[int]:
    """Tells where a table's pages of a kind (leaf, internal, overflow) lie, as SQLite counts them."""
    found = [(number, content[0]) for number, content in enumerate(_pages(path), start=1)]
    with closing(sqlite3.connect(path)) as file:
        roots = dict(file.execute("SELECT name, rootpage FROM sqlite_schema").fetchall())
    if kind == "root":
        return [roots[table]]
    flags = {"leaf": {13}, "overflow": {0}}[kind]
    known = set(roots.values())
    return [number for number, flag in found if flag in flags and number not in known and number > 1]


def _pages(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return [content[start : start + PAGE] for start in range(0, len(content), PAGE)]


def zero_page(path: Path) -> None:
    leaf = pages_of(path, "batches", "leaf")
    change(path, (leaf[len(leaf) // 2] - 1) * PAGE, bytes(PAGE))


def flip_header(path: Path) -> None:
    change(path, 0, bytes(byte ^ 0xFF for byte in path.read_bytes()[:16]))


def flip_leaf(path: Path) -> None:
    leaf = pages_of(path, "batches", "leaf")
    change(path, (leaf[len(leaf) // 2] - 1) * PAGE, b"\xff" * 200)


def flip_body(path: Path) -> None:
    """One bit of what an entry says, which SQLite does not see."""
    content = path.read_bytes()
    place = content.index(bytes([9]) * 500)
    change(path, place + 100, bytes([9 ^ 1]))


def flip_overflow_chain(path: Path) -> None:
    content = path.read_bytes()
    page = content.index(bytes([9]) * (PAGE - 100)) // PAGE
    change(path, page * PAGE, b"\x7f\xff\xff\xff")


def flip_root(path: Path) -> None:
    change(path, (pages_of(path, "batches", "root")[0] - 1) * PAGE, b"\xff" * 64)


def flip_receipts(path: Path) -> None:
    change(path, (pages_of(path, "receipts", "root")[0] - 1) * PAGE, b"\xff" * 64)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def keep_half_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: PAGE // 2])


def keep_half(path: Path) -> None:
    pages = path.stat().st_size // PAGE
    path.write_bytes(path.read_bytes()[: pages // 2 * PAGE])


def keep_half_and_a_bit(path: Path) -> None:
    pages = path.stat().st_size // PAGE
    path.write_bytes(path.read_bytes()[: pages // 2 * PAGE + 1000])


def write_text(path: Path) -> None:
    path.write_text("Dear colleague, here is the file you asked for.\n" * 1000)


class Damage(NamedTuple):
    do: Callable[[Path], None]
    kept: range
    """How many of the entries that were there are read at least, and at most."""
    sets_file_aside: bool = True


LEFT = BATCHES - REMOVED
DAMAGES = (
    Damage(zero_page, range(LEFT - 20, LEFT)),
    Damage(flip_header, range(1)),
    Damage(flip_leaf, range(LEFT - 20, LEFT)),
    Damage(flip_body, range(LEFT - 1, LEFT), sets_file_aside=False),
    Damage(flip_overflow_chain, range(LEFT - 1, LEFT)),
    Damage(flip_root, range(1)),
    Damage(flip_receipts, range(LEFT, LEFT + 1)),
    Damage(empty, range(1)),
    Damage(keep_half_a_page, range(1)),
    Damage(keep_half, range(LEFT)),
    Damage(keep_half_and_a_bit, range(LEFT)),
    Damage(write_text, range(1)),
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.do.__name__)
async def test_a_damaged_file(tmp_path: Path, damage: Damage) -> None:
    await fill(tmp_path)
    path = tmp_path / FILE_NAME
    damage.do(path)
    as_found = path.read_bytes()
    with capture_logs() as logs:
        entries, damaged = await open_and_go_on(tmp_path)
    kept = [number for number in range(1, BATCHES + 1) for entry in entries if entry.batch == batch(number)]
    assert len(entries) == len(kept), "nothing but what was appended is read"
    assert kept == sorted(set(kept))
    assert set(kept) <= set(range(REMOVED + 1, BATCHES + 1)), "what was removed does not come back"
    assert len(kept) in damage.kept
    assert damaged > 0
    found = inspect(tmp_path)
    assert found is not None
    assert len(found.damaged) == damaged
    if damage.sets_file_aside:
        (aside,) = found.files_set_aside
        assert aside.read_bytes() == as_found
        assert any(aside.name in one.reason for one in found.damaged)
        assert str(aside) in [line.get("set_aside") for line in logs if line["log_level"] == "error"]
    else:
        assert [line["sequence"] for line in logs if line["log_level"] == "error"] == [one.sequence for one in found.damaged]
        assert found.damaged[0].size_bytes > 9_000


async def open_and_go_on(folder: Path) -> tuple[Sequence[Entry], int]:
    """Opens, reads all, appends and removes as ever; a damage met on the way is told once by an error."""
    spool = spool_in(folder)
    await spool.open()
    entries = await tried_again(spool)
    last_sequence = spool.state().last_sequence
    for number in (100, 101):
        await appended_again(spool, batch(number), receipt(number))
    later = await tried_again(spool)
    entries = later[:-2]
    assert [entry.batch for entry in later[-2:]] == [batch(100), batch(101)]
    assert later[-2].sequence > last_sequence or not entries
    assert await spool.is_durable(receipt(101))
    damaged = spool.state().damaged
    await spool.remove([entry.sequence for entry in later[-2:]])
    await spool.close()
    return entries, damaged


async def tried_again(spool: SqliteSpool) -> Sequence[Entry]:
    for _ in range(3):
        try:
            return await spool.read(10**9)
        except SpoolDamagedError:
            continue
    raise AssertionError("it is damaged for ever")


async def appended_again(spool: SqliteSpool, what: Batch, mark: Receipt) -> None:
    for _ in range(3):
        try:
            return await spool.append(what, [mark])
        except SpoolDamagedError:
            continue
    raise AssertionError("it takes nothing any more")


def half_the_log(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage_log(path: Path) -> None:
    path.write_bytes(b"garbage!" * 5_000)


def flip_in_log(path: Path) -> None:
    middle = path.stat().st_size // 2
    change(path, middle, bytes([path.read_bytes()[middle] ^ 1]))


def flip_log_header(path: Path) -> None:
    change(path, 17, bytes([path.read_bytes()[17] ^ 1]))


def no_log(path: Path) -> None:
    path.unlink()


def stale_shm(path: Path) -> None:
    path.with_name(f"{FILE_NAME}-shm").write_bytes(b"\x5a" * 32_768)


def empty_the_file(path: Path) -> None:
    path.with_name(FILE_NAME).write_bytes(b"")


class LogDamage(NamedTuple):
    do: Callable[[Path], None]
    kept: range
    aside: str | None
    """What is set aside begins so; None where SQLite reads on and cannot know of a loss."""


HALF = BATCHES // 2
LOG_DAMAGES = (
    LogDamage(half_the_log, range(HALF, BATCHES), None),  # as after a power cut: nothing is there that was passed over
    LogDamage(garbage_log, range(HALF, HALF + 1), f"{FILE_NAME}-wal.damaged-"),
    LogDamage(flip_in_log, range(HALF, BATCHES), f"{FILE_NAME}-wal.damaged-"),
    LogDamage(flip_log_header, range(HALF, HALF + 1), f"{FILE_NAME}-wal.damaged-"),
    LogDamage(no_log, range(HALF, HALF + 1), None),
    LogDamage(stale_shm, range(LEFT, LEFT + 1), None),
    LogDamage(empty_the_file, range(1), f"{FILE_NAME}.damaged-"),
)


@pytest.mark.parametrize("damage", LOG_DAMAGES, ids=lambda damage: damage.do.__name__)
async def test_a_damaged_log(tmp_path: Path, damage: LogDamage) -> None:
    await fill_and_crash(tmp_path)
    log = tmp_path / f"{FILE_NAME}-wal"
    damage.do(log)
    as_found = log.read_bytes() if log.exists() else b""
    with capture_logs() as logs:
        entries, damaged = await open_and_go_on(tmp_path)
    batches = [entry.batch for entry in entries]
    first = 1 if damage.do is not stale_shm else REMOVED + 1
    assert batches == [batch(first + number) for number in range(len(batches))]
    assert len(batches) in damage.kept
    aside = [path for path in tmp_path.iterdir() if ".damaged-" in path.name]
    if damage.aside is None:
        assert (aside, damaged) == ([], 0)
        return
    assert damaged == 1
    assert any(path.name.startswith(damage.aside) for path in aside)
    assert as_found in [path.read_bytes() for path in aside]
    assert [line["log_level"] for line in logs] == ["error"]


async def test_a_log_of_another_spool_leaves_a_spool_that_works(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
        await fill_and_crash(folder)
    (mine / f"{FILE_NAME}-wal").write_bytes((other / f"{FILE_NAME}-wal").read_bytes())
    entries, _ = await open_and_go_on(mine)
    assert {entry.batch.readings[0].time for entry in entries} <= {
        batch(number).readings[0].time for number in range(BATCHES + 1)
    }


async def test_a_copy_of_a_spool_is_read_like_the_spool(tmp_path: Path) -> None:
    await fill_and_crash(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    for suffix in ("", "-wal"):
        (copy / f"{FILE_NAME}{suffix}").write_bytes((tmp_path / f"{FILE_NAME}{suffix}").read_bytes())
    assert await open_and_go_on(copy) == await open_and_go_on(tmp_path)


async def test_a_folder_in_the_place_of_the_file_is_told_and_left(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(SpoolDamagedError, match=r"spool\.db cannot be opened"):
        await spool_in(tmp_path).open()
    assert (tmp_path / FILE_NAME).is_dir()


@pytest.mark.parametrize(("name", "mode"), [(FILE_NAME, 0o000), (FILE_NAME, 0o444), (".", 0o555)])
async def test_a_file_out_of_reach_is_told_and_left(name: str, mode: int) -> None:
    with tempfile.TemporaryDirectory() as parent:  # where others may enter, unlike the folders of pytest
        Path(parent).chmod(0o755)
        folder = Path(parent) / "spool"
        folder.mkdir()
        await fill(folder)
        look_from_outside(folder, name, mode)


def look_from_outside(folder: Path, name: str, mode: int) -> None:
    path = folder / FILE_NAME
    content = path.read_bytes()
    (folder / name).chmod(mode)
    done = as_nobody(folder)
    folder.chmod(0o755)
    path.chmod(0o644)
    assert done.returncode == 1, done.stdout
    assert "SpoolDamagedError: the spool" in done.stderr
    assert "cannot be opened" in done.stderr
    assert path.read_bytes() == content
    assert not list(folder.glob("*.damaged-*"))


def as_nobody(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Opens a spool as a user who may do only what the files' modes say."""
    is_root = os.geteuid() == 0
    if is_root:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, __file__, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_damaged_entry_is_set_aside_where_the_oldest_must_go(tmp_path: Path) -> None:
    await fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file, file:
        file.execute("UPDATE batches SET body = x'00' WHERE sequence = ?", (REMOVED + 1,))
    spool = SqliteSpool(tmp_path, max_size_bytes=180_000, when_full=WhenFull.DROP_OLDEST)
    await spool.open()
    for number in range(100, 140):
        await spool.append(batch(number))
    assert spool.state().damaged == 1
    await spool.close()


async def test_an_entry_read_before_the_file_was_renewed_is_removed_and_no_other(tmp_path: Path) -> None:
    await fill(tmp_path)
    spool = spool_in(tmp_path)
    await spool.open()
    first, *_ = await spool.read(1)
    await spool.close()
    flip_leaf(tmp_path / FILE_NAME)
    spool = spool_in(tmp_path)
    await spool.open()
    before = [entry for entry in await tried_again(spool) if entry != first]
    await spool.remove([first.sequence])
    assert await tried_again(spool) == before
    await spool.close()


async def test_a_damage_met_while_nothing_is_asked_leaves_no_call_waiting(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await spool.open()
    await spool.append(batch(1))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other, other:
        other.execute("ALTER TABLE totals RENAME TO lost")
    await asyncio.sleep(2 * LOOK_AGAIN_S)
    with pytest.raises(SpoolDamagedError, match="no such table"):
        await asyncio.wait_for(spool.append(batch(2)), 60)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other, other:
        other.execute("ALTER TABLE lost RENAME TO totals")
    await asyncio.wait_for(spool.append(batch(3)), 60)
    assert [entry.batch for entry in await spool.read(10**9)] == [batch(1), batch(3)]
    await spool.close()


async def test_a_spool_that_another_process_began_anew_is_followed(tmp_path: Path) -> None:
    """A running spool must not go on writing to the file that was set aside."""
    running = spool_in(tmp_path)
    await running.open()
    await running.append(batch(1))
    path = tmp_path / FILE_NAME
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{FILE_NAME}{suffix}").rename(path.with_name(f"aside.db{suffix}"))
    with pytest.raises(SpoolDamagedError):
        await running.append(batch(2))
    await running.append(batch(3))
    assert [entry.batch for entry in await running.read(10**9)] == [batch(3)]
    await running.close()


if __name__ == "__main__":
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    asyncio.run(spool_in(Path(sys.argv[1])).open())
