import subprocess
import sys
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
