"""Virtual meters, the tree of meters, and quantities of a plant's own: what follows from them, and what is refused."""

import re
from pathlib import Path
from textwrap import indent
from typing import Literal

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from ems_telemetry.config.changes import compare_connectors
from ems_telemetry.config.connector import ConnectorFile, Meter, Point
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.config.scalars import Duration
from ems_telemetry.config.schema import plant_schema
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.errors import ConfigurationError
from ems_telemetry.model import Kind


class PlcFile(ConnectorFile[Meter[Point]]):
    type: Literal["plc"]
    interval: Duration = 10.0
    meters: tuple[Meter[Point], ...] = ()


SITES = """\
sites:
  - {id: BER1, name: Berlin, timezone: Europe/Berlin, areas: [hall-1]}
  - {id: MUC1, name: Munich, timezone: Europe/Berlin}
"""
METERS = """\
type: plc
site: BER1
meters:
  - id: EM-00
    medium: electricity
    points:
      - {id: energy, quantity: active_energy_import, unit: Wh, kind: counter}
      - {id: power, quantity: active_power, unit: W}
      - {id: running, quantity: operating_state, unit: "1", kind: state}
  - id: EM-01
    medium: electricity
    points:
      - {id: energy, quantity: active_energy_import, unit: kWh, kind: interval_total}
      - {id: power, quantity: active_power, unit: kW, interpolation: sloped}
  - id: WM-01
    medium: water
    points: [{id: volume, quantity: water_volume, unit: m3, kind: counter}]
  - id: GM-01
    medium: gas
    points: [{id: volume, quantity: gas_volume, unit: Nm3, kind: counter}]
  - id: ST-01
    medium: stack_gas
    points:
      - {id: nox, quantity: nox_concentration, unit: mg/Nm3}
      - {id: flow, quantity: stack_gas_flow, unit: Nm3/h}
  - id: TM-01
    points:
      - {id: supply, quantity: temperature, unit: degC}
      - {id: return, quantity: temperature, unit: degF}
"""
PARTS = "quantities:\n  parts: {unit: pcs, title: Parts, law: sum}\n  part_rate: {unit: pcs/h, title: Rate, law: range}\n"
PRESS = """\
type: plc
site: BER1
meters: [{id: PR-01, points: [{id: parts, quantity: parts, unit: pcs, kind: counter}]}]
"""


class Plant:
    """A folder of files that are changed and read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("config", "connectors"):
            (folder / name).mkdir()
        self.write("config/ems-telemetry.yaml", "connectors: ../connectors/*.yaml\n")
        self.write("config/plant.yaml", SITES)
        self.write("connectors/plc.yaml", METERS)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def add(self, expression: str, quantity: str = "active_energy_import", *, before: str = "") -> None:
        """Adds a virtual meter, its expression on line 10 of the plant file if nothing stands before it."""
        lines = ["id: VM-01", "site: BER1", "points:", "- id: p", f"  quantity: {quantity}", f'  expression: "{expression}"']
        self.write("config/plant.yaml", SITES + before + "virtual_meters:\n- " + indent("\n".join(lines), "  ")[2:] + "\n")

    def read(self) -> Configuration:
        return load(self.folder / "config/ems-telemetry.yaml", {"plc": PlcFile, "modbus": ModbusFile}, {})

    def problems(self) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.read()
        root = self.folder
        return [str(one).replace(f"{root}/", "").replace("config/../", "") for one in caught.value.problems]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


@pytest.mark.parametrize(
    ("expression", "quantity", "kind"),
    [
        ("EM-00.energy - EM-01.energy", "active_energy_import", Kind.INTERVAL_TOTAL),
        ("(EM-00.energy + EM-01.energy) * 0.5", "active_energy_import", Kind.INTERVAL_TOTAL),
        ("-EM-00.energy", "active_energy_export", Kind.INTERVAL_TOTAL),
        ("GM-01.volume * 11.3 kWh/Nm3", "gas_energy", Kind.INTERVAL_TOTAL),
        ("GM-01.volume * 39.3 MJ/Nm3 / 3.6 MJ/kWh", "gas_energy", Kind.INTERVAL_TOTAL),
        ("EM-00.energy * EM-01.energy / EM-00.energy", "active_energy_import", Kind.INTERVAL_TOTAL),
        ("EM-00.power / EM-01.power", "power_factor", Kind.GAUGE),
        ("EM-00.power - EM-01.power + 2 kW", "active_power", Kind.GAUGE),
        ("(TM-01.supply + TM-01.return) / 2", "temperature", Kind.GAUGE),
        ("ST-01.nox * ST-01.flow / 1000000 mg/kg", "mass_flow", Kind.GAUGE),
        ("ST-01.flow * (TM-01.supply - TM-01.return) * 0.00036 kWh/(Nm3*K)", None, None),
    ],
)
def test_what_comes_out_follows_from_the_expression(
    plant: Plant, expression: str, quantity: str | None, kind: Kind | None
) -> None:
    plant.add(expression, quantity or "heat_power")
    if kind is None:
        assert "is missing before" in plant.problems()[0] or "is not understood" in plant.problems()[0]
        return
    (point,) = plant.read().virtual_points
    assert (point.key, point.kind, point.quantity.name, point.site) == ("VM-01.p", kind, quantity, "BER1")


@pytest.mark.parametrize(
    ("expression", "quantity", "said"),
    [
        (
            "EM-00.energy + WM-01.volume",
            "active_energy_import",
            "column 14: EM-00.energy is in kWh and WM-01.volume in m3; only values of one unit are added or subtracted",
        ),
        (
            "EM-00.energy + 3 MWh",
            "active_energy_import",
            "column 14: EM-00.energy is in kWh and 3 MWh in MWh; write both in one",
        ),
        ("EM-00.energy + 3", "active_energy_import", "EM-00.energy is in kWh and 3 1 in 1"),
        ("EM-00.energy + 3 kWh", "active_energy_import", "EM-00.energy and 3 kWh cannot be added"),
        (
            "WM-01.volume",
            "active_energy_import",
            "column 1: it comes out in m3, and active_energy_import is stored in kWh; name another quantity, or a factor",
        ),
        ("GM-01.volume * 39.3 MJ/Nm3", "gas_energy", "it comes out in MJ, and gas_energy is stored in kWh; write it in"),
        ("GM-01.volume * 39.3 MJ/Nm3", "gas_energy", "behind them / 3.6 MJ/kWh"),
        ("ST-01.nox * ST-01.flow", "mass_flow", "behind them / 1000000 mg/kg"),
        ("EM-00.power / EM-01.power", "level", "behind them * 100 %"),
        (
            "EM-00.energy - EM-01.power",
            "active_energy_import",
            "EM-00.energy is a counter and EM-01.power a gauge; an expression",
        ),
        ("EM-00.running * 2", "operating_state", "EM-00.running is a point of kind state; expressions are of"),
        ("EM-00.energy * EM-01.energy", "active_energy_import", "the outcome is no amount: amounts are multiplied or divided"),
        (
            "EM-00.energy / EM-01.energy",
            "power_factor",
            "the outcome is no amount: amounts are multiplied or divided by each other",
        ),
        ("EM-00.energy + 3 kwh", "active_energy_import", 'column 16: unit "kwh" is not a unit; did you mean kWh?'),
        ("EM-00.energy * 3 gal", "active_energy_import", 'column 16: unit "gal" can mean several units'),
        ("EM-00.enrgy", "active_energy_import", 'column 1: point "EM-00.enrgy" is not known; did you mean EM-00.energy?'),
        ("XX-99.zzz", "active_energy_import", "no file has it; `ems-telemetry check` lists those there are"),
        ("2 kWh", "active_energy_import", "it names no point; a number alone is not measured"),
        ("EM-00.energy -", "active_energy_import", "column 15: the end stands where a point or a number is wanted"),
        ("VM-01.p * 2", "active_energy_import", "it is computed from itself: VM-01.p from VM-01.p"),
    ],
)
def test_a_wrong_expression_is_refused_with_file_line_and_remedy(
    plant: Plant, expression: str, quantity: str, said: str
) -> None:
    plant.add(expression, quantity)
    (problem,) = plant.problems()
    assert problem.startswith("config/plant.yaml:10: point VM-01.p: expression")
    assert said in problem


def test_a_remedy_that_is_followed_helps(plant: Plant) -> None:
    plant.add("(GM-01.volume * 39.3 MJ/Nm3) / 3.6 MJ/kWh", "gas_energy")
    assert len(plant.read().virtual_points) == 1


def test_virtual_points_may_be_computed_from_each_other_in_any_order(plant: Plant) -> None:
    plant.write(
        "config/plant.yaml",
        SITES
        + """\
virtual_meters:
  - id: VM-1
    site: BER1
    points: [{id: p, quantity: active_energy_import, expression: VM-2.p * 2}]
  - id: VM-2
    site: BER1
    points: [{id: p, quantity: active_energy_import, expression: EM-00.energy - EM-01.energy}]
""",
    )
    assert [(one.key, one.kind) for one in plant.read().virtual_points] == [
        ("VM-1.p", Kind.INTERVAL_TOTAL),
        ("VM-2.p", Kind.INTERVAL_TOTAL),
    ]


def test_a_circle_is_told_for_each_point_in_it_and_for_no_other(plant: Plant) -> None:
    points = {"VM-1": "VM-2.p", "VM-2": "VM-1.p + EM-00.energy", "VM-3": "VM-1.p"}
    meters = [
        f"  - {{id: {id_}, site: BER1, points: [{{id: p, quantity: active_energy_import, expression: {text}}}]}}\n"
        for id_, text in points.items()
    ]
    plant.write("config/plant.yaml", SITES + "virtual_meters:\n" + "".join(meters))
    assert [one.partition("itself: ")[2].partition(";")[0] for one in plant.problems()] == [
        "VM-1.p from VM-2.p from VM-1.p",
        "VM-2.p from VM-1.p from VM-2.p",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: VM-01", "id: EM-01", 'config/plant.yaml:5: meter id "EM-01" is used already at connectors/plc.yaml:10'),
        ("site: BER1\n  points", "site: BER2\n  points", 'config/plant.yaml:6: meter VM-01: site "BER2" is not known; did you'),
        (
            "site: BER1\n  points",
            "site: BER1\n  area: hall\n  points",
            'area of site BER1 "hall" is not known; did you mean hall-1',
        ),
        ("active_energy_import", "active_energy", 'config/plant.yaml:9: point VM-01.p: quantity "active_energy" is not known'),
        ("expression:", "expresion:", 'point VM-01.p: key "expresion" is not known; did you mean expression?'),
        (
            "site: BER1\n  points",
            "site: BER1\n  uncertainty: 0\n  points",
            'meter VM-01: "0" is not a share; write a number in',
        ),
        (
            "site: BER1\n  points",
            "site: BER1\n  parent: EM-0\n  points",
            'meter VM-01: parent "EM-0" is not known; did you mean',
        ),
    ],
)
def test_a_wrong_virtual_meter_is_named(plant: Plant, old: str, new: str, said: str) -> None:
    plant.add("EM-00.energy")
    text = (plant.folder / "config/plant.yaml").read_text()
    assert text.count(old) == 1
    plant.write("config/plant.yaml", text.replace(old, new))
    (problem,) = plant.problems()
    assert said in problem


def test_what_is_wrong_with_an_input_is_told_there_alone(plant: Plant) -> None:
    plant.add("EM-00.energy")
    plant.write("connectors/plc.yaml", METERS.replace("unit: Wh", "unit: m3"))
    (problem,) = plant.problems()
    assert problem.startswith("connectors/plc.yaml:7: point EM-00.energy: unit")


def test_no_connector_may_be_called_as_virtual_meters_are(plant: Plant) -> None:
    plant.add("EM-00.energy")
    (plant.folder / "connectors/plc.yaml").rename(plant.folder / "connectors/plant.yaml")
    assert plant.problems() == ['connectors/plant.yaml: the name "plant" stands for virtual meters; give the file another one']


BEHIND = """\
type: plc
site: BER1
meters:
  - {{id: EM-10, {keys}, points: [{{id: energy, quantity: active_energy_import, unit: kWh, kind: counter}}]}}
"""


def test_a_meter_stands_behind_another(plant: Plant) -> None:
    plant.write("connectors/sub.yaml", BEHIND.format(keys="medium: electricity, parent: EM-00, uncertainty: 1.5%"))
    meter = plant.read().points[-1].meter
    assert (meter.id, meter.parent, str(meter.uncertainty)) == ("EM-10", "EM-00", "1.5")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("parent: em-00", 'parent "em-00" is not known; did you mean EM-00?'),
        ("parent: ZZZ", 'parent "ZZZ" is not known; no file has a meter of this id'),
        ("parent: EM-10", "it would stand behind itself: EM-10 behind EM-10; take one of these parents away"),
        ("parent: EM-00, site: MUC1", "parent EM-00 stands at site BER1 and this meter at MUC1; name one of its own site"),
        ("parent: WM-01, medium: electricity", "parent WM-01 measures water and this meter electricity; name one of the same"),
        ("parent: TM-01", "parent TM-01 measures nothing that this meter measures (it has temperature); name one that counts"),
        ("uncertainty: about 1", '"about 1" is not a share; write a number in percent above 0 and up to 100, as 1% or 0.5'),
    ],
)
def test_a_wrong_place_in_the_tree_is_refused(plant: Plant, keys: str, said: str) -> None:
    plant.write("connectors/sub.yaml", BEHIND.format(keys=keys))
    (problem,) = plant.problems()
    assert problem.startswith("connectors/sub.yaml:4: meter EM-10: ")
    assert said in problem


def test_a_circle_of_parents_over_two_files_is_told_at_both_and_does_not_hang(plant: Plant) -> None:
    plant.write("connectors/sub.yaml", BEHIND.format(keys="parent: EM-01"))
    plant.write("connectors/plc.yaml", METERS.replace("id: EM-01\n", "id: EM-01\n    parent: EM-10\n"))
    below = BEHIND.format(keys="parent: EM-10").replace("id: EM-10", "id: EM-11")
    plant.write("connectors/sub-sub.yaml", below)
    assert [one.partition("itself: ")[2].partition(";")[0] for one in plant.problems()] == [
        "EM-01 behind EM-10 behind EM-01",
        "EM-10 behind EM-01 behind EM-10",
    ]


def test_only_a_gauge_can_be_sloped(plant: Plant) -> None:
    plant.write("connectors/plc.yaml", METERS.replace("kind: interval_total", "kind: interval_total, interpolation: sloped"))
    (problem,) = plant.problems()
    assert problem == (
        "connectors/plc.yaml:13: point EM-01.energy: interpolation is for gauges; this point is a interval_total; leave it out"
    )


def test_a_quantity_of_ones_own_stands_in_connector_files_and_expressions(plant: Plant) -> None:
    plant.write("connectors/press.yaml", PRESS)
    plant.add("PR-01.parts * 0.3 kWh/pcs", before=PARTS)
    configuration = plant.read()
    assert configuration.points[-1].quantity.unit == "pcs"
    assert [point.kind for point in configuration.virtual_points] == [Kind.INTERVAL_TOTAL]
    assert "parts" not in QUANTITIES


def test_a_quantity_of_ones_own_stands_in_profiles(plant: Plant) -> None:
    point = "{id: parts, register: input, address: 1, type: uint32, quantity: parts, unit: pcs, kind: counter}"
    profile = f"title: A press\nsources: [its manual]\naddressing: zero_based\npoints: [{point}]\n"
    plant.write("connectors/profiles/acme/press.yaml", profile)
    meter = "{id: PR-01, unit_id: 1, profile: acme/press}"
    plant.write("connectors/press.yaml", f"type: modbus\nendpoint: 'tcp://10.0.0.1:502'\nsite: BER1\nmeters: [{meter}]\n")
    plant.write("config/plant.yaml", SITES + PARTS)
    assert [point.key for point in plant.read().points if point.quantity.name == "parts"] == ["PR-01.parts"]
    plant.write("config/plant.yaml", SITES)
    assert 'quantity "parts" is not known' in plant.problems()[0]


@pytest.mark.parametrize(
    ("quantity", "said"),
    [
        (
            "water_volume: {unit: L, title: W, law: sum}",
            'quantity "water_volume": every plant knows it already, in m3; use that',
        ),
        ("parts: {unit: kWhh, title: P, law: sum}", 'quantity parts: unit "kWhh" is not a unit; did you mean kWh?'),
        ("parts: {unit: kWh/pcs, title: P, law: sum}", 'quantity parts: unit "kWh/pcs" is not a unit'),
        ("parts: {unit: gal, title: P, law: sum}", 'unit "gal" can mean several units; write gal_US or gal_UK'),
        ("parts: {unit: pcs, title: P, law: total}", 'law "total" is not known; known are sum, time_weighted_mean'),
        ("parts: {unit: pcs, titel: P, law: sum}", 'key "titel" is not known; did you mean title?'),
        ("parts: {unit: pcs, title: P}", '"law" is missing: How its values are brought together over time'),
        ("Parts: {unit: pcs, title: P, law: sum}", "config/plant.yaml:5: "),
    ],
)
def test_a_wrong_quantity_of_ones_own_is_refused_with_its_line(plant: Plant, quantity: str, said: str) -> None:
    plant.write("config/plant.yaml", f"{SITES}quantities:\n  {quantity}\n")
    (problem,) = plant.problems()
    assert problem.startswith("config/plant.yaml:5: ")
    assert said in problem


def test_a_change_of_the_plant_file_restarts_no_connector(plant: Plant) -> None:
    plant.write("connectors/press.yaml", PRESS)
    plant.write("config/plant.yaml", SITES + PARTS)
    running = plant.read()
    plant.add("EM-00.energy", before=PARTS.replace("title: Parts, law: sum", "title: Pressed parts, law: range"))
    changes = compare_connectors(running, plant.read())
    assert (changes.kept, changes.restarted) == (("plc", "press"), ())


def test_a_quantity_that_gets_another_unit_restarts_those_that_measure_it(plant: Plant) -> None:
    plant.write("connectors/press.yaml", PRESS.replace("unit: pcs", 'unit: "1"'))
    plant.write("config/plant.yaml", SITES + 'quantities: {parts: {unit: "1", title: Parts, law: sum}}\n')
    running = plant.read()
    plant.write("config/plant.yaml", SITES + 'quantities: {parts: {unit: "%", title: Parts, law: sum}}\n')
    assert compare_connectors(running, plant.read()).restarted == ("press",)


def test_the_example_of_a_plant_file_works_with_its_comments_taken_away(plant: Plant) -> None:
    example = Path(__file__).parents[3] / "config/plant.yaml"
    text = re.sub(r"^# (?=quantities:|virtual_meters:|  )", "", example.read_text(), flags=re.MULTILINE)
    plant.write("config/plant.yaml", text)
    plant.write("connectors/plc.yaml", METERS.replace("EM-00", "EM-09").replace("id: energy,", "id: energy_import,"))
    assert [point.key for point in plant.read().virtual_points] == ["VM-HALL-1.energy_import"]
    assert plant.read().plant.quantities


def test_the_schema_knows_quantities_and_virtual_meters(plant: Plant) -> None:
    plant.add("EM-00.energy", before=PARTS)
    data = YAML(typ="safe").load(plant.folder / "config/plant.yaml")
    validator = Draft202012Validator(plant_schema())
    assert validator.is_valid(data)
    data["quantities"]["parts"]["law"] = "total"
    assert not validator.is_valid(data)
