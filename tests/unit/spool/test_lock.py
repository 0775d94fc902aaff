import os
import subprocess
import sys
import threading
from pathlib import Path

from ems_telemetry.spool.lock import ReaderLock


def test_only_one_can_hold_it_and_the_other_learns_who(tmp_path: Path) -> None:
    first, second = ReaderLock(tmp_path), ReaderLock(tmp_path)
    assert first.take()
    assert first.take()
    assert not second.take()
    assert second.holder().isdigit()
    first.release()
    first.release()
    assert second.take()
    second.release()


def test_it_comes_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, time; from ems_telemetry.spool.lock import ReaderLock; "
        "lock = ReaderLock(pathlib.Path(sys.argv[1])); lock.take(); print('taken', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as holder:  # noqa: S603 - ourselves
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        lock = ReaderLock(tmp_path)
        assert not lock.take()
        assert lock.holder() == str(holder.pid)
        holder.kill()
        holder.wait(10)
    assert lock.take()
    lock.release()


def test_whether_it_is_held_is_seen_without_taking_it(tmp_path: Path) -> None:
    lock, looking = ReaderLock(tmp_path), ReaderLock(tmp_path)
    assert not looking.is_held()
    assert lock.take("http://127.0.0.1:8080")
    assert looking.is_held()
    assert looking.address() == "http://127.0.0.1:8080"
    assert looking.holding_process() == os.getpid()
    lock.release()
    assert not looking.is_held()
    assert looking.holding_process() is None
    assert lock.take()
    assert looking.address() is None
    lock.release()


def test_a_number_that_belongs_to_another_program_is_no_holder(tmp_path: Path) -> None:
    """As in a container, whose processes have numbers of their own."""
    lock, looking = ReaderLock(tmp_path), ReaderLock(tmp_path)
    assert lock.take()
    (tmp_path / "reader.lock").write_text(f"{os.getppid()}\n")
    assert looking.is_held()
    assert looking.holding_process() is None
    lock.release()


def test_looking_whether_it_is_held_keeps_nobody_from_taking_it(tmp_path: Path) -> None:
    looking = ReaderLock(tmp_path)
    ending = threading.Event()

    def look() -> None:
        while not ending.is_set():
            looking.is_held()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            lock = ReaderLock(tmp_path)
            assert lock.take()
            lock.release()
    finally:
        ending.set()
        thread.join()
