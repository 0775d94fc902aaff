"""What outlives the process: marks and holes on disk, also when the process is killed."""

import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ems_telemetry.connectors.opcua.mark_store import FILE_NAME, MarkStore
from ems_telemetry.connectors.opcua.marks import Standing
from ems_telemetry.connectors.opcua.spans import Span
from ems_telemetry.errors import TransientError

NOON = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)
HOLES = (Span(NOON, NOON + timedelta(seconds=1)), Span(NOON + timedelta(hours=1), NOON + timedelta(hours=2)))
SOURCE = "ns=2;s=Total"

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ems_telemetry.connectors.opcua.mark_store import MarkStore
from ems_telemetry.connectors.opcua.marks import Arrival, Marks

begin = datetime(2026, 3, 2, tzinfo=UTC)
points = [f"P-{number}.v" for number in range(50)]
marks, store = Marks(points), MarkStore(Path(sys.argv[1]))
store.open()
for step in range(100_000):
    if step % 10 == 5:
        marks.interrupt()
    for point in points:
        time = begin + timedelta(seconds=step)
        marks.advance(Arrival(point, time, time))
    store.save([("n", standing) for standing in marks.take_changed()])
    print(step, flush=True)
"""


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    store = MarkStore(tmp_path / "state")
    assert store.open() is None
    store.save([(SOURCE, Standing("CA-01.total", NOON, HOLES)), (SOURCE, Standing("CA-01.flow", None, HOLES[:1]))])
    store.save([(SOURCE, Standing("CA-01.flow", NOON, ()))])
    store.close()
    store.close()
    again = MarkStore(tmp_path / "state")
    again.open()
    found = sorted(again.load([("CA-01.total", SOURCE), ("CA-01.flow", SOURCE)]))
    again.close()
    assert found == [Standing("CA-01.flow", NOON, ()), Standing("CA-01.total", NOON, HOLES)]


def test_a_point_that_is_read_from_another_node_now_begins_anew(tmp_path: Path) -> None:
    store = MarkStore(tmp_path)
    store.open()
    store.save([(SOURCE, Standing("CA-01.total", NOON, HOLES))])
    assert store.load([("CA-01.total", "ns=2;s=Other")]) == []
    store.close()


@pytest.mark.parametrize("damage", [b"no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(damage)
    store = MarkStore(tmp_path)
    aside = store.open()
    assert aside is not None
    assert aside.read_bytes() == damage
    assert store.load([("CA-01.total", SOURCE)]) == []
    store.close()


def test_a_file_of_a_newer_version_is_set_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    store = MarkStore(tmp_path)
    assert store.open() is not None
    store.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = MarkStore(tmp_path / "file" / "state")
    with pytest.raises(TransientError, match="cannot be opened"):
        store.open()
    assert store.load([]) == []
    with pytest.raises(TransientError, match="it is not open"):
        store.save([])


def test_a_process_killed_at_any_moment_leaves_no_mark_ahead_of_its_holes(tmp_path: Path) -> None:
    """Each tenth step is an interruption: where the mark has passed one, its hole must be there."""
    points = [(f"P-{number}.v", "n") for number in range(50)]
    for round_ in range(5):
        command = [sys.executable, "-c", WRITER, str(tmp_path / str(round_))]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603  ourselves
            assert process.stdout is not None
            for _ in range(20 + 7 * round_):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        store = MarkStore(tmp_path / str(round_))
        assert store.open() is None
        standings = store.load(points)
        store.close()
        assert len(standings) == len(points)
        assert len({standing.mark for standing in standings}) == 1
        for standing in standings:
            assert standing.mark is not None
            step = int((standing.mark - datetime(2026, 3, 2, tzinfo=UTC)).total_seconds())
            assert len(standing.holes) == (step + 5) // 10
