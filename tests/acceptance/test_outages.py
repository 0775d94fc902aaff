"""What is away or wrong at start and after: the service runs, tells what is missing, and loses nothing."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acceptance.conftest import MakeProduct
from acceptance.three_protocols import TIMED, mqtt_file
from servers.mosquitto import Mosquitto, publishing
from servers.process import free_port, serving
from timescaledb import Server

FIRST = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def message(number: int) -> tuple[str, str]:
    return TIMED, f'{{"ts": "{(FIRST + timedelta(seconds=number)).isoformat()}", "kwh": {number}}}'


def test_a_database_that_is_away_at_start_is_told_and_written_to_when_it_comes(
    tmp_path: Path, killable_database: Server, make_product: MakeProduct
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    killable_database.kill()
    product = make_product(killable_database.dsn, {"broker": mqtt_file(broker.endpoint)})
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
        publisher.send_all([message(number) for number in range(50)])
        status, readiness = product.ask("/readyz")
        assert status == 503
        database = next(check for check in readiness["checks"] if check["name"] == "database")
        assert not database["ok"]
        assert "readings wait in the spool" in database["detail"]
        status, problem = product.ask("/api/v1/points")
        assert (status, problem["status"]) == (503, 503)
        assert product.ask("/healthz")[0] == 200

        killable_database.start()
        product.wait_until_ready()
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 50, "all readings")
        killable_database.kill()
        publisher.send_all([message(number) for number in range(50, 100)])
        killable_database.start()
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 100, "all readings after the kill")
        assert product.stop() == 0
    assert [value for _, value, *_ in product.values("EM-01.energy")] == list(range(100))


def test_a_device_that_is_absent_holds_up_nobody(tmp_path: Path, plain_url: str, make_product: MakeProduct) -> None:
    broker = Mosquitto(tmp_path / "broker")
    absent = f"""
        type: opcua
        endpoint: opc.tcp://127.0.0.1:{free_port()}
        site: BER1
        meters:
          - {{id: CA-01, points: [{{id: flow, node: "ns=2;s=Flow", quantity: gas_flow, unit: Nm3/h}}]}}
        """
    product = make_product(plain_url, {"absent": absent, "broker": mqtt_file(broker.endpoint)})
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
        product.wait_for(lambda: product.states()["absent"] == "down", "absence told")
        publisher.send(*message(1))
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 1, "the other one's reading")
        (status,) = (item for item in product.get("/api/v1/connectors")["items"] if item["name"] == "absent")
        assert "nobody listens there" in status["last_error"]
        assert product.ask("/readyz")[0] == 200
        assert product.stop() == 0


@pytest.mark.endurance
def test_a_message_that_cannot_be_read_is_a_dead_letter_and_is_acknowledged(
    tmp_path: Path, plain_url: str, make_product: MakeProduct
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(plain_url, {"broker": mqtt_file(broker.endpoint)})
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
        publisher.send_all([message(1), (TIMED, '{"ts": "2026-03-02T10:00:0'), (TIMED, b"\xff\xfe"), message(2)])
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 2, "the readable ones")
        product.wait_for(lambda: product.rows("SELECT count(*) FROM dead_letters") == [(2,)], "the dead letters")
        assert product.stop() == 0
        product.start()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed again")
        publisher.send(*message(3))
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 3, "the one after")
        assert product.stop() == 0
    letters = product.rows("SELECT connector, reason, source, payload FROM dead_letters ORDER BY received_at, payload")
    assert {(connector, source) for connector, _, source, _ in letters} == {("broker", TIMED)}
    assert {bytes(payload) for *_, payload in letters} == {b'{"ts": "2026-03-02T10:00:0', b"\xff\xfe"}


def test_a_second_signal_ends_it_at_once_and_what_was_acknowledged_is_stored_later(
    tmp_path: Path, killable_database: Server, make_product: MakeProduct
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(killable_database.dsn, {"broker": mqtt_file(broker.endpoint)})
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
        killable_database.kill()
        publisher.send_all([message(number) for number in range(200)])
        running = product.process.process
        assert running is not None
        running.send_signal(signal.SIGTERM)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) != 0
        killable_database.start()
        product.start()
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 200, "everything")
        assert product.stop() == 0
