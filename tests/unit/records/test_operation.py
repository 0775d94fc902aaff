"""What people stated of a unit and of its instruments, quarter by quarter, and what becomes of hours by it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from emission_inputs import NONE, START, Row, average, covered, first, rows
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from record_inputs import snapshot_of

from ems_telemetry.records.averages.emissions import AirEmissionParams
from ems_telemetry.records.inputs.measuring import masks_of
from ems_telemetry.records.inputs.operation import (
    ALL_MINUTES,
    WHOLE,
    Operation,
    QuarterState,
    StatePoint,
    mask_of,
    minutes_of,
    place_measured,
    states_of,
)

pytestmark = pytest.mark.unit

MINUTE = timedelta(minutes=1)
STATED = {"by_register": {"equipment": ["boiler 1"]}}
BOTH = {"point": "CEMS-01.state", "off": [0], "startup": [1]}


def stated(state: str, since: int, until: int | None) -> dict[str, Any]:
    """States something from one minute of the day to another."""
    end = None if until is None else START + until * MINUTE
    return {"id": f"S-{since}", "from": START + since * MINUTE, "to": end, "state": state, "equipment": "boiler 1"}


def maintained(since: int, until: int) -> dict[str, Any]:
    return {"from": START + since * MINUTE, "to": START + until * MINUTE, "by": "operating_state", "id": "S-1"}


def states(words: dict[str, Any], said: list[dict[str, Any]], *told: str | None) -> list[QuarterState]:
    inputs = snapshot_of({"state": [[each] * 3 for each in told] or None, "stated": said})
    return states_of(inputs, StatePoint.model_validate(words), START, len(told) or 4)


def test_what_is_stated_holds_to_the_minute() -> None:
    found = states(STATED, [stated("off", 12, 45), stated("start_up", 45, 50)])
    assert found == [
        QuarterState(Operation.RUNNING, mask_of(range(12)), 0), WHOLE[Operation.OFF], WHOLE[Operation.OFF],
        QuarterState(Operation.STARTUP, ALL_MINUTES, 0),
    ]  # fmt: skip


def test_a_minute_in_which_the_unit_ran_at_all_is_not_off() -> None:
    said = [stated("off", 0, 60) | {"from": START + timedelta(seconds=90)}]
    assert minutes_of(states(STATED, said)[0].ran) == [0, 1]


def test_what_is_stated_at_one_time_has_the_meaning_that_excuses_least_of_the_instrument() -> None:
    found = states(
        STATED, [stated("normal", 0, 60), stated("off", 0, 30), stated("start_up", 15, 30), stated("bypass", 45, None)]
    )
    assert [each.state for each in found] == ["off", "startup", "running", "running"]


def test_a_point_goes_before_what_is_stated_unless_that_is_said_to_override_it() -> None:
    told, said = ("2", "0", None, "1"), [stated("off", 0, 15), stated("normal", 15, 30), stated("off", 30, 45)]
    by_point = states({**BOTH, **STATED}, said, *told)
    assert [each.state for each in by_point] == ["running", "off", "off", "startup"]
    overridden = states({**BOTH, "by_register": {"equipment": ["boiler 1"], "overrides": True}}, said, *told)
    assert [each.state for each in overridden] == ["off", "running", "off", "startup"]


def test_where_neither_tells_the_state_is_unknown_only_if_a_point_should_have() -> None:
    assert [each.state for each in states({**BOTH, **STATED}, [], None, "2")] == ["unknown", "running"]
    assert [each.state for each in states(STATED, [])] == ["running"] * 4


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({}, "name the `point`"),
        ({"off": [0], **STATED}, "name the `point`"),
        ({"point": "P", **STATED}, "name the number"),
        ({"by_register": {"startup": ["off"]}}, "one meaning"),
    ],
)
def test_states_without_a_source_are_refused(words: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        StatePoint.model_validate(words)


def test_what_came_to_a_released_version_leaves_the_inputs_of_older_items_alone() -> None:
    said = {"point": "P", "substance": "NOx", "block_profile": "us_hour@1", "state": BOTH}
    dumped = AirEmissionParams.model_validate(said).model_dump(mode="json")
    assert sorted(dumped["state"]) == ["excluded", "maintenance", "off", "point", "shutdown", "startup"]


@given(st.integers(0, 15), st.integers(0, ALL_MINUTES))
def test_measured_minutes_lie_where_they_count_as_far_as_they_can(count: int, kept: int) -> None:
    placed = place_measured(count, kept)
    assert len(set(placed)) == count
    assert placed == sorted(placed)
    assert len(set(placed) & set(minutes_of(kept))) == min(count, kept.bit_count())


@given(st.integers(0, 59), st.integers(1, 60))
def test_spans_cover_each_minute_they_touch(since: int, length: int) -> None:
    told = [{"from": (START + since * MINUTE).isoformat(), "to": (START + (since + length) * MINUTE).isoformat()}]
    masks = masks_of(told, START, 4)
    assert sum(mask.bit_count() for mask in masks) == min(length, 60 - since)


def judged(quarters: list[Row], **told: Any) -> tuple[bool, Any]:  # noqa: ANN401  # as `average`
    figure = average(quarters, block_profile="us_hour@1", functions=(), **told)
    return bool(first(figure, "valid")), figure.value


HOUR = [*rows(100), NONE, *rows(100, 100)]


def test_cr_12_forty_five_valid_minutes_without_the_second_quadrant_are_no_hour() -> None:
    assert judged(HOUR) == (False, None)


def test_cr_12_the_same_hour_with_a_calibration_in_its_second_quadrant_is_valid() -> None:
    assert judged(HOUR, maintained=[maintained(15, 30)]) == (True, 100)
    assert judged(HOUR, maintained=[maintained(17, 29)]) == (True, 100)
    assert judged(HOUR, maintained=[maintained(75, 90)]) == (False, None)


def test_cr_12_one_point_is_enough_of_twelve_minutes_of_running() -> None:
    quarters = [NONE, ("100", "0.0666666667"), NONE, NONE]
    ran = [stated("off", 0, 10), stated("off", 22, None)]
    assert judged(quarters, state=STATED, stated=ran) == (True, 100)
    assert judged(quarters, state=STATED, stated=[stated("off", 0, 10), stated("off", 26, None)]) == (False, None)


def test_cr_12_two_points_less_than_15_min_apart_are_not_enough() -> None:
    tested = [maintained(16, 60)]
    assert judged([*rows(100), NONE, NONE, NONE], maintained=tested) == (False, None)
    assert judged([*rows(100), ("100", "0.0666666667"), NONE, NONE], maintained=tested) == (True, 100)


def test_what_was_measured_for_longer_than_the_instrument_was_left_alone_does_not_count() -> None:
    quarters = [*rows(100), ("900", "1"), *rows(100, 100)]
    assert judged(quarters, maintained=[maintained(15, 20)]) == (True, 100)
    assert judged([*rows(100), ("138", "0.8"), *rows(100, 100)], maintained=[maintained(15, 18)]) == (True, 108)


def test_a_calibration_while_the_unit_is_off_makes_no_operating_hour() -> None:
    figure = average([], functions=(), state=STATED, stated=[stated("off", 0, None)], maintained=[maintained(0, 60)])
    assert {block["standing"] for block in figure.details["blocks"]} == {"not_operating"}


def test_cr_28_a_start_up_that_was_stated_is_listed_and_goes_into_no_mean() -> None:
    figure = average(rows(300, 100, times=4), state=STATED, stated=[stated("start_up", 10, 50)])
    assert [first(figure, name) for name in ("state", "counts", "normalised")] == ["startup", False, 300]
    assert [figure.value, figure.details["excluded_blocks"]] == [100, 1]


def test_a_start_up_with_a_calibration_in_it_stays_excluded() -> None:
    told: dict[str, Any] = {"state": STATED, "stated": [stated("start_up", 0, 60)], "maintained": [maintained(45, 60)]}
    figure = average(covered(60, 300), functions=(), block_profile="us_hour@1", **told)
    assert (first(figure, "state"), first(figure, "counts"), first(figure, "valid")) == ("startup", False, True)


def function(a: str, b: str, since: int = 0, **more: str) -> dict[str, Any]:
    begins: datetime = START + since * MINUTE
    return {
        "calibration": f"C-{since}", "revision": 1, "instrument": "A1", "since": begins, "until": START + timedelta(days=1),
        "valid_from": begins, "a": a, "b": b, "low": None, "high": None, **more,
    }  # fmt: skip


def test_cr_47_a_function_calibrates_before_anything_else_and_raw_is_kept() -> None:
    told: dict[str, Any] = {"basis": {"o2_ref": "3"}, "measured_state": {"normal": True, "dry": True, "o2_dry": True}}
    gas = {"o2": ("%", rows(5, times=4))}
    figure = average(rows("7.42", times=4), gas=gas, functions=[function("0.05", "0.98")], ci_percent="20", elv="10", **told)
    assert (first(figure, "raw"), first(figure, "calibrated")) == (Decimal("7.42"), Decimal("7.3216"))
    assert first(figure, "normalised") == Decimal("7.3216") * 18 / 16
    assert first(figure, "validated") == Decimal("7.3216") * 18 / 16 - 2
    assert (figure.details["raw"], figure.details["calibrated"]) == (Decimal("7.42"), Decimal("7.3216"))
    assert figure.details["functions"][0]["calibration"] == "C-0"


def test_cr_47_a_function_holds_from_its_beginning_on_and_tells_what_lies_beyond_its_range() -> None:
    figure = average(rows(10, 10, 60, times=4), functions=[function("1", "2", 60, low="0", high="30")])
    told = [
        (each["raw"], each["calibrated"], each["normalised"], each["outside_range"]) for each in figure.details["blocks"][:3]
    ]
    assert told == [(10, None, 10, False), (10, 21, 21, False), (60, 121, 121, True)]
    assert "outside_calibration_range" in figure.flags


def test_a_substitute_is_what_the_instrument_would_have_told() -> None:
    figure = average([[None, "0", "10"]] * 4, functions=[function("1", "2")], by=["mrr45@1"])
    assert (first(figure, "substitute"), first(figure, "normalised")) == (21, None)
    corrected = average([["10", "1", None, False, True]] * 4, functions=[function("1", "2")])
    assert (first(corrected, "raw"), first(corrected, "normalised")) == (10, 10)
