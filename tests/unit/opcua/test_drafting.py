"""Files made from whatever a server may say: each passes `check` as it is."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ems_telemetry.config.check import ConfiguredPoint, check_connectors
from ems_telemetry.config.load import read_connector
from ems_telemetry.config.plant import Plant
from ems_telemetry.connectors.guessing.ids import LONGEST_ID, distinct_ids, meter_id, point_id
from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit
from ems_telemetry.connectors.guessing.writing import scalar
from ems_telemetry.connectors.opcua.address_space import Answer, FoundNode, Range, Selection, ValueKind, VariableFacts
from ems_telemetry.connectors.opcua.drafting import MOST_LEFT_OUT, Heading, draft
from ems_telemetry.connectors.opcua.engineering_units import UNIT_OF_CODE
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.errors import Problem
from ems_telemetry.model import Quality

HEADING = Heading("opc.tcp://10.20.0.40:4840/UA/Server", "BER1", "plc")
PLANT = Plant.model_validate({"sites": [{"id": "BER1", "name": "Berlin", "timezone": "Europe/Berlin"}]})
NAMES = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["Energy", "Gas flow", "true", "1e5", "${HOME}", "a: b # c", "'\"\\", "-"]
)


def variable(*names: str, node: str | None = None, **facts: object) -> FoundNode:
    told = VariableFacts(**{"type_name": "Double", "kind": ValueKind.NUMBER, **facts})  # type: ignore[arg-type]  # a test's own words
    return FoundNode(f"nsu=urn:plc;s={'.'.join(names)}" if node is None else node, names, names[-1], facts=told)


def tree(*variables: FoundNode) -> FoundNode:
    """Puts variables below the objects their names tell of."""

    def below(names: tuple[str, ...]) -> FoundNode:
        length = len(names)
        here = [found for found in variables if found.names[:length] == names]
        own = [found for found in here if len(found.names) == length + 1]
        objects = dict.fromkeys(found.names[: length + 1] for found in here if len(found.names) > length + 1)
        return FoundNode("i=85", names, names[-1] if names else "Objects", children=(*own, *map(below, objects)))

    return below(())


def checked(text: str, folder: Path) -> list[ConfiguredPoint]:
    """Reads a file as `check` does; no problem is allowed."""
    path = folder / "plc.yaml"
    path.write_text(text, encoding="utf-8")
    document, file = read_connector(path, {"opcua": OpcUaFile}, {})
    problems: list[Problem] = []
    points = check_connectors(PLANT, [(document, file)], problems)
    assert problems == []
    return points


UNITS = (
    st.none()
    | st.sampled_from(list(UNIT_OF_CODE.values())).map(lambda unit: DeviceUnit(unit, unit))
    | NAMES.map(lambda said: DeviceUnit(said, None, said))
)
RANGES = st.none() | st.tuples(st.floats(), st.floats())
FACTS = st.builds(
    VariableFacts,
    type_name=NAMES,
    kind=st.sampled_from(ValueKind),
    is_scalar=st.booleans(),
    is_readable=st.booleans(),
    unit=UNITS,
    normal_range=RANGES,
    instrument_range=RANGES,
    states=st.dictionaries(NAMES, st.integers(-(2**31), 2**31), max_size=3),
    measurement_id=st.none() | st.integers(0, 2**16 - 1),
)


@st.composite
def nodes(draw: st.DrawFn, depth: int = 3, path: tuple[str, ...] = ()) -> FoundNode:
    count = draw(st.integers(0, 4)) if depth else 0
    children = tuple(draw(nodes(depth - 1, (*path, draw(NAMES)))) for _ in range(count))
    identifier = draw(NAMES)
    facts = draw(st.none() | FACTS) if path else None
    return FoundNode(f"nsu=urn:plc;s={identifier}", path, draw(NAMES), draw(st.text(max_size=30)), facts, None, children)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(nodes())
def test_whatever_a_server_says_the_file_passes_check(tmp_path: Path, top: FoundNode) -> None:
    drafted = draft(top, Selection(), HEADING)
    assert len(checked(drafted.text, tmp_path)) == drafted.points
    assert draft(top, Selection(), HEADING) == drafted


def test_meters_come_from_objects_and_points_from_variables(tmp_path: Path) -> None:
    power = variable("Hall 1", "EM-01", "ActivePower", unit=DeviceUnit("kW", "kW"))
    flow = variable("WaterFlow", unit=DeviceUnit("m³/h", "m3/h"))
    points = checked(draft(tree(power, flow), Selection(), HEADING).text, tmp_path)
    assert {point.key: point.point.quantity for point in points} == {
        "plc.water_flow": "water_flow",
        "EM-01.active_power": "active_power",
    }
    assert {point.meter.id: point.medium for point in points} == {"plc": "water", "EM-01": "electricity"}


def test_an_instrument_range_is_a_limit_and_a_normal_range_only_a_remark(tmp_path: Path) -> None:
    unit = DeviceUnit("V", "V")
    limited = variable("M", "Limited", unit=unit, instrument_range=(0.0, 400.0))
    normal = variable("M", "Normal", unit=unit, normal_range=(210.0, 250.0))
    text = draft(tree(limited, normal), Selection(), HEADING).text
    ranges = {point.point.id: point.point.range for point in checked(text, tmp_path)}
    assert ranges == {"limited": (0.0, 400.0), "normal": None}
    assert "# normally 210 to 250" in text


@pytest.mark.parametrize("limits", [(0.0, 0.0), (5.0, 1.0), (float("nan"), 1.0), (-3.4e38, 3.4e38), (0.0, 100.0)])
def test_an_instrument_range_that_cannot_be_is_not_written(limits: Range, tmp_path: Path) -> None:
    answer = Answer(231.0, "231", Quality.GOOD, 0, "Good", "Good", None, None)
    voltage = variable("M", "U", unit=DeviceUnit("V", "V"), instrument_range=limits, answer=answer)
    (point,) = checked(draft(tree(voltage), Selection(), HEADING).text, tmp_path)
    assert point.point.range is None


def test_a_node_id_that_reads_as_a_variable_of_the_environment_is_left_out(tmp_path: Path) -> None:
    drafted = draft(tree(variable("M", "U", node="ns=2;s=${HOME}", unit=DeviceUnit("V", "V"))), Selection(), HEADING)
    assert checked(drafted.text, tmp_path) == []
    assert "which stands for the environment" in drafted.text


def test_what_is_left_out_is_listed_with_its_reason_and_bounded() -> None:
    texts = [variable("M", f"Name {number}", kind=ValueKind.TEXT) for number in range(MOST_LEFT_OUT + 7)]
    text = draft(tree(*texts), Selection(), HEADING).text
    assert "#   /M/Name 0 (Double): a text; it needs states: that give its words numbers" in text
    assert text.endswith("#   and 7 more\n")


def test_a_number_without_a_quantity_stands_ready_to_be_completed() -> None:
    text = draft(tree(variable("M", "Value")), Selection(), HEADING).text
    line = '# - {id: value, node: "nsu=urn:plc;s=M.Value", quantity: QUANTITY, unit: UNIT}    # no unit is told'
    assert line in text
    assert "meters: []" in text


def test_a_missing_site_is_asked_for() -> None:
    assert "site: SITE    # check:" in draft(tree(), Selection(), Heading("opc.tcp://plc:4840", None, "plc")).text


def test_only_what_is_selected_is_written(tmp_path: Path) -> None:
    unit = DeviceUnit("V", "V")
    top = tree(variable("A", "U", unit=unit), variable("B", "U", unit=unit))
    (point,) = checked(draft(top, Selection(["/B"]), HEADING).text, tmp_path)
    assert point.key == "B.u"


@given(
    st.lists(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=8),
    st.sets(st.sampled_from(["Energy", "node", "true"])),
)
def test_ids_are_valid_distinct_and_nobody_elses(names: list[tuple[str, ...]], taken: set[str]) -> None:
    ids = distinct_ids(names, taken)
    assert len({*ids, *taken}) == len(ids) + len(taken)
    for id_ in ids:
        assert len(id_) <= LONGEST_ID
        assert id_[0].isalnum()
        assert id_.isascii()
        assert id_.replace("_", "a").replace("-", "a").isalnum()


def test_ids_that_are_alike_take_names_from_above() -> None:
    assert distinct_ids([("Hall 1", "Meter"), ("Hall 2", "Meter"), ("Hall 2", "Press")]) == [
        "Hall_1_Meter",
        "Hall_2_Meter",
        "Press",
    ]


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("ActiveEnergyImport", "active_energy_import"),
        ("NOx", "nox"),
        ("power_kW", "power_kw"),
        ("U L1-N", "u_l1_n"),
        ("温度", "node"),
    ],
)
def test_ids_of_points_are_small_words(name: str, id_: str) -> None:
    assert point_id([name]) == id_


def test_ids_keep_the_letters_of_umlauts() -> None:
    assert meter_id(["Halle 2/Süd & West"]) == "Halle_2_Sued_West"


@pytest.mark.parametrize("text", ["on", "No", "null", "1", "", "a: b", "#", '"', "\\", "%", "kWh", "mg/Nm3"])
def test_texts_stay_texts(text: str, tmp_path: Path) -> None:
    from ruamel.yaml import YAML  # noqa: PLC0415 - the only test that needs it

    (tmp_path / "x.yaml").write_text(f"x: [{scalar(text)}]", encoding="utf-8")
    assert YAML(typ="safe").load(tmp_path / "x.yaml") == {"x": [text]}
