from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from record_inputs import Value, point_inputs, quarter, snapshot_of

from ems_telemetry.records.inputs.children import Child, children_as_inputs
from ems_telemetry.records.inputs.states import shares_of
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.operational_control import Criterion, OperationalControl

pytestmark = pytest.mark.unit

RANGE = {"name": "pH", "min": "6", "max": "9"}


def control(
    values: Sequence[Value | Child],
    criteria: Sequence[Mapping[str, Any]] = (RANGE,),
    *,
    required: str = "95",
    coverage: str = "90",
    bypass: Mapping[str, Any] | None = None,
    **more: object,
) -> Figure:
    gathered = point_inputs("SC-01.ph", values, unit="pH", quantity="ph", additive=False)
    passing = {
        "bypass": None if bypass is None else {"state": "1", "otherwise": "0", "most_minutes": bypass.get("most")},
        "bypass_quarters": [] if bypass is None else children_as_inputs(bypass["quarters"]),
    }
    told = {
        "criteria": list(criteria),
        "required_percent": required,
        "required_coverage_percent": coverage,
        "judged_by": "mean",
    }
    return OperationalControl().compute(snapshot_of({**gathered, **told, **passing, **more}))


def test_in_range_is_of_the_time_measured() -> None:
    figure = control([7] * 18 + [9, "9.01"])
    assert [figure.value, figure.unit, figure.coverage] == [95, "%", 100]
    assert [figure.details[name] for name in ("verdict", "in_range_minutes", "out_of_range_minutes")] == ["in_control", 285, 15]


def test_consecutive_quarters_outside_are_one_excursion_with_its_extreme() -> None:
    figure = control([7, "9.5", 10, "9.2", 7, 5, None, 5, 4, 7])
    told = [
        (each["start"].isoformat()[11:16], each["minutes"], each["extreme"], each["cut"])
        for each in figure.details["excursions"]
    ]
    assert told == [("00:15", 45, 10, False), ("01:15", 15, 5, True), ("01:45", 30, 4, True)]
    assert {each["criterion"] for each in figure.details["excursions"]} == {"pH"}


def test_time_not_measured_is_told_and_never_in_range() -> None:
    figure = control([7, None, quarter(2, 7, "0.5"), None])
    assert figure.value == 100
    assert [figure.details[name] for name in ("in_range_minutes", "not_measured_minutes")] == [Decimal("22.5"), Decimal("37.5")]
    assert (figure.coverage, figure.details["verdict"]) == (Decimal("37.5"), "indeterminate")
    assert "missing" in figure.flags


def test_nothing_measured_is_no_figure() -> None:
    figure = control([None, None])
    assert (figure.value, figure.quality, figure.details["verdict"]) == (None, "missing", "indeterminate")


def test_what_no_measurement_could_mend_is_out_of_control_at_any_coverage() -> None:
    assert control([5, 5, None, None, None]).details["verdict"] == "out_of_control"
    mendable = control([5] + [None] * 19)
    assert [mendable.value, mendable.details["verdict"]] == [0, "indeterminate"]
    assert control([5] + [7] * 10).details["verdict"] == "out_of_control"


def test_every_criterion_counts_and_has_its_own_share() -> None:
    alarm = {"name": "warning", "min": "6.5", "max": None}
    figure = control([7, "6.2", 5, 7], [RANGE, alarm])
    assert figure.value == 50
    assert [each["in_range_percent"] for each in figure.details["criteria"]] == [75, 50]


def test_extremes_show_what_a_mean_hides() -> None:
    values = [quarter(0, 7, low="5.5", high="9"), quarter(1, None, low="6.5", high="7"), quarter(2, 7)]
    assert control(values, judged_by="mean").details["out_of_range_minutes"] == 0
    figure = control(values, judged_by="extremes")
    assert figure.details["out_of_range_minutes"] == 15
    assert figure.details["not_measured_minutes"] == 0
    assert figure.details["excursions"][0]["extreme"] == Decimal("5.5")


def test_what_was_substituted_is_not_measured_and_what_was_corrected_is_judged() -> None:
    spans = [(quarter(n, 0).start, quarter(n, 0).end) for n in (1, 2)]
    layers = [
        {"layer": "substituted", "start": spans[0][0], "end": spans[0][1], "value": "7", "id": "S"},
        {"layer": "corrected", "start": spans[1][0], "end": spans[1][1], "value": "7", "id": "C"},
    ]
    figure = control([7, None, 5, 7], adjustments=layers)
    assert [figure.value, figure.coverage] == [100, 75]


def test_bypass_minutes_come_from_the_share_of_the_time() -> None:
    passing = [quarter(0, 0), quarter(1, "0.2", low="0", high="1"), quarter(2, 1), quarter(3, None)]
    bypass = {"quarters": passing, "most": "18"}
    figure = control([7, 7, 7, 7], bypass=bypass)
    assert [figure.details[name] for name in ("bypass_minutes", "bypass_unknown_minutes")] == [18, 15]
    assert figure.details["verdict"] == "indeterminate"
    assert control([7] * 4, bypass={**bypass, "most": "17"}).details["verdict"] == "out_of_control"
    assert control([7] * 4, bypass={**bypass, "most": "33"}).details["verdict"] == "in_control"
    assert control([7] * 4, bypass={"quarters": passing}).details["verdict"] == "in_control"


def test_of_more_than_two_states_a_quarter_of_change_is_not_known() -> None:
    codes = [Decimal(0), Decimal(1), Decimal(2)]
    assert shares_of(quarter(0, 1), codes) == {1: 1}
    assert shares_of(quarter(0, 1, "0.5", low="1", high="1"), codes) == {1: Decimal("0.5")}
    assert shares_of(quarter(0, 1, low="0", high="2"), codes) == {}
    assert shares_of(quarter(0, "0.5", low="0", high="0"), codes) == {}
    assert shares_of(quarter(0, "0.5", low="0", high="3"), codes[:2]) == {}
    assert shares_of(quarter(0, 3), codes) == {}


@pytest.mark.parametrize("criterion", [{"name": "x"}, {"name": "x", "min": "2", "max": "1"}])
def test_a_criterion_is_a_range(criterion: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="the criterion x has"):
        Criterion.model_validate(criterion)


@given(st.lists(st.one_of(st.none(), st.integers(0, 14)), min_size=1, max_size=60))
def test_the_minutes_add_up_and_excursions_are_what_was_outside(values: list[int | None]) -> None:
    details = control(values).details
    minutes = [details[f"{name}_minutes"] for name in ("in_range", "out_of_range", "not_measured")]
    assert sum(minutes) == 15 * len(values)
    assert sum(each["minutes"] for each in details["excursions"]) == minutes[1]
