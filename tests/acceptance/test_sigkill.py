"""What the broker was told is safe is in the database once, however often the service dies."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

import pytest
from acceptance.conftest import MakeProduct
from servers.mosquitto import Mosquitto, publishing
from servers.process import serving

TIMED, TIMELESS = "plant/em01/telemetry", "plant/tt01/temperature"
MESSAGES = 2500
KILLS_WHILE_MESSAGES_FLOW = 3
PAUSE_S = 0.002


def broker_file(broker: Mosquitto) -> str:
    return f"""
        type: mqtt
        endpoint: {broker.endpoint}
        site: BER1
        meters:
          - id: EM-01
            medium: electricity
            topic: {TIMED}
            time: $.ts
            points:
              - {{id: energy, value: $.kwh, quantity: active_energy_import, unit: kWh, kind: counter}}
          - id: TT-01
            topic: {TIMELESS}
            payload: scalar
            points:
              - {{id: number, quantity: count, unit: "1"}}
        """


@pytest.fixture
def broker(tmp_path: Path) -> Mosquitto:
    return Mosquitto(tmp_path / "broker")


@pytest.mark.timeout(240)
def test_every_message_is_stored_exactly_once_while_the_service_is_killed_again_and_again(
    broker: Mosquitto, database_url: str, make_product: MakeProduct
) -> None:
    product = make_product(database_url, {"broker": broker_file(broker)})
    first = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_for(lambda: product.get("/api/v1/connectors")["items"][0]["state"] == "up", "subscribed")

        def publish() -> None:
            for number in range(MESSAGES):
                time = first + timedelta(seconds=number)
                publisher.send(TIMED, f'{{"ts": "{time.isoformat()}", "kwh": {number}}}')
                publisher.send(TIMELESS, str(number))
                sleep(PAUSE_S)

        publishing_thread = threading.Thread(target=publish)
        publishing_thread.start()
        kills = 0
        while publishing_thread.is_alive():
            sleep(0.7)
            product.kill()
            kills += publishing_thread.is_alive()
            product.start()
        publishing_thread.join()
        assert kills >= KILLS_WHILE_MESSAGES_FLOW
        product.wait_for(lambda: len(product.values("EM-01.energy")) >= MESSAGES, "all messages with a time", 90)
        product.wait_for(lambda: len(product.values("TT-01.number")) >= MESSAGES, "all messages without a time", 90)
        product.wait_for(lambda: not _waiting(product), "spool empty")
        assert product.stop() == 0

    timed = product.values("EM-01.energy")
    assert [value for _, value, *_ in timed] == list(range(MESSAGES))
    assert timed[0][0] == first
    counted = Counter(value for _, value, *_ in product.values("TT-01.number"))
    assert counted == Counter(range(MESSAGES))
    assert product.rows("SELECT count(*) FROM dead_letters") == [(0,)]


def _waiting(product: object) -> bool:
    checks = product.get("/readyz")["checks"]  # type: ignore[attr-defined]
    return not next(check for check in checks if check["name"] == "spool")["detail"].startswith("0 batches")
