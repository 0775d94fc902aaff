"""No silence without a row: a meter that falls silent, a broker that goes, and a service that is killed are in the ledger."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from time import sleep
from typing import Any

from acceptance.conftest import MakeProduct
from acceptance.product import Product
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.process import serving

TOPIC = "plant/em01/power"
POINT = "EM-01.power"


def meter_file(endpoint: str) -> str:
    return f"""
        type: mqtt
        endpoint: {endpoint}
        site: BER1
        meters:
          - id: EM-01
            topic: {TOPIC}
            time: $.ts
            points:
              - {{id: power, value: $.kw, quantity: active_power, unit: kW, expected_interval: 1s}}
        """


@contextmanager
def speaking(publisher: Publisher) -> Iterator[None]:
    """The meter publishes five times a second."""
    stopping = threading.Event()

    def speak() -> None:
        while not stopping.wait(0.2):
            publisher.send(TOPIC, f'{{"ts": "{datetime.now(UTC).isoformat()}", "kw": 42.5}}')

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        yield
    finally:
        stopping.set()
        speaker.join()


def gaps(product: Product, query: str = "") -> list[dict[str, Any]]:
    items = product.get(f"/api/v1/gaps?point={POINT}{query}")["items"]
    return sorted(items, key=lambda item: str(item["start"]))


def is_told(product: Product, cause: str) -> bool:
    return [gap["cause"] for gap in gaps(product, "&open=true")] == [cause]


def test_every_silence_is_a_row_with_its_cause_its_start_and_its_end(
    timescaledb_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(timescaledb_url, {"broker": meter_file(broker.endpoint)})
    with serving(broker):
        with publishing(broker.port) as publisher:
            product.start()
            product.wait_until_ready()
            with speaking(publisher):
                product.wait_for(lambda: len(product.values(POINT)) > 3, "readings")
            product.wait_for(lambda: is_told(product, "no_data"), "the silence of the meter")
            with speaking(publisher):
                product.wait_for(lambda: gaps(product, "&open=true") == [], "the end of the silence")
                product.kill()
                sleep(3)
                product.start()
                product.wait_until_ready()
                product.wait_for(lambda: gaps(product)[-1]["cause"] == "service_stopped", "the outage of the service")
                product.wait_for(lambda: bool(gaps(product)[-1]["found"]), "what the broker had kept")
        broker.kill()
        product.wait_for(lambda: is_told(product, "link_down"), "the outage of the broker")
    assert product.stop() == 0
    check(product)


def check(product: Product) -> None:
    query = (
        "SELECT cause, started_at, ended_at, expected, found, filled FROM gaps_by_point WHERE point = %s ORDER BY started_at"
    )
    rows = product.rows(query, POINT)
    times = {time for time, *_ in product.values(POINT)}
    (outage,) = (row for row in rows if row[0] == "service_stopped")
    silence = next(row for row in rows if row[0] == "no_data")
    assert rows[-1][0] == "link_down"
    assert all(former[2] <= latter[1] for former, latter in pairwise(rows))
    _, _, end, expected, found, filled = silence
    assert end in times
    assert (expected >= 1, found, filled) == (True, 0, False)
    _, start, end, expected, found, filled = outage
    assert (start in times, (end - start).total_seconds() > 3) == (True, True)
    assert (expected >= 2, found > expected, filled) == (True, True, True)
