from decimal import Decimal
from typing import Any

import pytest
from emission_inputs import NEEDS_NOTHING, NONE, Row, average, covered, first, places, rows
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.averages.emissions import AirEmissionParams
from ems_telemetry.records.inputs.operation import StatePoint
from ems_telemetry.records.kinds import RecordQuality

pytestmark = pytest.mark.unit

STATE = {"point": "CEMS-01.state", "startup": [1], "shutdown": [3], "maintenance": [4], "off": [0]}
OFF, STARTING, RUNNING, CALIBRATION = (["0"] * 3, ["1"] * 3, ["2"] * 3, ["4"] * 3)
DE_HALF_HOURS = {"block": "30min", "block_profile": "eu_cems_half_hour@1", "day_profile": "de_half_hour_day@1"}


def is_valid(quarters: list[Row], **told: Any) -> bool:  # noqa: ANN401  # as `average`
    return bool(first(average(quarters, **told), "valid"))


def in_states(*states: list[str]) -> dict[str, Any]:
    return {"state": STATE, "states": [*states, *[OFF] * (96 - len(states))]}


def test_cr_12_an_hour_without_its_second_quadrant_is_invalid_unless_the_instrument_was_calibrated_then() -> None:
    hour = [*rows(100), NONE, *rows(100, 100)]
    assert not is_valid(hour, block_profile="us_hour@1")
    calibrated = in_states(RUNNING, CALIBRATION, RUNNING, RUNNING)
    assert is_valid(hour, block_profile="us_hour@1", **calibrated)


def test_cr_12_one_quarter_is_enough_where_the_unit_ran_no_longer() -> None:
    hour = [("100", "0.0667"), NONE, NONE, NONE]
    figure = average(hour, block_profile="us_hour@1", **in_states(RUNNING, OFF, OFF, OFF))
    assert [first(figure, "valid"), figure.value] == [True, 100]
    assert not is_valid(hour, block_profile="us_hour@1", **in_states(RUNNING, RUNNING, OFF, OFF))


@pytest.mark.parametrize(("minutes", "valid"), [(48, True), (47, False)])
def test_cr_13_an_hour_of_the_ets_needs_80_percent(minutes: int, *, valid: bool) -> None:
    assert is_valid(covered(minutes)) is valid


@pytest.mark.parametrize(
    ("minutes", "profile", "valid"),
    [
        (20, "eu_cems_half_hour@1", True),
        (19, "eu_cems_half_hour@1", False),
        (22, "half_hour_75@1", False),
        (23, "half_hour_75@1", True),
    ],
)
def test_cr_14_a_half_hour_needs_two_thirds_or_what_its_profile_says(minutes: int, profile: str, *, valid: bool) -> None:
    assert is_valid(covered(minutes)[:2], block="30min", block_profile=profile) is valid


def test_a_quarter_of_an_hour_is_judged_by_a_profile_of_the_permit() -> None:
    permit = {"id": "permit_12@1", "source": "permit 12", "least_share": "0.8"}
    assert is_valid([("100", "0.8")], block="15m", block_profile=permit)
    assert not is_valid([("100", "0.79")], block="15m", block_profile=permit)
    with pytest.raises(CannotComputeError, match="these have 15"):
        average(rows(1), block="15m", block_profile="us_hour@1")


@pytest.mark.parametrize(("lost", "value"), [(6, Decimal(100)), (7, None)])
def test_cr_15_a_day_may_lose_six_half_hours(lost: int, value: Decimal | None) -> None:
    figure = average(rows(100, times=2 * (48 - lost)), **DE_HALF_HOURS)
    assert figure.value == value
    assert figure.details["invalid_days"] == (0 if value else 1)
    assert ("insufficient" in figure.flags) is (value is None)
    assert figure.details["days"][0]["lost"] == lost


def test_cr_15_the_eleventh_invalid_day_of_a_year_is_told() -> None:
    before = [[f"2026-01-{day:02}", "invalid"] for day in range(1, 11)]
    eleventh = average(rows(100), before=before, **DE_HALF_HOURS)
    assert "notify_invalid_days" in eleventh.flags
    assert (str(eleventh.details["notify_on"]), eleventh.details["invalid_days_of_year"]) == ("2026-03-02", 11)
    tenth = average(rows(100), before=before[1:], **DE_HALF_HOURS)
    assert "notify_invalid_days" not in tenth.flags
    twelfth = average(rows(100), before=[["2026-02-01", "invalid"], *before], **DE_HALF_HOURS)
    assert (twelfth.details["invalid_days_of_year"], twelfth.details["notify_on"]) == (12, None)


@pytest.mark.parametrize(("hours", "value"), [(18, Decimal(100)), (17, None)])
def test_cr_22_a_mean_of_24_hours_needs_18(hours: int, value: Decimal | None) -> None:
    figure = average(rows(100, times=4 * hours), mean_profile="de_39bimschv_24h@1")
    assert figure.value == value
    assert figure.flags == (("invalid_blocks",) if value else ("insufficient", "invalid_blocks"))


def test_cr_23_ppm_become_mg() -> None:
    figure = average(rows(150, times=4), unit="ppm", measured_state={"dry": True})
    assert places(figure.value, 2) == Decimal("307.88")
    assert first(figure, "raw") == 150


@pytest.mark.parametrize(("k", "value"), [("21", "346.37"), ("20.9", "346.61")])
def test_cr_24_example_a_is_brought_to_reference_oxygen(k: str, value: str) -> None:
    figure = average(
        rows(150, times=4),
        unit="ppm",
        gas={"o2": ("%", rows(5, times=4))},
        basis={"o2_ref": "3", "k": k},
        measured_state={"dry": True, "o2_dry": True},
    )
    assert places(figure.value, 2) == Decimal(value)


DUST_GAS = {"t": ("degC", "180"), "p": ("kPa", "98.5"), "h2o": ("%", "12"), "o2": ("%", "6.0")}


def dust(without: str | None = None) -> Any:  # noqa: ANN401  # a figure
    gas = {name: (unit, rows(None if name == without else value, times=4)) for name, (unit, value) in DUST_GAS.items()}
    return average(rows("12.0", times=4), unit="mg/m3", gas=gas, basis={"o2_ref": 6}, measured_state={}, substance="dust")


def test_cr_24_example_b_dust_of_wet_hot_gas() -> None:
    figure = dust()
    assert places(figure.value, 4) == Decimal("24.6078")
    told = [first(figure, name) for name in ("raw", "t_k", "p_kpa", "h2o_percent", "o2_percent")]
    assert told == [12, Decimal("453.15"), Decimal("98.5"), 12, 6]


@pytest.mark.parametrize("without", ["o2", "h2o", "t", "p"])
def test_cr_24_a_block_of_which_the_gas_is_not_known_is_invalid_and_says_why(without: str) -> None:
    figure = dust(without)
    assert (figure.value, first(figure, "valid"), first(figure, "normalised"), first(figure, "raw")) == (None, False, None, 12)
    assert "was not measured" in first(figure, "reason")
    assert f"{without}: 0 of 60 points are valid" in first(figure, "reason")


def test_cr_24_example_c_little_oxygen_is_left_as_it_is() -> None:
    figure = average(
        rows(200, times=4),
        gas={"o2": ("%", rows("2.5", times=4))},
        basis={"o2_ref": 3, "only_if_above_ref": True},
        measured_state={"normal": True, "dry": True, "o2_dry": True},
    )
    assert [figure.value, first(figure, "oxygen_factor")] == [200, 1]


def test_cr_25_the_validated_average_stands_beside_the_normalised_one() -> None:
    figure = average(rows(215, times=4), ci_percent="20", elv="200")
    assert [first(figure, "normalised"), first(figure, "validated"), figure.value] == [215, 175, 215]
    assert figure.details["validated"] == 175
    assert first(average(rows(30, times=4), ci_percent="20", elv="200"), "validated") == 0


def test_start_up_is_listed_and_goes_into_no_mean_and_loses_nothing() -> None:
    quarters = [*rows(900, times=4), *rows(100, times=4 * 20)]
    states = [*[STARTING] * 4, *[RUNNING] * 80, *[OFF] * 12]
    figure = average(quarters, state=STATE, states=states, day_profile="lcp_day@1")
    block = figure.details["blocks"][0]
    assert (block["state"], block["valid"], block["counts"], block["normalised"]) == ("startup", True, False, 900)
    assert [figure.value, figure.details["valid_blocks"], figure.details["due_blocks"]] == [100, 20, 20]
    assert figure.details["days"][0]["lost"] == 0
    counted = average(quarters, state={**STATE, "excluded": []}, states=states)
    assert places(counted.value, 6) == Decimal("138.095238")


def test_a_quarter_in_which_calibration_ended_is_one_of_calibration() -> None:
    ended_within = ["2.7", "2", "2"]
    figure = average(rows(100, 500, 100, 100), **in_states(CALIBRATION, ended_within, RUNNING, RUNNING))
    assert (first(figure, "valid"), first(figure, "state")) == (False, "maintenance")
    assert is_valid(rows(100, times=4), **in_states(RUNNING, RUNNING, RUNNING, RUNNING))


def test_a_state_that_nobody_told_counts_as_running_and_is_flagged() -> None:
    figure = average(rows(100, times=3), **in_states([None] * 3, RUNNING, RUNNING, RUNNING))  # type: ignore[list-item]
    assert "state_unknown" in figure.flags
    assert first(figure, "valid") is False


def test_a_day_without_operation_has_no_value_and_is_not_invalid() -> None:
    figure = average([], day_profile="lcp_day@1", **in_states())
    assert (figure.value, figure.flags, figure.coverage) == (None, ("not_operating",), None)
    assert (figure.details["invalid_days"], figure.details["not_operating_days"]) == (0, 1)


def test_a_substitute_lies_beside_the_figure_and_never_makes_a_block_valid() -> None:
    hour: list[Row] = [*rows(100), *[(None, "0", "140")] * 3]
    figure = average([*hour, *rows(100, times=4)], by=["mrr45@1"])
    assert (first(figure, "valid"), first(figure, "normalised"), first(figure, "substitute")) == (False, None, 140)
    assert figure.value == 100
    assert "substituted:mrr45" in figure.flags


def test_uncertain_readings_are_told() -> None:
    figure = average([("100", "1", None, True, False), *rows(100, times=3)])
    assert (figure.quality, "uncertain" in figure.flags) == (RecordQuality.UNCERTAIN, True)


def test_the_mean_of_a_block_is_weighted_by_the_time_that_was_measured() -> None:
    figure = average([("100", "1"), ("200", "0.5"), ("100", "1"), ("100", "1")])
    assert places(first(figure, "raw"), 6) == Decimal("114.285714")


@given(st.lists(st.integers(0, 500), min_size=96, max_size=96))
def test_a_day_that_was_measured_in_full_has_the_mean_of_its_quarters(values: list[int]) -> None:
    figure = average(rows(*values))
    assert places(figure.value, 15) == round(Decimal(sum(values)) / 96, 15)
    assert figure.coverage == 100


def test_an_item_is_refused_that_means_two_things_by_one_number() -> None:
    told = {"point": "CEMS-01.nox", "substance": "NOx", "block_profile": "us_hour@1", "measured_state": NEEDS_NOTHING}
    with pytest.raises(ValidationError, match="each number once"):
        AirEmissionParams.model_validate({**told, "state": {**STATE, "off": [4]}})


def test_the_words_of_a_point_stand_for_its_numbers() -> None:
    told = StatePoint.model_validate({"point": "CEMS-01.state", "off": ["stopped"], "maintenance": ["4"]})
    numbered = told.in_numbers({"stopped": 0.0, "running": 2.0})
    assert [numbered.meaning_of(Decimal(number)) for number in (0, 2, 4)] == ["off", "running", "maintenance"]
    with pytest.raises(CannotComputeError, match='has no state "stopped"; its words are running'):
        told.in_numbers({"running": 2.0})
    with pytest.raises(CannotComputeError, match="one number"):
        told.in_numbers({"stopped": 4.0})
