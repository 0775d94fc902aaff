import pytest

from ems_telemetry.connectors.simulator.mqtt_broker import is_filter, matches


@pytest.mark.parametrize(
    ("filter_", "topic"),
    [
        ("a/b", "a/b"),
        ("a/+", "a/b"),
        ("+/b", "a/b"),
        ("#", "a/b"),
        ("a/#", "a/b/c"),
        ("a/#", "a"),
        ("+/+", "/b"),
        ("$SYS/#", "$SYS/uptime"),
    ],
)
def test_a_filter_takes_the_topics_under_it(filter_: str, topic: str) -> None:
    assert matches(filter_, topic)


@pytest.mark.parametrize(
    ("filter_", "topic"), [("a/b", "a/c"), ("a/+", "a"), ("a/+", "a/b/c"), ("a", "a/b"), ("#", "$SYS/uptime"), ("+", "/a")]
)
def test_a_filter_leaves_other_topics(filter_: str, topic: str) -> None:
    assert not matches(filter_, topic)


@pytest.mark.parametrize("text", ["", "a/#/b", "a#", "a/b+"])
def test_wildcards_in_the_wrong_place_are_no_filter(text: str) -> None:
    assert not is_filter(text)


@pytest.mark.parametrize("text", ["a", "/", "#", "+/a/+", "a/#"])
def test_wildcards_alone_in_their_level_are(text: str) -> None:
    assert is_filter(text)
