"""An edge node is asked to be born again as seldom as it can be."""

import pytest
from unit.mqtt.sparkplug.line import ms

from ems_telemetry.connectors.mqtt.sparkplug.rebirths import Rebirths, rebirth_request
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Payload
from ems_telemetry.connectors.mqtt.sparkplug.topic import NodeName, command_topic
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType

NODE = NodeName("Plant-1", "line-3")
OTHER = NodeName("Plant-1", "line-4")


def rebirths(draw: float = 0.0) -> Rebirths:
    return Rebirths(60.0, lambda: draw)


def test_it_is_asked_at_once_and_then_not_within_the_interval() -> None:
    asking = rebirths()
    asking.want(NODE, 0.0)
    assert asking.take_due(0.0) == [NODE]
    for now_s in (0.1, 30.0, 59.9):
        asking.want(NODE, now_s)
        assert asking.take_due(now_s) == []
    assert asking.due_s == 60.0
    assert asking.take_due(60.0) == [NODE]


def test_it_is_asked_less_often_while_it_does_not_help() -> None:
    asking = rebirths()
    asked_s = []
    for now_s in range(0, 20_000, 10):
        asking.want(NODE, float(now_s))
        asked_s += [now_s for _ in asking.take_due(float(now_s))]
    assert asked_s == [0, 60, 180, 420, 900, 1860, 3780, 7380, 10_980, 14_580, 18_180]


def test_a_birth_ends_the_asking_but_not_the_interval() -> None:
    asking = rebirths()
    asking.want(NODE, 0.0)
    asking.take_due(0.0)
    asking.born(NODE, 1.0)
    asking.want(NODE, 2.0)
    assert asking.take_due(59.0) == []
    assert asking.take_due(60.0) == [NODE]
    asking.born(NODE, 200.0)
    asking.want(NODE, 201.0)
    assert asking.take_due(201.0) == [NODE]


def test_a_birth_that_came_by_itself_is_enough() -> None:
    asking = rebirths(draw=1.0)
    asking.want(NODE, 0.0)
    asking.born(NODE, 0.5)
    assert asking.due_s is None
    assert asking.take_due(100.0) == []


def test_a_birth_that_was_asked_for_is_expected_also_by_what_comes_before_it() -> None:
    """What comes between the asking and the birth wants one too: it waits for it, and is no dead letter."""
    asking = rebirths()
    asking.want(NODE, 0.0)
    asking.take_due(0.0)
    asking.want(NODE, 0.1)
    assert asking.expects(NODE, 0.1, 10.0)
    assert asking.expects(NODE, 9.9, 10.0)
    assert not asking.expects(NODE, 10.0, 10.0)
    asking.born(NODE, 1.0)
    asking.want(NODE, 2.0)
    assert not asking.expects(NODE, 2.0, 10.0)


def test_askings_are_spread() -> None:
    asking = rebirths(draw=0.5)
    asking.want(NODE, 0.0)
    assert asking.due_s == 1.0
    assert asking.take_due(1.0) == [NODE]
    asking.want(NODE, 2.0)
    assert asking.due_s == 1.0 + 60.0 * 1.125


def test_each_edge_node_is_asked_for_itself() -> None:
    asking = rebirths()
    asking.want(NODE, 0.0)
    asking.take_due(0.0)
    asking.want(OTHER, 1.0)
    assert asking.take_due(1.0) == [OTHER]


@pytest.mark.parametrize(("now_s", "expected"), [(0.0, True), (9.0, True), (11.0, False), (55.0, False)])
def test_a_birth_is_expected_for_a_while_after_the_asking(now_s: float, *, expected: bool) -> None:
    asking = rebirths()
    assert asking.expects(NODE, 0.0, 10.0) is False
    asking.want(NODE, 0.0)
    asking.take_due(0.0)
    assert asking.expects(NODE, now_s, 10.0) is expected


def test_and_when_the_next_asking_is_near() -> None:
    asking = rebirths()
    asking.want(NODE, 0.0)
    asking.take_due(0.0)
    asking.want(NODE, 30.0)
    assert [asking.expects(NODE, now_s, 10.0) for now_s in (30.0, 51.0)] == [False, True]


def test_the_request_is_a_command_to_the_edge_node() -> None:
    assert command_topic(NODE) == "spBv1.0/Plant-1/NCMD/line-3"
    request = Payload.FromString(rebirth_request(ms(0)))
    (told,) = request.metrics
    assert (told.name, told.datatype, told.boolean_value) == ("Node Control/Rebirth", DataType.BOOLEAN, True)
    assert (request.timestamp, request.HasField("seq")) == (ms(0), False)
