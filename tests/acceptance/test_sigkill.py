"""End to end over three protocols, against servers that are not ours, while the service is killed again and again."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import sleep

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product
from acceptance.three_protocols import TIMED, TIMELESS, modbus_file, mqtt_file, opcua_file
from servers.modbus import program
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.node_opcua import COUNTER_START, NodeOpcuaServer
from servers.process import ServerProcess, free_port, serving

MESSAGES = 2500
KILLS_WHILE_MESSAGES_FLOW = 3
PAUSE_S = 0.002
FIRST = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def publish_all(publisher: Publisher) -> None:
    for number in range(MESSAGES):
        time = FIRST + timedelta(seconds=number)
        publisher.send(TIMED, f'{{"ts": "{time.isoformat()}", "kwh": {number}}}')
        publisher.send(TIMELESS, str(number))
        sleep(PAUSE_S)


@pytest.mark.endurance  # what `make test` proves by chaos, here with more messages and on both kinds of database
@pytest.mark.timeout(240)
def test_every_message_is_stored_exactly_once_and_every_meter_is_read_on(
    database_url: str, own_opcua_server: NodeOpcuaServer, make_product: MakeProduct, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    modbus_port = free_port()
    modbus = ServerProcess(program(modbus_port), modbus_port, tmp_path / "modbus.log")
    files = {
        "broker": mqtt_file(broker.endpoint),
        "plc": opcua_file(own_opcua_server.endpoint),
        "gateway": modbus_file(modbus_port),
    }
    product = make_product(database_url, files)
    with serving(broker), serving(modbus), publishing(broker.port) as publisher:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: set(product.states().values()) == {"up"}, "all connectors up")
        kill_while_messages_flow(product, publisher)
        product.wait_for(lambda: len(product.values("EM-01.energy")) >= MESSAGES, "all messages with a time", 90)
        product.wait_for(lambda: len(product.values("TT-01.number")) >= MESSAGES, "all messages without a time", 90)
        product.wait_for(lambda: set(product.states().values()) == {"up"}, "all connectors up again")
        known = len(product.values("CA-01.total"))
        product.wait_for(lambda: len(product.values("CA-01.total")) > known + 3, "the counter goes on")
        check_rest(product)
        assert product.stop() == 0

    check_messages(product)
    check_opcua(product)
    check_modbus(product)
    assert product.rows("SELECT count(*) FROM dead_letters") == [(0,)]


def kill_while_messages_flow(product: Product, publisher: Publisher) -> None:
    publishing_thread = threading.Thread(target=publish_all, args=(publisher,))
    publishing_thread.start()
    kills = 0
    while publishing_thread.is_alive():
        sleep(0.7)
        product.kill()
        kills += publishing_thread.is_alive()
        product.start()
    publishing_thread.join()
    assert kills >= KILLS_WHILE_MESSAGES_FLOW


def check_messages(product: Product) -> None:
    timed = product.values("EM-01.energy")
    assert [value for _, value, *_ in timed] == list(range(MESSAGES))
    assert [time for time, *_ in timed] == [FIRST + timedelta(seconds=number) for number in range(MESSAGES)]
    counted = Counter(value for _, value, *_ in product.values("TT-01.number"))
    assert counted == Counter(range(MESSAGES))


def check_opcua(product: Product) -> None:
    query = "SELECT exact FROM readings_by_point WHERE point = 'CA-01.total' ORDER BY time"
    totals = [exact for (exact,) in product.rows(query)]
    assert totals == sorted(set(totals))
    assert min(totals) >= Decimal(COUNTER_START)
    assert {value for _, value, *_ in product.values("CA-01.pressure")} == {750.0}


def check_modbus(product: Product) -> None:
    assert {value for _, value, *_ in product.values("WM-01.volume")} == {100.7}
    assert {value for _, value, *_ in product.values("WM-02.volume")} == {200.7}
    out_of_range = 4
    flows = {(value, quality, flags) for _, value, quality, flags, _ in product.values("WM-02.flow")}
    assert flows == {(None, 0, out_of_range)}


def check_rest(product: Product) -> None:
    """What REST answers is what the database holds."""
    points = {item["key"]: item for item in product.get("/api/v1/points")["items"]}
    assert points["CA-01.pressure"]["unit"] == "kPa"
    latest = {item["point"]: item for item in product.get("/api/v1/readings/latest")["items"]}
    assert latest["EM-01.energy"]["value"] == MESSAGES - 1
    assert latest["WM-02.flow"]["value"] is None
    assert latest["WM-02.flow"]["flags"] == ["out_of_range"]
    assert int(latest["CA-01.total"]["exact"]) > COUNTER_START
    assert list(read_pages(product, "/api/v1/points/EM-01.energy/readings?limit=1000")) == list(range(MESSAGES))


def read_pages(product: Product, path: str) -> Iterator[float]:
    page = product.get(path)
    yield from (item["value"] for item in page["items"])
    while page["next"] is not None:
        page = product.get(f"{path}&cursor={page['next']}")
        yield from (item["value"] for item in page["items"])


def test_readings_are_a_hypertable(timescaledb_url: str, make_product: MakeProduct) -> None:
    product = make_product(timescaledb_url, {"broker": mqtt_file(f"mqtt://127.0.0.1:{free_port()}")})
    product.start()
    product.wait_until_ready()
    assert product.stop() == 0
    tables = "SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1"
    assert product.rows(tables) == [("intervals",), ("readings",)]
