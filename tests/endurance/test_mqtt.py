"""MQTT for longer than a change may wait: hundreds of thousands of messages, restarts, floods. `make endurance` runs it."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product
from restarts import FILE, TOPIC, check_once_each, flow_through_restarts, messages, stored
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.process import serving
from steady_publisher import publishing_steadily

FLOOD = 100_000
MOST_MEMORY_BYTES = 250 * 1024 * 1024
CADENCE_S = 0.5
CALM = """
    type: mqtt
    endpoint: {endpoint}
    site: BER1
    meters:
      - id: TT-01
        topic: plant/tt01
        time: $.ts
        points: [{{id: temperature, value: $.t, quantity: temperature, unit: degC}}]
    """


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("qos", [1, 2])
def test_200_000_messages_through_ten_restarts_of_the_broker_and_ten_kills_of_the_service(
    database_url: str, make_product: MakeProduct, tmp_path: Path, qos: int
) -> None:
    count = 200_000
    product = flow_through_restarts(make_product, database_url, tmp_path, count=count, restarts=10, qos=qos)
    check_once_each(product, count)


@pytest.mark.timeout(900)
def test_a_flood_is_taken_in_with_little_memory_and_holds_nobody_else_up(
    database_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    flooded, calm = Mosquitto(tmp_path / "flooded", saves_often=False), Mosquitto(tmp_path / "calm", saves_often=False)
    files = {
        "flooded": FILE.format(endpoint=flooded.endpoint, topic=TOPIC, qos=1),
        "calm": CALM.format(endpoint=calm.endpoint),
    }
    product = make_product(database_url, files)
    with serving(flooded), serving(calm), publishing_steadily(flooded.port) as publisher, publishing(calm.port) as ticking:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: set(product.states().values()) == {"up"}, "both connectors up")
        assert product.stop() == 0
        publisher.send_all(messages(FLOOD))
        enough = threading.Event()
        ticker = threading.Thread(target=tick, args=(ticking, enough))
        product.start()
        ticker.start()
        try:
            highest = watch_memory(product)
        finally:
            enough.set()
            ticker.join()
        sleep(1)
        assert product.stop() == 0
    check_once_each(product, FLOOD)
    print(f"most memory of the service: {highest / 2**20:.0f} MiB")  # noqa: T201 - a figure for who runs it
    assert highest < MOST_MEMORY_BYTES, f"{highest / 2**20:.0f} MiB"
    assert longest_delay_s(product) < 4 * CADENCE_S


def tick(publisher: Publisher, enough: threading.Event) -> None:
    while not enough.wait(CADENCE_S):
        publisher.send("plant/tt01", json.dumps({"ts": datetime.now(UTC).isoformat(), "t": 21.5}))


def watch_memory(product: Product) -> int:
    """Waits until the flood is in the database; gives the most memory the service took meanwhile, in bytes."""
    process = product.process.process
    assert process is not None
    service, highest, deadline = psutil.Process(process.pid), 0, monotonic() + 600
    while monotonic() < deadline:
        highest = max(highest, service.memory_info().rss)
        if stored(product) >= FLOOD:
            return highest
        sleep(0.1)
    raise AssertionError(product.log[-3000:])


def longest_delay_s(product: Product) -> float:
    """How long a message of the calm connector took from its publishing to its reception, at most."""
    query = "SELECT max(received_at - time) FROM readings_by_point WHERE point = 'TT-01.temperature'"
    ((delay,),) = product.rows(query)
    print(f"longest delay of the calm connector: {delay}")  # noqa: T201 - a figure for who runs it
    return float(delay.total_seconds())
