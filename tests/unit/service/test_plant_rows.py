"""What the tables are told of meters and points: the tree, uncertainties, interpolation, virtual meters."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from ems_telemetry.config.connector import ConnectorFile, Meter, Point
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.model import Kind
from ems_telemetry.service.plant_rows import plant_rows
from ems_telemetry.storage.rows import MeterRow, PointRow

PLANT = """\
sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin, areas: [hall-1]}]
virtual_meters:
  - id: VM-1
    name: Hall 1
    site: BER1
    area: hall-1
    medium: electricity
    parent: EM-00
    uncertainty: 2
    cost_centre: "0815"
    points:
      - {id: energy, name: Energy, quantity: active_energy_import, expression: " EM-01.energy * 2 "}
"""
METERS = """\
type: plc
site: BER1
meters:
  - id: EM-00
    points: [{id: energy, quantity: active_energy_import, unit: Wh, kind: counter}]
  - id: EM-01
    parent: EM-00
    uncertainty: 1.5%
    cost_centre: "0000410010"
    points:
      - {id: energy, quantity: active_energy_import, unit: kWh, kind: counter}
      - {id: power, quantity: active_power, unit: kW, interpolation: sloped}
"""


class PlcFile(ConnectorFile[Meter[Point]]):
    type: Literal["plc"]
    meters: tuple[Meter[Point], ...] = ()


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    for name, text in {"ems-telemetry": "connectors: '*-plc.yaml'\n", "plant": PLANT, "a-plc": METERS}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return load(tmp_path / "ems-telemetry.yaml", {"plc": PlcFile}, {})


def meter(configuration: Configuration, id_: str) -> MeterRow:
    return next(row for row in plant_rows(configuration).meters if row.id == id_)


def point(configuration: Configuration, key: str) -> PointRow:
    return next(row for row in plant_rows(configuration).points if row.key == key)


def test_a_meter_row_tells_what_it_stands_behind_and_how_uncertain_it_is(configuration: Configuration) -> None:
    row = meter(configuration, "EM-01")
    assert (row.connector, row.parent_id, row.uncertainty) == ("a-plc", "EM-00", Decimal("1.5"))
    assert (row.cost_centre, meter(configuration, "EM-00").cost_centre) == ("0000410010", None)
    assert (meter(configuration, "EM-00").parent_id, meter(configuration, "EM-00").uncertainty) == (None, None)


def test_a_point_row_tells_what_a_gauge_does_between_two_values(configuration: Configuration) -> None:
    assert point(configuration, "EM-01.power").interpolation == "sloped"
    assert point(configuration, "EM-01.energy").interpolation == "stepped"
    assert point(configuration, "EM-01.power").definition["interpolation"] == "sloped"


def test_a_virtual_meter_is_a_row_like_others(configuration: Configuration) -> None:
    assert meter(configuration, "VM-1") == MeterRow(
        id="VM-1",
        site_id="BER1",
        area="hall-1",
        name="Hall 1",
        medium="electricity",
        connector="plant",
        parent_id="EM-00",
        uncertainty=Decimal(2),
        cost_centre="0815",
    )


def test_a_virtual_point_is_a_row_with_its_expression_and_nothing_due_from_it(configuration: Configuration) -> None:
    expression = "EM-01.energy * 2"
    assert point(configuration, "VM-1.energy") == PointRow(
        key="VM-1.energy",
        meter_id="VM-1",
        name="Energy",
        quantity="active_energy_import",
        medium="electricity",
        unit="kWh",
        kind=Kind.INTERVAL_TOTAL,
        source="expression",
        source_unit="kWh",
        expected_interval_s=None,
        law="sum",
        expression=expression,
        definition={"id": "energy", "quantity": "active_energy_import", "expression": f" {expression} "},
    )


def test_nothing_that_connectors_do_meets_a_virtual_point(configuration: Configuration) -> None:
    assert {one.connector for one in configuration.points} == {"a-plc"}
    assert plant_rows(configuration).connectors == ("a-plc",)
