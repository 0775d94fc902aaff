"""The demo, as somebody who has nothing installed tries it."""

import re
import subprocess
import sys

import pytest
from acceptance.product import COMMAND


@pytest.mark.timeout(180)
def test_the_demo_ingests_over_all_three_protocols_and_ends_by_itself(timescaledb_url: str) -> None:
    done = subprocess.run(  # noqa: S603 - ourselves
        [*COMMAND, "demo", "--seconds", "15", "--database", timescaledb_url],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    found = re.fullmatch(
        r"ingested opcua=(\d+) modbus=(\d+) mqtt=(\d+) rows=(\d+) dead_letters=(\d+) database=timescaledb-apache", last
    )
    assert found, last
    opcua, modbus, mqtt, rows, _ = map(int, found.groups())
    assert min(opcua, modbus, mqtt) > 0
    assert rows == opcua + modbus + mqtt


@pytest.mark.timeout(180)
@pytest.mark.endurance
def test_the_demo_needs_no_database_of_its_users() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ems_telemetry.cli.main", "demo", "--seconds", "5"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("database=postgresql")
