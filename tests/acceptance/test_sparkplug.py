"""End to end with a Sparkplug edge node that is not ours: births, data by alias, history and deaths, through kills of ours."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product
from servers.mosquitto import Mosquitto
from servers.process import serving
from servers.sparkplug_client import EdgeNode, edge_node, metric

from ems_telemetry.model import Flag

FIRST = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
ENERGY, POWER, FLOW = "EM-30.energy_import", "EM-30.power", "line-3_water-meter.flow"


def sparkplug_file(endpoint: str) -> str:
    return f"""
        type: mqtt
        endpoint: {endpoint}
        payload: sparkplug_b
        site: BER1
        sparkplug: {{group: Plant-1, edge_node: line-3, discover: true}}
        meters:
          - id: EM-30
            device: main-meter
            medium: electricity
            points:
              - {{id: energy_import, metric: Energy/Import, quantity: active_energy_import, unit: kWh, kind: counter}}
              - {{id: power, metric: Power, quantity: active_power, unit: kW}}
        """


def ms(second: float) -> int:
    return round((FIRST.timestamp() + second) * 1000)


def time(second: float) -> datetime:
    return FIRST + timedelta(seconds=second)


def give_birth(node: EdgeNode, second: float, energy: int) -> None:
    node.nbirth(metric("Boolean", value=False, name="Node Control/Rebirth"), at_ms=ms(second))
    energy_import = metric("UInt64", energy, name="Energy/Import", alias=0)
    node.dbirth("main-meter", energy_import, metric("Int32", -1, name="Power", alias=1), at_ms=ms(second))
    unit = {"engUnit": {"type": "String", "value": "m3/h"}}
    flow = metric("Double", 0.5, name="Flow", alias=2, properties=unit)
    node.dbirth("water-meter", flow, metric("String", "A", name="Recipe", alias=3), at_ms=ms(second))


def rows(product: Product, point: str) -> list[tuple[Any, ...]]:
    """All readings of a point: seconds after the first or "now", value, exact, quality, flags, source status."""
    query = """
        SELECT time, value, exact, quality, flags, source_status FROM readings_by_point WHERE point = %s
        ORDER BY received_at, time
    """
    recent = datetime.now(UTC) - timedelta(minutes=5)
    return [("now" if at > recent else (at - FIRST).total_seconds(), *rest) for at, *rest in product.rows(query, point)]


def wait_for_rows(product: Product, point: str, count: int) -> None:
    product.wait_for(lambda: len(product.values(point)) >= count, f"{count} readings of {point}")


def kill_and_start(product: Product) -> None:
    product.kill()
    product.start()
    product.wait_until_ready()
    product.wait_for(lambda: product.states() == {"line-3": "up"}, "the connector up again")


@pytest.mark.timeout(120)
def test_what_an_edge_node_says_is_stored_once_with_its_time_sign_and_state_although_we_are_killed(
    timescaledb_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(timescaledb_url, {"line-3": sparkplug_file(broker.endpoint)})
    with serving(broker):
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states() == {"line-3": "up"}, "the connector up")
        with edge_node(broker.port) as node:
            give_birth(node, 0, 2**60 + 1)
            wait_for_rows(product, FLOW, 1)
            kill_and_start(product)
            node.ddata("main-meter", metric("UInt64", 2**60 + 3, alias=0), metric("Int32", -12, alias=1), at_ms=ms(10))
            node.ddata("water-meter", metric("Double", 1.5, alias=2), at_ms=ms(10))
            history = [metric("Int32", number, alias=1, timestamp=ms(number), isHistorical=True) for number in (5, 30)]
            node.ddata("main-meter", *history, metric("UInt64", None, alias=0), at_ms=ms(20))
            wait_for_rows(product, POWER, 4)
            assert latest(product)[POWER] == (-12, [])  # what is historical moves nothing, although it is newer
            kill_and_start(product)
            node.ddeath("water-meter", at_ms=ms(40))
            wait_for_rows(product, FLOW, 3)
        wait_for_rows(product, POWER, 5)
        assert latest(product) == dict.fromkeys((ENERGY, POWER), (None, ["no_source_time", "stale"])) | {
            FLOW: (None, ["stale"])
        }
        assert product.stop() == 0

    good, stale, later = (192, 0, 0), (0, Flag.STALE, 500), (192, Flag.BACKFILLED, 0)
    died = (0, Flag.STALE | Flag.NO_SOURCE_TIME, 500)
    assert rows(product, ENERGY) == [
        (0, float(2**60 + 1), 2**60 + 1, *good),
        (10, float(2**60 + 3), 2**60 + 3, *good),
        (20, None, None, 0, Flag.INVALID_VALUE, 0),
        ("now", None, None, *died),
    ]
    assert rows(product, POWER) == [
        (0, -1, None, *good),
        (10, -12, None, *good),
        (5, 5, None, *later),
        (30, 30, None, *later),
        ("now", None, None, *died),
    ]
    assert rows(product, FLOW) == [(0, 0.5, None, *good), (10, 1.5, None, *good), (40, None, None, *stale)]
    assert product.rows("SELECT reason, convert_from(payload, 'UTF8')::json ->> 'metric' FROM dead_letters") == [
        ("undiscovered_metric", "Recipe")
    ]
    assert product.rows("SELECT id, discovered, active FROM meters ORDER BY id") == [
        ("EM-30", False, True),
        ("line-3_water-meter", True, True),
    ]


def latest(product: Product) -> dict[str, tuple[float | None, list[str]]]:
    """Value and flags of each point as REST tells them now."""
    items = product.get("/api/v1/readings/latest")["items"]
    return {item["point"]: (item["value"], item["flags"]) for item in items}
