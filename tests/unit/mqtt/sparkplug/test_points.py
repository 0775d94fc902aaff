"""Births become meters and points; what nobody can guess is told once."""

import json
from pathlib import Path
from typing import Any

import pytest
from unit.mqtt.sparkplug.line import ENERGY, METER, Line, metric, payload, sparkplug_file

from ems_telemetry.connectors.guessing.quantities import Guess
from ems_telemetry.connectors.mqtt.sparkplug.births import Definition
from ems_telemetry.connectors.mqtt.sparkplug.discovering import guess_metric
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric
from ems_telemetry.connectors.mqtt.sparkplug.topic import PartName
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType
from ems_telemetry.model import Kind

MAIN = PartName("Plant-1", "line-3", "main-meter")


def of(value: Any, unit: str, type_: DataType = DataType.DOUBLE, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - see metric
    return {"value": value, "type": type_, "properties": {"engUnit": unit}, **more}


TOLD: dict[str, dict[str, Any]] = {
    "Energy/Import": of(100, "kWh", DataType.INT64, alias=0),
    "Power": of(5.5, "kW", alias=1),
    "Running": {"value": True, "type": DataType.BOOLEAN, "alias": 2},
    "Enabled": {"value": True, "type": DataType.BOOLEAN, "alias": 3},
    "Recipe": {"value": "A", "type": DataType.STRING, "alias": 4},
    "Power/Setpoint": of(7.0, "kW", alias=5),
    "Speed": of(7.0, "furlong", alias=6),
    "Node Control/Rebirth": {"value": False, "type": DataType.BOOLEAN},
    "Properties/OS": {"value": "Linux", "type": DataType.STRING},
}


def told(names: dict[str, dict[str, Any]] = TOLD) -> list[Metric]:
    return [metric(name, **settings) for name, settings in names.items()]


def dbirth(line: Line, *metrics: Metric, device: str = "main-meter", seq: int = 1, at: float = 0.0) -> None:
    line.send("DBIRTH", payload(*metrics, seq=seq, at=at), device)


@pytest.fixture
async def line(tmp_path: Path) -> Line:
    made = Line(tmp_path, discovering())
    await made.host.open()
    return made


def discovering(*meters: dict[str, Any], **settings: Any) -> Any:  # noqa: ANN401 - keys of the section
    chosen = meters or ({"id": "OTHER", "device": "other", "points": [ENERGY]},)
    return sparkplug_file(*chosen, discover=True, **settings)


async def test_a_birth_makes_a_meter_and_its_points(line: Line) -> None:
    line.nbirth(0)
    dbirth(line, *told())
    points = {key: point for key, point in line.sink.declared.items() if "main" in key}
    assert {
        key: (point.quantity.name, point.point.unit, point.point.kind, point.point.name) for key, point in points.items()
    } == {
        "line-3_main-meter.energy_import": ("active_energy_import", "kWh", Kind.COUNTER, "Energy/Import"),
        "line-3_main-meter.power": ("active_power", "kW", Kind.GAUGE, "Power"),
        "line-3_main-meter.running": ("operating_state", "1", Kind.STATE, "Running"),
    }
    (point,) = {point.point.source for key, point in points.items() if key.endswith("power")}
    assert point == "Plant-1/line-3/main-meter Power"
    assert {(point.meter.id, point.meter.name, point.site, point.connector) for point in points.values()} == {
        ("line-3_main-meter", "line-3 / main-meter", "BER1", "line")
    }
    assert line.values == [
        ("line-3_main-meter.energy_import", 100),
        ("line-3_main-meter.power", 5.5),
        ("line-3_main-meter.running", True),
    ]


async def test_what_cannot_be_guessed_is_one_dead_letter_and_stays_out(line: Line) -> None:
    line.nbirth(0)
    dbirth(line, *told())
    refusals = {json.loads(refusal.payload or b"")["metric"]: refusal for each in line.decoded for refusal in each.refusals}
    assert sorted(refusals) == ["Enabled", "Power/Setpoint", "Recipe", "Speed"]
    assert {refusal.reason for refusal in refusals.values()} == {"undiscovered_metric"}
    assert refusals["Speed"].detail == (
        '"Speed" of Plant-1/line-3/main-meter: the unit "furlong" is none of ours; '
        'list it in the file, or leave it out by "metrics"'
    )
    assert json.loads(refusals["Speed"].payload or b"") == {
        "part": "Plant-1/line-3/main-meter",
        "metric": "Speed",
        "datatype": "DOUBLE",
        "unit": "furlong",
    }
    assert line.counters["metrics_undiscovered"] == 4
    line.send("DDATA", payload(metric(value=1.0, alias=6), metric(value=6.0, alias=1), seq=2), "main-meter")
    assert line.values[-1] == ("line-3_main-meter.power", 6.0)
    assert line.counters["metrics_unwanted"] == 1


async def test_it_is_told_again_only_when_the_birth_tells_it_otherwise(line: Line) -> None:
    line.nbirth(0)
    dbirth(line, *told())
    dbirth(line, *told(), seq=2, at=1.0)
    assert line.reasons == ["undiscovered_metric"] * 4
    await line.restart()
    dbirth(line, *told(), seq=3, at=2.0)
    assert line.reasons == ["undiscovered_metric"] * 4
    dbirth(line, *told(TOLD | {"Speed": of(7.0, "parsec", alias=6)}), seq=4, at=3.0)
    assert line.reasons == ["undiscovered_metric"] * 5


async def test_points_are_known_again_after_a_restart_before_any_data(line: Line) -> None:
    line.nbirth(0)
    dbirth(line, *told())
    declared = dict(line.sink.declared)
    line.sink.declared.clear()
    await line.restart()
    assert line.sink.declared.keys() == declared.keys()
    line.send("DDATA", payload(metric(value=-3, alias=0, type=DataType.INT64, tells_type=False), seq=9), "main-meter")
    assert line.values[-1] == ("line-3_main-meter.energy_import", -3)
    line.send("DDEATH", payload(seq=10, at=5.0), "main-meter")
    assert [sample.point for sample in line.samples if sample.status == 500] == list(declared)


async def test_metrics_of_the_edge_node_itself_make_a_meter_too(line: Line) -> None:
    line.nbirth(
        0, metric("Supply Voltage", **of(12.1, "V", DataType.FLOAT)), *told({"bdSeq": {"value": 5, "type": DataType.INT64}})
    )
    assert list(line.sink.declared) == ["line-3.supply_voltage"]


async def test_points_found_join_the_meter_that_the_file_lists(tmp_path: Path) -> None:
    line = Line(tmp_path, discovering({**METER, "device": "main-meter", "points": [ENERGY]}))
    await line.host.open()
    line.nbirth(0)
    dbirth(line, *told())
    assert sorted(line.sink.declared) == ["EM-30.power", "EM-30.running"]
    assert [point for point, _ in line.values] == ["EM-30.energy", "EM-30.power", "EM-30.running"]


async def test_only_metrics_that_the_file_takes_are_discovered(tmp_path: Path) -> None:
    line = Line(tmp_path, discovering(metrics=["Energy/*", "Pow??"]))
    await line.host.open()
    line.nbirth(0)
    dbirth(line, *told())
    assert sorted(line.sink.declared) == ["line-3_main-meter.energy_import", "line-3_main-meter.power"]
    assert line.reasons == []


async def test_names_that_spell_alike_are_told_apart_the_same_way_each_time(line: Line) -> None:
    line.nbirth(0)
    alike = [metric(name, **of(1.0, "kW")) for name in ("Hall 1/Power", "Hall-1/Power", "Hall_1/Power")]
    dbirth(line, *alike, device="main meter")
    dbirth(line, metric("Power", **of(1.0, "kW")), device="main_meter", seq=2)
    keys = list(line.sink.declared)
    assert keys == [
        "line-3_main_meter.hall_1_power",
        "line-3_main_meter.hall_1_power_a849ca",
        "line-3_main_meter.hall_1_power_e7cb38",
        "Plant-1_line-3_main_meter.power",
    ]
    await line.restart()
    dbirth(line, *reversed(alike), device="main meter", seq=3, at=5.0)
    assert sorted(line.sink.declared) == sorted(keys)


async def test_a_point_keeps_its_id_when_others_come_and_go(line: Line) -> None:
    line.nbirth(0)
    first, second = (metric(name, **of(1.0, "kW")) for name in ("Hall-1/Power", "Hall 1/Power"))
    dbirth(line, first)
    dbirth(line, second, seq=2, at=1.0)
    await line.restart()
    dbirth(line, first, second, seq=3, at=2.0)
    assert list(line.sink.declared) == ["line-3_main-meter.hall_1_power", "line-3_main-meter.hall_1_power_bb9dea"]
    assert line.values[-2:] == [("line-3_main-meter.hall_1_power", 1.0), ("line-3_main-meter.hall_1_power_bb9dea", 1.0)]


async def test_a_meter_taken_into_the_file_keeps_its_other_points_apart(line: Line) -> None:
    line.nbirth(0)
    dbirth(line, *told())
    await line.save()
    await line.host.close()
    power = {"id": "energy_import", "metric": "Something/Else", "quantity": "active_power", "unit": "kW"}
    line.file = discovering({"id": "line-3_main-meter", "device": "main-meter", "points": [power]})
    line.sink.declared.clear()
    line.host = line.make_host()
    await line.host.open()
    assert "line-3_main-meter.energy_import" not in line.sink.declared
    assert sorted(key.split(".")[1][:13] for key in line.sink.declared) == ["energy_import", "power", "running"]


async def test_a_metric_that_no_birth_tells_asks_for_one_where_it_may_be_wanted(line: Line) -> None:
    line.nbirth(0)
    dbirth(line, *told())
    line.send("DDATA", payload(metric("Flow", 1.0), seq=2), "main-meter")
    assert line.reasons[-1] == "unknown_metric"
    assert line.counters["data_of_unknown_metrics"] == 1


@pytest.mark.parametrize(
    ("name", "definition", "expected"),
    [
        ("Energy/Import", Definition(0, DataType.DOUBLE, "Wh"), ("active_energy_import", "Wh", Kind.COUNTER)),
        ("Heat/Energy", Definition(0, DataType.FLOAT, "MWh"), ("heat_energy", "MWh", Kind.COUNTER)),
        ("Export", Definition(0, DataType.UINT64, "kWh"), ("active_energy_export", "kWh", Kind.COUNTER)),
        ("power_kW", Definition(0, DataType.DOUBLE), ("active_power", "kW", Kind.GAUGE)),
        ("Water/Total", Definition(0, DataType.INT32, "m³"), ("water_volume", "m3", Kind.COUNTER)),
        ("T", Definition(0, DataType.FLOAT, "°C"), ("temperature", "degC", Kind.GAUGE)),
        ("Betrieb", Definition(0, DataType.BOOLEAN), ("operating_state", "1", Kind.STATE)),
        ("NOx", Definition(0, DataType.FLOAT, "mg/Nm3"), ("nox_concentration", "mg/Nm3", Kind.GAUGE)),
    ],
)
def test_guesses(name: str, definition: Definition, expected: tuple[str, str, Kind]) -> None:
    guess = guess_metric(MAIN, name, definition)
    assert isinstance(guess, Guess)
    assert (guess.quantity, guess.unit, guess.kind) == expected


@pytest.mark.parametrize(
    ("name", "definition", "reason"),
    [
        ("Speed", Definition(0, DataType.DOUBLE, "furlong"), 'the unit "furlong" is none of ours'),
        ("Counter 5", Definition(0, DataType.DOUBLE), "no unit is told"),
        ("Door open", Definition(0, DataType.BOOLEAN), "measures nothing else"),
        ("Serial", Definition(0, DataType.STRING, "kWh"), "of the type STRING"),
        ("Since", Definition(0, DataType.DATE_TIME), "of the type DATE_TIME"),
        ("Motor", Definition(0, DataType.TEMPLATE), "of the type TEMPLATE"),
        ("Power\x00", Definition(0, DataType.DOUBLE, "kW"), "its name cannot be shown"),
        ("P" * 501, Definition(0, DataType.DOUBLE, "kW"), "its name cannot be shown"),
    ],
)
def test_what_is_not_guessed(name: str, definition: Definition, reason: str) -> None:
    guess = guess_metric(MAIN, name, definition)
    assert not isinstance(guess, Guess)
    assert reason in guess.reason
