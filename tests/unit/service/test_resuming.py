"""Where a large file stands: found again as long as the file is the same up to there."""

from pathlib import Path

import pytest

from ems_telemetry.connectors.manual.stream import Place
from ems_telemetry.service.resuming import Bookmark


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "input.csv"
    path.write_text("point,time,value\n" + "".join(f"row {number:06}\n" for number in range(20_000)))
    return path


def bookmark(tmp_path: Path, file: Path, *, offsets_are_bytes: bool = True) -> Bookmark:
    return Bookmark(tmp_path / "spool", file, offsets_are_bytes=offsets_are_bytes)


def test_it_is_found_by_what_the_file_begins_with_wherever_it_lies(tmp_path: Path, file: Path) -> None:
    assert bookmark(tmp_path, file).read() is None
    bookmark(tmp_path, file).write(Place(100_000, 9_000), 8_999, 3)
    moved = file.rename(tmp_path / "moved.csv")
    standing = bookmark(tmp_path, moved).read()
    assert standing is not None
    assert (standing.place, standing.rows, standing.wrong) == (Place(100_000, 9_000), 8_999, 3)
    bookmark(tmp_path, moved).remove()
    bookmark(tmp_path, moved).remove()
    assert bookmark(tmp_path, moved).read() is None


def test_a_file_that_has_grown_goes_on_and_one_that_was_changed_does_not(tmp_path: Path, file: Path) -> None:
    bookmark(tmp_path, file).write(Place(100_000, 9_000), 8_999, 3)
    text = file.read_text()
    file.write_text(text + "one more\n")
    assert bookmark(tmp_path, file).read() is not None
    file.write_text(text[:99_990] + "x" + text[99_991:])
    assert bookmark(tmp_path, file).read() is None
    file.write_text("x" + text)
    assert bookmark(tmp_path, file).read() is None


def test_a_file_of_rows_is_known_by_its_end(tmp_path: Path, file: Path) -> None:
    bookmark(tmp_path, file, offsets_are_bytes=False).write(Place(500, 501), 500, 0)
    assert bookmark(tmp_path, file, offsets_are_bytes=False).read() is not None
    file.write_text(file.read_text() + "one more\n")
    assert bookmark(tmp_path, file, offsets_are_bytes=False).read() is None


def test_one_that_cannot_be_read_is_none(tmp_path: Path, file: Path) -> None:
    bookmark(tmp_path, file).write(Place(100, 9), 8, 0)
    (kept,) = (tmp_path / "spool" / "backfill").iterdir()
    kept.write_text("{")
    assert bookmark(tmp_path, file).read() is None
