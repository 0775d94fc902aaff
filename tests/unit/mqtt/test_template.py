"""One entry for many meters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from unit.mqtt.meters import QUANTITY, file_of, message, meter, router_of

from ems_telemetry.connectors.mqtt.payload import decode
from ems_telemetry.connectors.mqtt.router import Router, compile_routes

TOPIC = "plant/{area}/{meter}/telemetry"


def entry(ids: object, topic: str | None = TOPIC, **settings: object) -> dict[str, Any]:
    return {**meter("$.a", topic=topic, **settings), "id": None, "ids": ids} | settings


def many(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"meters": [{key: value for key, value in each.items() if value is not None} for each in entries]}


def router(*entries: dict[str, Any]) -> Router:
    return router_of(*many(*entries)["meters"])


def test_an_entry_becomes_ordinary_meters_the_first_in_its_place() -> None:
    entries = many(entry(["EM-01", "EM-02"]), meter("$.a", id="W"), entry({"G-1": "gas1", "G-2": "gas2"}, "gas/{meter}"))
    file = file_of(*entries["meters"])
    assert [each.id for each in file.meters] == ["EM-01", "W", "G-1", "EM-02", "G-2"]
    assert [each.ids for each in file.meters] == [None] * 5
    assert [each.points[0].source for each in file.meters] == [
        "plant/+/EM-01/telemetry $.a",
        "t $.a",
        "gas/gas1 $.a",
        "plant/+/EM-02/telemetry $.a",
        "gas/gas2 $.a",
    ]


def test_all_of_an_entry_share_one_subscription() -> None:
    assert router(entry([f"EM-{number}" for number in range(100)])).filters == ["plant/+/+/telemetry"]


def test_a_message_is_its_meters_alone() -> None:
    found = router(entry({"EM-01": "em01", "EM-02": "em02"})).find("plant/hall/em02/telemetry")
    samples = decode(message('{"a": 1}', "plant/hall/em02/telemetry"), found).samples
    assert [sample.point for sample in samples] == ["EM-02.p0"]


def test_names_of_meters_hold_the_name_in_the_topic() -> None:
    (made, _) = file_of(*many(entry({"EM-01": "em01", "EM-02": "em02"}, name="Feeder {meter}"))["meters"]).meters
    assert made.name == "Feeder em01"


def test_points_may_have_topics_of_their_own_with_the_meter_in_them() -> None:
    points = [{"id": "a", "topic": "esp/{meter}/flow", **QUANTITY}, {"id": "b", "topic": "esp/{meter}/sum", **QUANTITY}]
    given_ = entry(["W1", "W2"], payload="scalar", points=points, topic=None)
    assert router(given_).filters == ["esp/+/flow", "esp/+/sum"]
    assert [point for route in router(given_).find("esp/W2/sum") for point in route.shape.points] == ["W2.b"]


def test_a_shared_subscription_serves_many_meters_too() -> None:
    made = router(entry(["W1", "W2"], "$share/ems/plant/{meter}"))
    assert made.filters == ["$share/ems/plant/+"]
    assert [point for route in made.find("plant/W2") for point in route.shape.points] == ["W2.p0"]


def test_a_meter_that_no_entry_lists_is_told_by_name() -> None:
    made = router(entry(["EM-01"]), meter("$.a", topic="plant/hall/other/telemetry"))
    assert made.stranger("plant/hall/EM-07/telemetry") == ("plant/+/+/telemetry", "EM-07")
    assert made.stranger("elsewhere") is None
    assert made.find("plant/hall/EM-07/telemetry") == ()


@given(st.lists(st.from_regex(r"[A-Za-z0-9]{1,6}", fullmatch=True), min_size=1, max_size=30, unique=True), st.data())
def test_every_meter_gets_its_messages_and_no_others(names: list[str], data: st.DataObject) -> None:
    made = router(entry(names))
    name = data.draw(st.sampled_from(names))
    (route,) = made.find(f"plant/x/{name}/telemetry")
    assert list(route.shape.points) == [f"{name}.p0"]


def test_looking_up_a_topic_takes_no_longer_with_many_meters() -> None:
    """The first look at a topic asks each entry once, and not each of its meters."""
    file = file_of(*many(entry([f"EM-{number}" for number in range(5000)]))["meters"])
    made = Router(compile_routes(file))
    assert len(made._families) == 1
    assert len(made.find("plant/x/EM-4999/telemetry")) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({**entry(["A"]), "id": "B"}, '"id" and "ids" exclude each other'),
        (entry(None), '"id" is missing'),
        (entry(["A", "A"]), '"A" stands there twice'),
        (entry([]), "ids needs at least one id"),
        (entry({"A": "x", "B": "x"}), 'A and B have the same name "x"'),
        (entry({"A": "x/y"}), "must be one level of a topic"),
        (entry({"A": "+"}), "must be one level of a topic"),
        (entry(["A b"]), "ids"),
        (entry(["A"], "plant/telemetry"), "must hold {meter} once"),
        (entry(["A"], "{meter}/{meter}"), "must hold {meter} once"),
        (entry(["A"], "plant/em-{meter}"), "must be a whole level"),
        (meter("$.a", topic="plant/{meter}"), '{meter}, which needs "ids"'),
    ],
)
def test_wrong_entries_are_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        file_of(*many(wrong)["meters"])
    assert words in str(refused.value)


def test_a_meter_listed_by_two_entries_is_refused() -> None:
    with pytest.raises(ValidationError, match='meter id "B" is used twice in this file'):
        file_of(*many(entry(["A", "B"]), entry(["C", "B"], "gas/{meter}"))["meters"])


def test_a_shared_subscription_must_not_overlap_another() -> None:
    with pytest.raises(ValidationError, match="a message of both would come twice"):
        file_of(meter("$.a", topic="$share/g/plant/#"), meter("$.a", id="N", topic="plant/a"))
