"""A minute in which everything breaks: by number, nothing is lost and nothing is doubled."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SEED = 20260302
TESTS = Path(__file__).parent.parent
ACCOUNT = re.compile(
    rf"account seed={SEED} sent=(\d+) acknowledged=(\d+) readings=(\d+) dead_letters=(\d+) gaps=(\d+) lost=0 doubled=0"
)


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_doubled_while_everything_breaks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chaos", "--minutes", "1", "--seed", str(SEED), "--folder", str(tmp_path / "chaos")]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "scripts")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(  # noqa: S603 - ourselves
        command, env=environment, capture_output=True, text=True, timeout=850, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    account = ACCOUNT.fullmatch(done.stdout.splitlines()[-1])
    assert account is not None, done.stdout[-2000:]
    sent, acknowledged, readings, dead_letters, gaps = map(int, account.groups())
    assert sent >= acknowledged > 500
    assert readings > 500
    assert dead_letters > 3
    assert gaps > 0
