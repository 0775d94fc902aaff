"""The demo's files describe exactly what the simulator serves: every register, node and topic, under the same keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import HandClock

from ems_telemetry.config.document import read_document
from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.connectors.simulator import modbus_registers as registers
from ems_telemetry.connectors.simulator.live import LivePlant
from ems_telemetry.connectors.simulator.opcua_server import NAMESPACE, VARIABLES
from ems_telemetry.connectors.simulator.telemetry import TOPICS
from ems_telemetry.connectors.simulator.values import build_signals
from ems_telemetry.shipped import shipped

FOLDER = shipped("config") / "demo"
ENVIRONMENT = {"EMS_DEMO_OPCUA_PORT": "4840", "EMS_DEMO_MODBUS_PORT": "502", "EMS_DEMO_MQTT_PORT": "1883"}
ENCODERS = {
    ("float32", "ABCD"): registers.float32_abcd,
    ("uint64", "ABCD"): registers.uint64_abcd,
    ("uint32", "ABCD"): registers.uint32_abcd,
    ("uint32", "CDAB"): registers.uint32_cdab,
}
KILO = {"W": 1000.0, "Wh": 1000.0}


def data(path: Path) -> dict[str, Any]:
    return dict(read_document(path, ENVIRONMENT).data)


def points(name: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for meter in data(FOLDER / "connectors" / f"{name}.yaml")["meters"]:
        for point in meter["points"]:
            yield f"{meter['id']}.{point['id']}", meter, point


ALL = [entry for name in ("compressor-and-stack", "meter-gateway", "plant-broker") for entry in points(name)]


def test_every_point_of_the_plant_is_configured_once() -> None:
    keys = [key for key, _, _ in ALL]
    assert sorted(keys) == sorted(build_signals(1))


def test_areas_and_quantities_are_known() -> None:
    (site,) = data(FOLDER / "plant.yaml")["sites"]
    assert {meter["area"] for _, meter, _ in ALL} == set(site["areas"])
    assert {point["quantity"] for _, _, point in ALL} <= set(QUANTITIES)


def test_endpoints_take_their_ports_from_the_environment() -> None:
    endpoints = {data(path)["endpoint"] for path in (FOLDER / "connectors").glob("*.yaml")}
    assert endpoints == {"opc.tcp://127.0.0.1:4840", "tcp://127.0.0.1:502", "mqtt://127.0.0.1:1883"}


def test_modbus_points_are_where_the_units_have_them() -> None:
    configured = {
        (meter["unit_id"], point["address"], key, ENCODERS[point["type"], point["order"]])
        for key, meter, point in points("meter-gateway")
    }
    served = {(unit, r.address, r.point, r.encode) for unit, found in registers.UNITS.items() for r in found}
    assert configured == served


def test_modbus_scales_and_units_undo_the_factors_of_the_units() -> None:
    factors = {register.point: register.factor for found in registers.UNITS.values() for register in found}
    for key, _, point in points("meter-gateway"):
        assert factors[key] * float(point.get("scale", 1)) / KILO.get(point["unit"], 1) == pytest.approx(1), key


def test_opcua_points_name_the_nodes_of_the_server() -> None:
    configured = {(key, point["node"]) for key, _, point in points("compressor-and-stack")}
    assert configured == {(variable.point, f"nsu={NAMESPACE};s={variable.identifier}") for variable in VARIABLES}


def test_mqtt_points_name_topics_that_are_published_and_fields_that_are_in_them() -> None:
    live = LivePlant(HandClock(), seed=1, faults=False, speed=1)
    payloads = {topic.name: topic.payload(live).decode() for topic in TOPICS}
    assert {meter["topic"] for _, meter, _ in points("plant-broker")} == set(payloads)
    for key, meter, point in points("plant-broker"):
        for path in filter(None, (point.get("value"), meter.get("time"))):
            field = path.rpartition(".")[2]
            assert f'"{field}":' in payloads[meter["topic"]], key


def test_the_guide_names_every_point_node_and_topic() -> None:
    guide = (FOLDER.parents[1] / "docs" / "simulator.md").read_text(encoding="utf-8")
    named = [*build_signals(1), *(variable.identifier for variable in VARIABLES), *(topic.name for topic in TOPICS)]
    assert [name for name in named if name not in guide] == []
