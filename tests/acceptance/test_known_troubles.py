"""Troubles that users of other collectors had from end to end, each named after the thread that tells it."""

import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command
from acceptance.test_outages import message
from acceptance.test_pausing import metric
from acceptance.test_status import MANUAL, fill, status
from acceptance.three_protocols import mqtt_file
from servers.mosquitto import Mosquitto, publishing
from servers.process import free_port, serving
from timescaledb import Server

from ems_telemetry.config.service import SpoolSettings
from ems_telemetry.model import Batch, Reading
from ems_telemetry.service.standing import WANTED_HOURS
from ems_telemetry.spool.codec import encode

SMALL_SPOOL = "spool: {directory: ../var/spool, max_size: 64MiB}"


# https://github.com/thingsboard/thingsboard-gateway/issues/2124
def test_thingsboard_gateway_2124_the_spool_outlives_reconnects_reloads_and_restarts(
    tmp_path: Path, killable_database: Server, make_product: MakeProduct
) -> None:
    """There, each reconnect to the broker destroyed the storage and began a new one."""
    broker = Mosquitto(tmp_path / "broker")
    killable_database.kill()
    product = make_product(killable_database.dsn, {"broker": mqtt_file(broker.endpoint), "hand": MANUAL})
    with serving(broker):
        product.start()
        for number in range(3):
            product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
            with publishing(broker.port) as publisher:
                publisher.send_all([message(10 * number + k) for k in range(10)])
            if number == 1:
                file = product.folder / "connectors/broker.yaml"
                file.write_text(file.read_text().replace("site: BER1", "site: BER1\nkeepalive: 20s"))
                assert command("reload", "--config", str(product.config)).returncode == 0
            product.wait_for(lambda n=number: stored(product) >= 10 * (n + 1), "kept")  # type: ignore[misc]  # mypy knows no such lambda
            broker.kill()
            product.wait_for(lambda: product.states()["broker"] == "down", "the outage of the broker")
            broker.start()
        product.kill()
        killable_database.start()
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 30, "everything")
        assert product.stop() == 0


def stored(product: Product) -> int:
    """How many readings of the broker were put into the spool since the service began."""
    connectors = product.get("/api/v1/connectors")["items"]
    return next(int(one["counters"].get("samples_stored", 0)) for one in connectors if one["name"] == "broker")


# https://forum.inductiveautomation.com/t/dropped-data-points/111169
@pytest.mark.endurance
def test_ignition_111169_a_buffer_is_told_in_hours_and_alarms_at_50_80_and_95_percent(
    tmp_path: Path, make_product: MakeProduct
) -> None:
    """There, 25,000 records were the default: under two minutes, and nobody knew."""
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere", {"broker": mqtt_file(broker.endpoint)})
    text = product.config.read_text().replace("spool: {directory: ../var/spool}", SMALL_SPOOL)
    product.config.write_text(text)
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
        numbers = count()

        def hours_are_told() -> bool:
            publisher.send(*message(next(numbers)))
            return product.get("/api/v1/status")["spool"]["hours_left"] is not None

        product.wait_for(hours_are_told, "how long there is room")
        assert "room for" in status(product)[1]
        for passed, share in enumerate((0.52, 0.82, 0.96), 1):
            fill(product.folder / "var/spool", share)
            product.wait_for(lambda n=passed: product.log.count("spool_filling") == n, f"{share} told")  # type: ignore[misc]
            words = status(product)[1]
            mark = "◆" if passed == 1 else "✕"
            assert re.search(rf"{mark} the spool is \d\d% full, room for", words), words
        checks = {check["name"]: check["ok"] for check in product.ask("/readyz")[1]["checks"]}
        assert not checks["spool"]
        assert float(metric(product, "ems_telemetry_spool_seconds_left")) > 0


# https://forum.inductiveautomation.com/t/dropped-data-points/111169
def test_ignition_111169_the_default_holds_a_long_weekend_of_a_large_plant() -> None:
    """A thousand points every five seconds for 72 hours, at the size that a batch of them has in the spool."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    points = [Reading(f"EM-{n:03}.active_power", now, 12.5 + n, None, None, 192, 0, 0, now) for n in range(1_000)]
    assert SpoolSettings().max_size / len(encode(Batch("hall-1", points))) * 5 / 3600 > WANTED_HOURS
