from collections.abc import Sequence
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import pytest
from emission_inputs import DAY, NONE, START, Row, gauge, places, rows
from hypothesis import given
from hypothesis import strategies as st
from record_inputs import snapshot_of

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.blocks import BlockLength, days_as_inputs
from ems_telemetry.records.averages.outfall import in_unit
from ems_telemetry.records.kinds import RecordQuality
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.discharge import DischargeMonitoring
from ems_telemetry.records.methods.ph_control import PhControl

pytestmark = pytest.mark.unit

MGD_IN_M3 = "4731.765"
Told = tuple[str | None, str, str | None]


def exact(*values: str) -> list[Told]:
    return [(value, "=", None) for value in values]


def discharge(
    results: Sequence[Told],
    *,
    point: Sequence[Row] | None = None,
    flow: Sequence[Row] | None = None,
    days: int = 10,
    of_day: Sequence[int] = (),
    **params: object,
) -> Figure:
    """Computes ten days; results are of one day after the other, or of those named."""

    def quarters(some: Sequence[Row] | None, *, additive: bool) -> Any:  # noqa: ANN401  # inputs
        if some is None:
            return None
        return {**gauge([*some, *[NONE] * (96 * days - len(some))]), "additive": additive}

    named = of_day or range(len(results))
    named_point = {} if point is None else {"point": "OF-01.cod"}
    inputs = {
        "params": {"outfall": "outfall-1", "parameter": "COD", "non_detects": "zero", **named_point, **params},
        "days": days_as_inputs(START, START + days * DAY, BlockLength.HOUR, UTC),
        "samples": [
            {"id": f"S-{day}", "day": (START + day * DAY).date(), "value": value, "qualifier": qualifier, "lod": lod}
            for day, (value, qualifier, lod) in zip(named, results, strict=True)
        ],
        "point": quarters(point, additive=False),
        "flow": quarters(flow, additive=True),
    }
    return DischargeMonitoring().compute(snapshot_of(inputs))


def test_cr_32_a_monthly_average_is_that_of_the_daily_values() -> None:
    figure = discharge(exact("5.30", "6.21", "4.00", "5.25", "8.72"))
    assert [figure.value, figure.details["average"]["text"]] == [Decimal("5.896"), "5.896"]
    assert [figure.details[name]["value"] for name in ("minimum", "maximum")] == [4, Decimal("8.72")]
    assert [figure.details["n"], figure.quality] == [5, RecordQuality.GOOD]


def test_cr_32_bacteria_are_averaged_geometrically() -> None:
    figure = discharge(exact("50", "100", "150", "200"), average="geometric", unit="CFU/100 mL")
    assert places(figure.value, 2) == Decimal("110.67")


def test_cr_32_the_days_beyond_the_daily_limit_are_counted() -> None:
    figure = discharge(exact("28", "31", "30", "35"), daily_limit={"value": "30"})
    assert figure.details["exceedances"] == 2
    assert [str(day) for day in figure.details["exceedance_days"]] == ["2026-03-03", "2026-03-05"]
    assert "exceeds_daily_limit" in figure.flags


@pytest.mark.parametrize(("policy", "value"), [("zero", "3.333"), ("half", "3.667"), ("lod", "4.000")])
def test_cr_33_what_was_not_detected_counts_as_the_permit_says(policy: str, value: str) -> None:
    figure = discharge([("4", "=", None), ("2", "<", None), ("6", "=", None)], non_detects=policy)
    assert places(figure.value, 3) == Decimal(value)


def test_cr_33_where_nothing_was_found_the_figure_is_below_the_detection_limit() -> None:
    figure = discharge([("2", "<", None), (None, "ND", "1")])
    assert [figure.value, figure.details["average"]["text"], figure.details["average"]["below"]] == [None, "<2", 2]
    assert [figure.quality, figure.flags] == [RecordQuality.GOOD, ("below_detection",)]
    assert figure.details["no_data"] == {"reason": "below_detection", "nodi": "B"}


def test_cr_34_a_load_is_flow_times_concentration() -> None:
    flow = rows(*[str(Decimal(MGD_IN_M3) / 96)] * 96)
    load = discharge(exact("18"), flow=flow, load=True, days=1).details["load"]
    assert places(load["average_kg_per_day"], 3) == Decimal("85.172")
    assert load["average_kg_per_day"] == load["maximum_kg_per_day"]


def test_a_load_says_what_it_lacks() -> None:
    flow = [*rows(1, times=96), *[NONE] * 96, *rows(1, times=96), *rows(0, times=96)]
    load = discharge(exact("10", "10"), flow=flow, load=True, days=4).details["load"]
    assert load == {
        "average_kg_per_day": Decimal("0.48"), "maximum_kg_per_day": Decimal("0.96"), "days": 2, "without_flow": 1,
        "without_result": 1,
    }  # fmt: skip


def test_without_a_result_the_record_says_why() -> None:
    nothing_flowed = discharge([], flow=rows(0, times=960))
    assert [nothing_flowed.value, nothing_flowed.details["no_data"]["nodi"]] == [None, "C"]
    assert nothing_flowed.quality is RecordQuality.MISSING
    not_sampled = discharge([], flow=rows(1, times=960), samples_due=4)
    assert [not_sampled.details["no_data"]["reason"], not_sampled.details["missing"]] == ["no_sample", 4]
    assert not_sampled.flags == ("missing", "no_sample")


def test_several_samples_of_a_day_are_one_daily_value() -> None:
    figure = discharge(exact("10", "20", "40"), of_day=[0, 0, 1])
    assert [figure.value, figure.details["n"], figure.details["samples"]] == [Decimal("27.5"), 2, 3]


def test_a_point_gives_the_days_that_have_no_sample() -> None:
    point = [*rows(10, times=96), *rows(20, times=72), *[NONE] * 24]
    figure = discharge(exact("30"), of_day=[2], point=point, days=4, least_percent="75")
    assert [figure.value, figure.details["n"], figure.details["missing"]] == [20, 3, 1]
    assert [day["source"] for day in figure.details["days"]] == ["point", "point", "samples"]
    assert discharge([], point=point, days=2, least_percent="76").details["n"] == 1


def test_results_are_brought_to_one_unit_and_what_is_of_another_kind_is_refused() -> None:
    assert in_unit(Decimal(1500), "ug/L", "mg/L") == Decimal("1.5")
    with pytest.raises(CannotComputeError, match="CFU"):
        in_unit(Decimal(1), "CFU/100 mL", "mg/L")


@given(st.lists(st.decimals(0, 1000, places=2), min_size=1, max_size=10))
def test_an_average_lies_between_least_and_greatest(values: list[Decimal]) -> None:
    figure = discharge(exact(*map(str, values)))
    assert figure.value is not None
    assert min(values) <= figure.value <= max(values)


def ph(*excursions: int, missing: int = 0, required: str = "100", **params: object) -> Figure:
    """Computes a day on which the pH was outside for so many quarters in a row each, an hour apart."""
    inside: list[str | None] = ["6.8", "7.4", "1"]
    outside: list[str | None] = ["7.0", "9.4", "1"]
    told = [row for length in excursions for row in [*[outside] * length, *[inside] * 4]]
    told = [*[[None, None, "0"]] * missing, *told]
    inputs = {
        "params": {"point": "OF-01.ph", "low": "6", "high": "9", "required_percent": required, **params},
        "start": START,
        "quarters": [*told, *[inside] * (96 - len(told))],
    }
    return PhControl().compute(snapshot_of(inputs))


def test_cr_35_excursions_count_in_full_quarters_and_one_too_long_fails() -> None:
    figure = ph(4, 3, 5)
    details = figure.details
    assert [figure.value, figure.unit, details["total_holds"], details["too_long"]] == [180, "min", True, 1]
    assert [details["status"], details["minimum"], details["maximum"]] == ["non_compliant", Decimal("6.8"), Decimal("9.4")]
    assert [each["minutes"] for each in details["excursions"]] == [60, 45, 75]
    assert figure.flags == ("quarters_counted_whole",)


def test_cr_35_excursions_of_an_hour_hold_and_446_minutes_are_too_many() -> None:
    assert ph(4, 3, 4).details["status"] == "compliant"
    assert [ph(*[4] * 7, 1).details["total_holds"], ph(*[4] * 7, 2).details["total_holds"]] == [True, False]


def test_cr_35_the_share_in_range_is_of_the_time_that_was_measured() -> None:
    figure = ph(4, missing=48, required="50")
    assert [places(figure.details["percent_in_range"], 4), figure.coverage] == [Decimal("91.6667"), 50]
    assert [figure.details["status"], ph(4, missing=49, required="50").details["status"]] == ["compliant", "indeterminate"]
    assert figure.flags == ("missing", "quarters_counted_whole")


def test_a_ph_that_was_not_measured_has_no_figure() -> None:
    figure = ph(missing=96)
    assert [figure.value, figure.quality, figure.details["status"]] == [None, RecordQuality.MISSING, "indeterminate"]


def test_a_permit_may_have_a_profile_of_its_own() -> None:
    own = {"id": "permit_3@1", "source": "permit 3", "total_minutes": 60, "each_minutes": 15}
    figure = ph(2, profile=own)
    assert [figure.details["profile"], figure.details["too_long"]] == ["permit_3@1", 1]
    assert timedelta(minutes=int(figure.value or 0)) == timedelta(minutes=30)
