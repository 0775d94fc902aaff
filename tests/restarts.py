"""Messages that flow through a broker into the service while both are restarted again and again."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

from acceptance.conftest import MakeProduct
from acceptance.product import Product
from servers.mosquitto import Mosquitto
from servers.process import serving
from steady_publisher import publishing_steadily

TOPIC = "plant/em01/telemetry"
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
FILE = """
    type: mqtt
    endpoint: {endpoint}
    site: BER1
    qos: {qos}
    meters:
      - id: EM-01
        topic: {topic}
        time: $.ts
        points: [{{id: energy, value: $.kwh, quantity: active_energy_import, unit: kWh, kind: counter}}]
    """


def messages(count: int) -> Iterator[tuple[str, str]]:
    for number in range(count):
        time = FIRST + timedelta(milliseconds=100 * number)
        yield TOPIC, f'{{"ts": "{time.isoformat()}", "kwh": {number}}}'


def flow_through_restarts(
    make_product: MakeProduct, database: str, folder: Path, *, count: int, restarts: int, qos: int = 1
) -> Product:
    """Publishes so many messages while the service is killed and the broker restarted, so many times.

    Returns when all messages are in the database.
    """
    broker = Mosquitto(folder / "broker", saves_often=False)
    product = make_product(database, {"broker": FILE.format(endpoint=broker.endpoint, topic=TOPIC, qos=qos)})
    with serving(broker), publishing_steadily(broker.port) as publisher:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states() == {"broker": "up"}, "connector up")
        sending = threading.Thread(target=publisher.send_all, args=(messages(count),))
        sending.start()
        for _ in range(restarts):
            known = stored(product)
            product.wait_for(lambda known=known: stored(product) > known, "messages flow", 120)  # type: ignore[misc]
            product.kill()
            broker.stop()
            sleep(0.2)
            broker.start()
            product.start()
        sending.join()
        product.wait_for(lambda: stored(product) >= count, f"{count} rows", 600)
        sleep(1)  # time for one too many
        assert product.stop() == 0
    return product


def check_once_each(product: Product, count: int) -> None:
    """Every message is one row, with its own time and value."""
    query = "SELECT count(*), count(DISTINCT time), sum(value), min(value), max(value) FROM readings_by_point WHERE point = %s"
    ((rows, times, total, lowest, highest),) = product.rows(query, "EM-01.energy")
    assert (rows, times, lowest, highest) == (count, count, 0, count - 1)
    assert total == count * (count - 1) / 2
    assert product.rows("SELECT count(*) FROM dead_letters") == [(0,)]


def stored(product: Product) -> int:
    return int(product.rows("SELECT count(*) FROM readings")[0][0])
