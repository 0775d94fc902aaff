"""For how long the spool has room: by what the service counts, by what is seen, or not told."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from servers.process import LOOPBACK, free_port
from unit.spool.test_inspection import spool_in
from unit.spool.test_sqlite import batch

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.service import Settings
from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.observe import Metrics
from ems_telemetry.service.spool_status import APPENDED, look_at_spool


class Counting(BaseHTTPRequestHandler):
    """A service that has put a thousand bytes more into its spool each time it is asked."""

    counted = 0

    def do_GET(self) -> None:
        type(self).counted += 1000
        body = f"# TYPE {APPENDED} counter\n{APPENDED} {self.counted}\n".encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[int]:
    server = HTTPServer((LOOPBACK, 0), Counting)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def settings(folder: Path, port: int | None = None) -> Settings:
    return Settings.model_validate(
        {"spool": {"directory": folder, "max_size": "100MB"}, "api": {"host": LOOPBACK, "port": port or free_port()}}
    )


async def test_a_running_service_tells_the_rate(tmp_path: Path, service: int) -> None:
    spool = spool_in(tmp_path)
    await spool.open()
    await spool.append(batch())
    status = await look_at_spool(settings(tmp_path, service), SystemClock(), 0.5)
    await spool.close()
    assert status.rate_from == "metrics"
    assert status.bytes_per_s is not None
    assert 1000 < status.bytes_per_s <= 2000
    assert status.hours_left is not None
    assert 10 < status.hours_left < 30
    assert 0 < status.share < 0.001


async def test_without_one_what_comes_in_is_seen_although_it_is_taken_away_again(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await spool.open()

    async def use() -> None:
        while True:
            await spool.append(batch())
            await asyncio.sleep(0.1)
            await spool.remove([entry.sequence for entry in await spool.read(10**6)])

    using = asyncio.create_task(use())
    status = await look_at_spool(settings(tmp_path), SystemClock(), 1.0)
    using.cancel()
    await asyncio.gather(using, return_exceptions=True)
    await spool.close()
    assert (status.rate_from, status.bytes_per_s is not None) == ("growth", True)


async def test_where_nothing_is_seen_no_rate_is_made_up(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await spool.open()
    await spool.append(batch())
    await spool.close()
    status = await look_at_spool(settings(tmp_path), SystemClock(), 0.1)
    assert (status.batches, status.bytes_per_s, status.rate_from, status.hours_left) == (1, None, None, None)


async def test_where_there_is_no_spool_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpoolDamagedError, match="no spool in"):
        await look_at_spool(settings(tmp_path), SystemClock(), 0.1)


def test_the_metric_it_asks_for_is_one_the_service_has() -> None:
    metrics = Metrics()
    metrics.spool_appended.set_function(lambda: 7.0)
    assert metrics.registry.get_sample_value(APPENDED) == 7.0
