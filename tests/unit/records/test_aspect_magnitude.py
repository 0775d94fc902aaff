from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from record_inputs import QUARTER, START, Value, point_inputs, quarter, snapshot_of

from ems_telemetry.records.inputs.children import Child, children_as_inputs
from ems_telemetry.records.inputs.conditions import Segment, Stated, segments_of
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.aspect_magnitude import AspectMagnitude, AspectMagnitudeParams
from ems_telemetry.records.registers.operations import CONDITION_OF, OperatingState, OperatingStateBody

pytestmark = pytest.mark.unit


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def stated(start: float, end: float | None, state: str) -> dict[str, Any]:
    return {"from": at(start), "to": None if end is None else at(end), "state": state, "equipment": None, "id": "OS-1"}


def aspect(
    values: Sequence[Value],
    *,
    conditions: Mapping[str, Any] | None = None,
    total: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    more: Sequence[Sequence[Value]] = (),
) -> Figure:
    points = [point_inputs(f"E.{n}", each, unit="kg", quantity="pollutant_mass") for n, each in enumerate((values, *more))]
    inputs = {"aspect": "NOx", "start": START, "end": START + len(values) * QUARTER, "points": points}
    return AspectMagnitude().compute(snapshot_of({**inputs, "conditions": conditions, "total": total, "before": before}))


def by_register(*entries: dict[str, Any], otherwise: str = "normal") -> dict[str, Any]:
    return {"otherwise": otherwise, "stated": list(entries)}


def by_point(*quarters: Child, **states: str) -> dict[str, Any]:
    return {"states": states or {"0": "normal", "1": "abnormal"}, "quarters": children_as_inputs(quarters)}


def amounts(figure: Figure) -> dict[str, tuple[Any, Any]]:
    return {each["condition"]: (each["amount"], each["hours"]) for each in figure.details["by_condition"]}


def test_a_magnitude_is_split_by_what_was_stated() -> None:
    figure = aspect([10, 20, 30, 40], conditions=by_register(stated(15, 30, "start_up"), stated(45, None, "emergency")))
    assert (figure.value, figure.unit, figure.flags) == (Decimal(100), "kg", ())
    assert amounts(figure) == {
        "normal": (40, Decimal("0.5")),
        "abnormal": (20, Decimal("0.25")),
        "emergency": (40, Decimal("0.25")),
    }


def test_a_quarter_of_change_is_split_by_time_and_flagged() -> None:
    figure = aspect([30, 30], conditions=by_register(stated(10, 20, "malfunction")))
    assert figure.details["by_condition"][1]["amount"] == 20
    assert figure.flags == ("prorated",)


def test_where_several_are_stated_the_severest_holds() -> None:
    entries = [Stated(at(0), at(60), OperatingState.MAINTENANCE), Stated(at(20), at(40), OperatingState.EMERGENCY)]
    assert segments_of(entries, at(-10), at(50), "normal") == [
        Segment(at(-10), at(0), "normal"),
        Segment(at(0), at(20), "abnormal"),
        Segment(at(20), at(40), "emergency"),
        Segment(at(40), at(50), "abnormal"),
    ]


def test_where_nothing_is_stated_it_can_be_unknown() -> None:
    figure = aspect([10, 20], conditions=by_register(stated(0, 15, "normal"), otherwise="unknown"))
    assert amounts(figure)["unknown"] == (20, Decimal("0.25"))


def test_a_point_tells_the_condition_of_each_quarter() -> None:
    told = by_point(quarter(0, 0), quarter(1, "0.4", low="0", high="1"), quarter(2, 1), quarter(3, None))
    figure = aspect([10, 20, 30, 40], conditions=told)
    split = amounts(figure)
    assert (split["normal"][0], split["abnormal"][0], split["unknown"][0]) == (22, 38, 40)
    assert split["emergency"] == (0, 0)
    assert figure.flags == ("prorated",)


def test_a_missing_amount_is_missing_in_its_condition_alone() -> None:
    figure = aspect([10, None, 30], conditions=by_register(stated(15, 30, "off"), stated(30, 45, "abnormal")))
    assert (figure.value, figure.quality) == (None, "missing")
    normal, abnormal, _ = figure.details["by_condition"]
    assert (normal["amount"], normal["known"], normal["missing_hours"]) == (None, 10, Decimal("0.25"))
    assert abnormal["amount"] == 30


def test_the_hours_are_those_of_the_period_however_many_points_there_are() -> None:
    figure = aspect([1, 1], more=[[2, 2], [3, 3]], conditions=by_register(stated(0, 15, "emergency")))
    assert amounts(figure) == {"normal": (6, Decimal("0.25")), "abnormal": (0, 0), "emergency": (6, Decimal("0.25"))}


def test_share_and_trend() -> None:
    total = {"points": [point_inputs("T.total", [200, 200], unit="kg")]}
    figure = aspect([30, 20], total=total, before={"record_id": "x", "value": "40", "unit": "kg"})
    told = {
        name: figure.details[name] for name in ("total", "share_percent", "before", "change", "change_percent", "by_condition")
    }
    assert told == {
        "total": 400, "share_percent": Decimal("12.5"), "before": 40, "change": 10, "change_percent": 25, "by_condition": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "before", [None, {"record_id": "x", "value": None, "unit": "kg"}, {"record_id": "x", "value": "4", "unit": "t"}]
)
def test_without_a_figure_before_there_is_no_trend(before: dict[str, Any] | None) -> None:
    figure = aspect([30], before=before, total={"plan": "T-1", "record": None})
    assert [figure.details[name] for name in ("share_percent", "change", "change_percent")] == [None] * 3


def test_every_state_has_its_condition() -> None:
    assert set(CONDITION_OF) == set(OperatingState)
    assert {state for state, condition in CONDITION_OF.items() if condition == "normal"} == {
        "normal", "off", "calibration",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"by_point": {"point": "p", "states": {"on": "normal", "0": "normal"}}}, "whole numbers"),
        ({"by_point": {"point": "p", "states": {"1": "normal", "0": "normal"}}, "by_register": {}}, "not by both"),
        ({"total": {}}, "name `points` or a `plan` item"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AspectMagnitudeParams.model_validate({"aspect": "NOx", "points": ["a"], **wrong})


def test_a_state_ends_after_it_began() -> None:
    with pytest.raises(ValidationError, match="not before"):
        OperatingStateBody.model_validate({"state": "off", "from": at(5), "to": at(5)})


spans = st.tuples(st.integers(-30, 200), st.integers(1, 90), st.sampled_from([*OperatingState]))


@given(st.lists(st.one_of(st.none(), st.integers(0, 99)), min_size=1, max_size=12), st.lists(spans, max_size=8))
def test_the_parts_of_conditions_are_the_whole(values: list[int | None], drawn: list[tuple[int, int, OperatingState]]) -> None:
    entries = [stated(start, start + length, state) for start, length, state in drawn]
    figure = aspect(values, conditions=by_register(*entries))
    split = figure.details["by_condition"]
    assert abs(sum(each["hours"] for each in split) - Decimal(len(values)) / 4) < Decimal("1e-20")
    assert abs(sum(each["known"] for each in split) - sum(value or 0 for value in values)) < Decimal("1e-20")
    if figure.value is not None:
        assert all(each["amount"] is not None for each in split)
