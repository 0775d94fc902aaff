"""The collecting process and the broker are killed again and again while messages flow: each message is stored once."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest
from integration.mqtt import collector
from servers.mosquitto import Mosquitto, publishing
from servers.process import serving

from ems_telemetry.model import Reading
from ems_telemetry.spool.sqlite import FILE_NAME

MESSAGES = 2000
FILE = """
type: mqtt
endpoint: {endpoint}
site: BER1
qos: 2
receive_maximum: 20
meters:
  - {{id: TT-01, topic: plant/count, payload: scalar, points: [{{id: number, quantity: count, unit: "1"}}]}}
"""


class Collector:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, collector.__file__, str(self.folder)]
        with (self.folder / "collector.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - ourselves

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(20) == 0


async def spooled(folder: Path) -> list[Reading]:
    spool = collector.open_spool(folder)
    await spool.open()
    try:
        return [reading for entry in await spool.read(10**9) for reading in entry.batch.readings]
    finally:
        await spool.close()


@pytest.mark.endurance
def test_kills_at_any_instant_lose_and_double_nothing(tmp_path: Path) -> None:
    """At QoS 2, without times; at QoS 1 see tests/acceptance/test_sigkill.py."""
    broker = Mosquitto(tmp_path / "broker", saves_often=False)
    (tmp_path / "broker.yaml").write_text(FILE.format(endpoint=broker.endpoint))
    process, spool = Collector(tmp_path), tmp_path / "spool" / FILE_NAME
    with serving(broker), publishing(broker.port) as publisher:
        process.start()
        wait_until((tmp_path / "up").exists)
        sending = threading.Thread(
            target=publisher.send_all, args=([("plant/count", str(n)) for n in range(MESSAGES)],), kwargs={"qos": 2}
        )
        sending.start()
        for pause_s in (0.0, 0.004, 0.011):
            wait_for_more(spool)
            sleep(pause_s)
            process.kill()
            process.start()
        assert items_in(spool) < MESSAGES
        sending.join()
        wait_until(lambda: items_in(spool) >= MESSAGES)
        sleep(0.3)  # time for one too many
        process.stop()
    counted = Counter(reading.value for reading in asyncio.run(spooled(tmp_path)))
    assert counted == Counter(range(MESSAGES))


def wait_until(condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
    deadline = monotonic() + timeout_s
    while not condition():
        assert monotonic() < deadline
        sleep(0.002)


def wait_for_more(spool: Path) -> None:
    known = items_in(spool)
    wait_until(lambda: items_in(spool) > known)


def items_in(spool: Path) -> int:
    """Counts what lies in a spool while another process writes it."""
    with contextlib.closing(sqlite3.connect(spool)) as connection:
        return int(connection.execute("SELECT coalesce(sum(items), 0) FROM batches").fetchone()[0])
