"""Stopping while the database holds everything up: within its time, at once when asked twice, and with nothing lost."""

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from acceptance.conftest import MakeProduct
from acceptance.three_protocols import TIMED, mqtt_file
from servers.mosquitto import Mosquitto, publishing
from servers.process import serving

FIRST = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MESSAGES = 100


def messages(first: int) -> list[tuple[str, str | bytes]]:
    times = [(number, FIRST + timedelta(seconds=number)) for number in range(first, first + MESSAGES)]
    return [(TIMED, f'{{"ts": "{time_.isoformat()}", "kwh": {number}}}') for number, time_ in times]


def test_a_slow_database_holds_up_a_stop_no_longer_than_told_and_a_second_signal_not_at_all(
    tmp_path: Path, empty_plain_url: str, make_product: MakeProduct
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(empty_plain_url, {"broker": mqtt_file(broker.endpoint)}, "stop_within: 8s\n")
    with serving(broker), publishing(broker.port) as publisher:
        for round_, signals in enumerate([1, 2]):
            product.start()
            product.wait_until_ready()  # at the first start the database is empty, and `run` brings the schema
            product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
            running = product.process.process
            assert running is not None
            with psycopg.connect(empty_plain_url) as blocking:
                blocking.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
                publisher.send_all(messages(round_ * MESSAGES))
                time.sleep(0.5)  # a transaction is under way
                began_s = time.monotonic()
                for _ in range(signals):
                    running.send_signal(signal.SIGTERM)
                    time.sleep(0.1)
                code = running.wait(20)
                took_s = time.monotonic() - began_s
            product.process.process = None
            assert took_s < (8 + 8 if signals == 1 else 8), took_s
            assert code == (0 if signals == 1 else 1)
        product.start()
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 2 * MESSAGES, "everything")
        assert product.stop() == 0
    assert [value for _, value, *_ in product.values("EM-01.energy")] == list(range(2 * MESSAGES))
