import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from ems_telemetry.model import Gap
from ems_telemetry.service.heartbeat import FILE_NAME, Heartbeat, LastBeat, Memory

NOW = datetime(2026, 3, 2, 10, 0, 0, 250_000, tzinfo=UTC)
OPEN = Gap(UUID(int=1), "c", "EM-01.p", NOW - timedelta(minutes=1), NOW, "no_data", 0, is_open=True, expected=5)
MEMORY = Memory({"EM-01.p": (NOW - timedelta(minutes=1), NOW)}, [OPEN], [OPEN._replace(id=UUID(int=2), cause="node_unknown")])


def test_a_first_start_finds_nothing(tmp_path: Path) -> None:
    assert Heartbeat(tmp_path).read() is None


def test_the_last_sign_of_life_is_found_with_what_it_tells(tmp_path: Path) -> None:
    Heartbeat(tmp_path).beat(NOW - timedelta(seconds=5), {})
    Heartbeat(tmp_path).beat(NOW, {"c": MEMORY})
    assert Heartbeat(tmp_path).read() == LastBeat(NOW, {"c": MEMORY})
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


def test_content_that_cannot_be_read_leaves_the_time(tmp_path: Path) -> None:
    Heartbeat(tmp_path).beat(NOW, {"c": MEMORY})
    stat = (tmp_path / FILE_NAME).stat()
    for content in (b"", b"\x00" * 4096, (tmp_path / FILE_NAME).read_bytes()[:-1], b"\x81\xa1c\x01"):
        (tmp_path / FILE_NAME).write_bytes(content)
        os.utime(tmp_path / FILE_NAME, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
        assert Heartbeat(tmp_path).read() == LastBeat(NOW, None)
