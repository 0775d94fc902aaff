"""A connector file made from what was heard: it passes `check` whatever was heard, and asks where it is not certain."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from unit.mqtt.meters import message

from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.config.units import convert_to_canonical
from ems_telemetry.connectors.mqtt.drafting import Draft, Heading, draft
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.hearing import MOST_FIELDS, MOST_TOPICS, Hearing
from ems_telemetry.connectors.mqtt.payload import decode
from ems_telemetry.connectors.mqtt.router import Router, compile_routes

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HEADING = Heading("mqtt://broker:1883", "BER1", "broker")
SHELLY = {"method": "NotifyStatus", "src": "s", "params": {"ts": 1772445600.0, "em:0": {"id": 0, "total_act_power": 5.5}}}

Said = Mapping[str, object]


def heard(*messages: tuple[str, object]) -> Hearing:
    hearing = Hearing()
    for number, (topic, said) in enumerate(messages):
        payload = said if isinstance(said, str | bytes) else json.dumps(said)
        hearing.hear(message(payload, topic), float(number))
    return hearing


def drafted(*messages: tuple[str, object], taken: tuple[str, ...] = ()) -> tuple[Draft, MqttFile]:
    made = draft(heard(*messages), HEADING, NOW, taken)
    file = MqttFile.model_validate(YAML(typ="safe").load(made.text))
    for meter in file.meters:
        for point in meter.points:
            convert_to_canonical(point.unit, QUANTITIES[point.quantity])
    return made, file


def points(file: MqttFile) -> dict[str, str]:
    return {f"{meter.id}.{point.id}": point.quantity for meter in file.meters for point in meter.points}


def test_topics_that_differ_in_one_level_become_one_entry() -> None:
    said = {"ts": 1772445600, "energy_kwh": 5, "power_kw": 1.5}
    made, file = drafted(*((f"plant/hall-1/{name}/telemetry", said) for name in ("EM-01", "EM-02", "EM 03")))
    assert 'ids: {EM_03: "EM 03", EM-01: EM-01, EM-02: EM-02}' in made.text
    assert 'topic: "plant/hall-1/{meter}/telemetry"' in made.text
    assert [meter.id for meter in file.meters] == ["EM_03", "EM-01", "EM-02"]
    assert (made.meters, made.points) == (3, 2)
    assert {meter.time for meter in file.meters} == {"$.ts"}
    assert points(file)["EM-01.energy_kwh"] == "active_energy_import"


def test_what_was_drafted_reads_what_was_heard() -> None:
    said = {"ts": 1772445600, "energy_kwh": 5, "power_kw": 1.5}
    _, file = drafted(("plant/EM-01/telemetry", said), ("plant/EM-02/telemetry", said))
    topic = "plant/EM-02/telemetry"
    found = decode(message(json.dumps(said), topic), Router(compile_routes(file)).find(topic))
    assert {sample.point: sample.value for sample in found.samples} == {"EM-02.energy_kwh": 5, "EM-02.power_kw": 1.5}
    assert found.samples[0].time == NOW
    assert found.refusals == []


def test_single_values_are_points_of_the_meter_above_them() -> None:
    made, file = drafted(
        ("esp-a/sensor/energy_kwh/state", "12"),
        ("esp-a/sensor/power_kw/state", "3.5"),
        ("esp-b/sensor/energy_kwh/state", "7"),
        ("esp-b/sensor/power_kw/state", "1"),
    )
    assert "ids: [esp-a, esp-b]" in made.text
    assert [point.source for meter in file.meters for point in meter.points] == [
        "esp-a/sensor/energy_kwh/state",
        "esp-a/sensor/power_kw/state",
        "esp-b/sensor/energy_kwh/state",
        "esp-b/sensor/power_kw/state",
    ]


def test_known_senders_are_named_and_their_fields_known() -> None:
    _, file = drafted(("shelly-1/events/rpc", SHELLY))
    (meter,) = file.meters
    assert (meter.id, str(meter.payload), meter.medium) == ("shelly-1", "shelly_gen2", "electricity")
    assert points(file) == {"shelly-1.total_act_power": "active_power"}


def test_local_times_are_asked_about() -> None:
    sensor = {"Time": "2026-03-02T11:00:00", "ENERGY": {"Total": 1.5, "Power": 7}}
    made, file = drafted(("tele/press/SENSOR", sensor))
    assert "time_zone: UTC    # check: the zone that the devices are set to" in made.text
    assert len(file.meters[0].points) == 2


def test_arrays_of_items_are_chosen_by_name() -> None:
    said = {"ts": 1772445600, "vals": [{"id": "Energy [kWh]", "val": 5}, {"id": "x", "val": 1}]}
    made, file = drafted(("gw/line", said))
    (meter,) = file.meters
    assert (meter.items, meter.time, [point.item for point in meter.points]) == ("$.vals", "$.ts", ["Energy [kWh]"])
    assert "# - {id: x, item: x, quantity: QUANTITY, unit: UNIT}    # no unit is told" in made.text


def test_what_may_be_anything_is_left_to_be_completed_and_texts_are_left_out_with_a_reason() -> None:
    made, file = drafted(("plant/x", {"a": 1, "b": "running", "c": None}))
    assert file.meters == ()
    assert '# - {id: a, value: "$.a", quantity: QUANTITY, unit: UNIT}    # no unit is told' in made.text
    assert "#   plant/x $.b: a text; it needs states: that give its words numbers" in made.text
    assert "#   plant/x $.c: nothing was said of it" in made.text
    assert (made.meters, made.points, made.left_out) == (0, 0, 3)


def test_ids_of_other_files_stay_theirs() -> None:
    _, file = drafted(("plant/EM-01/telemetry", {"power_kw": 1}), taken=("EM-01",))
    assert file.meters[0].id != "EM-01"


def test_sparkplug_is_named_with_what_to_do() -> None:
    made, file = drafted(("spBv1.0/Plant-1/NDATA/line-3", b"\x01"), ("spBv1.0/Plant-1/DBIRTH/line-3/meter", b"\x01"))
    assert file.meters == ()
    assert made.text.count("#   sparkplug: {group: Plant-1, edge_node: line-3, discover: true}") == 1


@pytest.mark.parametrize(
    "topic",
    ["$SYS/broker/uptime", "plant/{x}/y", "plant/${HOME}", "plant/a\u0007b", "plant/ü/mit Leerzeichen", "/", "//a", "a"],
)
def test_odd_topics_never_make_a_file_that_is_refused(topic: str) -> None:
    drafted((topic, {"power_kw": 1}), (topic + "/x", "5"), (topic + "2/x", "5"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(["ts", "energy_kwh", "power_kw", "t", "id", "a b", "x'y", "${A}"]), JSON, max_size=4)
ITEMS = st.fixed_dictionaries({"vals": st.lists(st.fixed_dictionaries({"id": st.text(max_size=4), "val": JSON}), min_size=1)})
LEVELS = st.sampled_from(["plant", "hall", "EM-01", "em 2", "ü", "", "state", "101", "true", "{a}", "SENSOR", "tele", "status"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
MESSAGES = st.lists(st.tuples(TOPICS, JSON | FIELDS | ITEMS | st.sampled_from(["5", "ON", "1.5"])), max_size=12)


@settings(max_examples=60)
@given(MESSAGES)
def test_whatever_was_heard_makes_a_file_that_is_right(said: list[tuple[str, Any]]) -> None:
    first, _ = drafted(*said)
    again, _ = drafted(*said)
    assert first == again


def test_memory_is_bounded_however_much_is_heard() -> None:
    hearing = Hearing()
    for number in range(MOST_TOPICS + 10):
        hearing.hear(message("1", f"t/{number}"), 0.0)
    for number in range(MOST_FIELDS + 10):
        hearing.hear(message(f'{{"f{number}": 1}}', "t/0j"), 0.0)
    wide = Hearing()
    for number in range(MOST_FIELDS + 10):
        wide.hear(message(f'{{"f{number}": 1}}', "t"), 0.0)
    assert (len(hearing.topics), hearing.unheeded) == (MOST_TOPICS, 10 + MOST_FIELDS + 10)
    assert len(wide.topics["t"].fields) == MOST_FIELDS


def test_the_rate_is_that_of_the_time_between_messages() -> None:
    hearing = heard(("t", "1"), ("t", "2"), ("t", "3"))
    assert hearing.topics["t"].per_minute == 60
    assert heard(("t", "1")).topics["t"].per_minute is None


@pytest.mark.parametrize("payload", [b"\xff\xfe", b"", b"\x1f\x8brubbish"])
def test_what_nobody_can_read_is_only_counted(payload: bytes) -> None:
    hearing = heard(("t", payload))
    assert (hearing.topics["t"].kind, hearing.topics["t"].messages, hearing.topics["t"].fields) == ("unreadable", 1, {})


def test_one_broken_message_does_not_make_a_topic_of_text() -> None:
    hearing = heard(("t", {"a": 1}), ("t", '{"a": 1'), ("t", {"a": 2}))
    assert hearing.topics["t"].kind == "json"
    assert [each.value for each in hearing.topics["t"].fields.values()] == [2]
