"""Topic filters."""

import pytest

from ems_telemetry.connectors.mqtt.topics import check_filter, covers, needed


@pytest.mark.parametrize(
    ("filter_", "topic", "fits"),
    [
        ("plant/wm02", "plant/wm02", True),
        ("plant/wm02", "plant/wm02/x", False),
        ("plant/wm02/x", "plant/wm02", False),
        ("plant/+", "plant/wm02", True),
        ("plant/+", "plant/", True),
        ("plant/+", "plant", False),
        ("plant/+", "plant/a/b", False),
        ("+/+", "a/b", True),
        ("plant/#", "plant/a/b", True),
        ("plant/#", "plant", True),
        ("#", "plant/a", True),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("plant/#", "plant/+/x", True),
        ("plant/+", "plant/#", False),
        ("plant/+/x", "plant/+/x", True),
        ("plant/a/x", "plant/+/x", False),
        ("/plant", "plant", False),
    ],
)
def test_a_filter_takes_in_what_the_standard_says(filter_: str, topic: str, *, fits: bool) -> None:
    assert covers(filter_, topic) is fits


def test_a_filter_that_another_covers_is_left_out() -> None:
    assert needed(["a/b", "a/+", "a/b", "c/#", "c/d/+", "e"]) == ["a/+", "c/#", "e"]


@pytest.mark.parametrize("filter_", ["a", "a/b", "+", "#", "a/+/b", "a/#", "/", "$SYS/#", "a b/ü"])
def test_well_formed_filters_pass(filter_: str) -> None:
    assert check_filter(filter_) == filter_


@pytest.mark.parametrize(
    ("filter_", "words"),
    [
        ("", "must have between 1"),
        ("a\0b", "must have between 1"),
        ("a" * 65_536, "must have between 1"),
        ("a+/b", '"+" must stand alone'),
        ("a/b#", '"#" must stand alone at the end'),
        ("a/#/b", '"#" must stand alone at the end'),
        ("$share/group", "is written $share/GROUP/TOPIC"),
        ("$share/+/a", "is written $share/GROUP/TOPIC"),
        ("$share/group/a+", '"+" must stand alone'),
    ],
    ids=["empty", "null", "long", "plus", "hash", "hash inside", "no topic", "wild group", "plus in shared"],
)
def test_others_are_refused_in_words(filter_: str, words: str) -> None:
    with pytest.raises(ValueError, match="topic") as refused:
        check_filter(filter_)
    assert words in str(refused.value)
