"""Paths into JSON documents."""

from typing import Any

import pytest

from ems_telemetry.connectors.mqtt.path import MISSING, compile_path

DOCUMENT: dict[str, Any] = {
    "ENERGY": {"Total": 0.904, "Power": None},
    "emdata:0": {"total_act": 26289.57},
    "Tag 10": {"Value": 4558},
    "vals": [{"id": "101", "val": 3}, {"id": "102", "val": 4}],
    "a.b": 1,
    "0": "zero",
    "temperature-1": 20,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$", DOCUMENT),
        ("$.ENERGY.Total", 0.904),
        ("ENERGY.Total", 0.904),
        ("$.ENERGY.Power", None),
        ("$.emdata:0.total_act", 26289.57),
        ("$['Tag 10'].Value", 4558),
        ('$["Tag 10"]["Value"]', 4558),
        ("$.vals[1].val", 4),
        ("vals[-1].val", 4),
        ("$['a.b']", 1),
        ("$.0", "zero"),
        ("$.temperature-1", 20),
    ],
)
def test_a_path_names_one_place(text: str, value: object) -> None:
    assert compile_path(text).find(DOCUMENT) == value


@pytest.mark.parametrize(
    "text", ["$.nothing", "$.ENERGY.Total.deeper", "$.vals[2]", "$.vals[-3]", "$.vals.val", "$[0]", "$.ENERGY.Power.x"]
)
def test_a_place_that_is_not_there_is_missing_and_not_null(text: str) -> None:
    assert compile_path(text).find(DOCUMENT) is MISSING


@pytest.mark.parametrize("document", [None, 5, "text", [], True])
def test_any_document_can_be_looked_into(document: object) -> None:
    assert compile_path("$.a").find(document) is MISSING


def test_an_array_at_the_top_is_reached_by_position() -> None:
    assert compile_path("$[0].value").find([{"value": 1291}]) == 1291


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("$.", '"." is not understood'),
        ("$a", '"a" is not understood'),
        ("$.a b", '" b" is not understood'),
        ("$.a[", '"[" is not understood'),
        ("$.a[b]", '"[b]" is not understood'),
        ("$.a['']", "\"['']\" is not understood"),
        (".a", '".a" is not understood'),
        ("$..a", '"..a" can name more than one place'),
        ("$.a.*", '".*" can name more than one place'),
        ("$.a[*].b", '"[*].b" can name more than one place'),
        ("$.a[?(@.b)]", '"[?(@.b)]" can name more than one place'),
    ],
)
def test_what_is_no_path_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        compile_path(text)
    assert f'path "{text}": {words}' in str(refused.value)
