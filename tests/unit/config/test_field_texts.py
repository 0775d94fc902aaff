from ems_telemetry.config.base import Model
from ems_telemetry.config.field_texts import text_of


class Part(Model):
    length: float
    """How long it is,
    in metres."""
    width: float
    depth: float = 1.0
    "How deep it is."


class Special(Part):
    length: float = 2.0
    width: float
    """How wide it is."""


def test_a_field_is_told_by_the_text_below_it_or_by_that_of_the_class_it_is_inherited_from() -> None:
    assert text_of(Part, "length") == "How long it is,\nin metres."
    assert text_of(Part, "width") is None
    assert text_of(Special, "length") == "How long it is,\nin metres."
    assert text_of(Special, "width") == "How wide it is."
    assert text_of(Special, "height") is None


def test_a_class_whose_source_is_nowhere_tells_nothing() -> None:
    assert text_of(type("Made", (), {"__annotations__": {"length": float}}), "length") is None


def test_the_texts_stand_in_the_schema() -> None:
    properties = Special.model_json_schema()["properties"]
    assert properties["depth"]["description"] == "How deep it is."
    assert properties["width"]["description"] == "How wide it is."
