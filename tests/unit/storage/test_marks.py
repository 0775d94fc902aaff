from datetime import UTC, datetime, timedelta
from pathlib import Path

from ems_telemetry.model import Flag
from ems_telemetry.storage.load import Row
from ems_telemetry.storage.marks import FILE_NAME, Marks

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def row(second: float, *, flags: int = 0, received: float | None = None, connector: str = "c") -> Row:
    time, received_at = NOW + timedelta(seconds=second), NOW + timedelta(seconds=second if received is None else received)
    return Row(time, 1, flags, 1.0, received_at, 0, 192, None, None, connector, "EM-01.p")


def marks_of(folder: Path) -> dict[str, tuple[float, float]]:
    """Per connector: when the first was received, and the newest."""
    fresh = Marks(folder)
    fresh.load()
    kept = fresh.kept(NOW, None)
    return {name: ((one.first_at - NOW).total_seconds(), (one.received_at - NOW).total_seconds()) for name, one in kept.items()}


def test_the_newest_by_its_reception_is_remembered_over_a_restart(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.note([row(5), row(9), row(7), row(8, connector="d")])
    marks.note([row(1, received=12)])
    marks.save()
    assert marks_of(tmp_path) == {"c": (5.0, 12.0), "d": (8.0, 8.0)}


def test_what_was_read_later_from_a_history_is_no_mark(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.note([row(5), row(6, flags=int(Flag.BACKFILLED), received=60)])
    marks.save()
    assert marks_of(tmp_path) == {"c": (5.0, 5.0)}


def test_what_was_told_is_forgotten(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.note([row(5), row(5, connector="d")])
    marks.save()
    marks.forget(["c", "unknown"])
    marks.save()
    assert set(marks_of(tmp_path)) == {"d"}


def test_what_retention_may_have_dropped_is_not_looked_up(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.note([row(0)])
    assert set(marks.kept(NOW + timedelta(days=2), 3 * 86_400.0)) == {"c"}
    assert set(marks.kept(NOW + timedelta(days=4), 3 * 86_400.0)) == set()


def test_nothing_is_written_while_nothing_changes_and_a_broken_file_is_no_mark(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.save()
    assert not (tmp_path / FILE_NAME).exists()
    (tmp_path / FILE_NAME).write_bytes(b'{"c": [1, 2')
    assert marks_of(tmp_path) == {}
