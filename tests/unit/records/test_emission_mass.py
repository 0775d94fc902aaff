from collections.abc import Sequence
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from emission_inputs import DAY, NONE, START, Row, average, gauge, places, rows
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from record_inputs import snapshot_of

from ems_telemetry.records.averages.blocks import BlockLength, days_as_inputs
from ems_telemetry.records.averages.emitted import EmissionMassParams
from ems_telemetry.records.kinds import RecordQuality
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.emission_mass import EmissionMass

pytestmark = pytest.mark.unit

HOUR = timedelta(hours=1)
Told = tuple[str, str | None, str | None, str | None]
OFF: Told = ("not_operating", None, None, None)
LOST: Told = ("invalid", None, None, None)


def block(value: str | int) -> Told:
    return ("valid", str(value), None, None)


def mass(
    blocks: Sequence[Told], flow: Sequence[Row], /, *, additive: bool = False, unit: str = "mg/Nm3", **params: object
) -> Figure:
    """Computes a day of hours; those that are not told were off."""
    flowed = [*flow, *[NONE] * (96 - len(flow))]
    told = [*blocks, *[OFF] * (24 - len(blocks))]
    params = {"emission": "nox-1", "flow": {"point": "CEMS-01.flow"}, **params}
    inputs = {
        "params": params,
        "block": "1h",
        "unit": unit,
        "oxygen_corrected": False,
        "blocks": [[START + place * HOUR, *each] for place, each in enumerate(told)],
        "volume_unit": "Nm3",
        "days": days_as_inputs(START, START + DAY, BlockLength.HOUR, UTC),
        "flow": {**gauge(flowed, "Nm3/h", "stack_gas_flow"), "additive": additive},
    }
    return EmissionMass().compute(snapshot_of(inputs))


def test_cr_31_a_mass_is_the_sum_of_concentration_times_volume() -> None:
    figure = mass([block(100), block(200)], rows(10_000, 20_000, times=4))
    assert [figure.value, figure.unit, figure.quality] == [5, "kg", RecordQuality.GOOD]
    assert places(figure.details["flow_weighted"], 3) == Decimal("166.667")
    counter = mass([block(100), block(200)], rows(2_500, 5_000, times=4), additive=True)
    assert [counter.value, counter.details["volume"]] == [5, 30_000]


def test_cr_25_a_mass_is_made_of_normalised_averages_not_of_validated_ones() -> None:
    figure = average(rows(215, times=4), ci_percent="20", elv="200")
    (first, *_) = figure.details["blocks"]
    assert first["validated"] == 175
    kept = (str(first["standing"]), str(first["normalised"]), None, None)
    assert mass([kept], rows(10_000, times=4)).value == Decimal("2.15")


def test_cr_7_a_missing_block_leaves_no_mass_unless_the_known_part_is_asked_for() -> None:
    blocks = [block(100), LOST, block(100), LOST]
    flow = [*rows(10_000, 10_000, times=4), NONE, *rows(10_000, times=3), *[NONE] * 4]
    figure = mass(blocks, flow)
    assert [figure.value, figure.quality, figure.flags] == [None, RecordQuality.MISSING, ("missing",)]
    told = [figure.details[name] for name in ("kg_known", "without_concentration", "without_volume", "without_both")]
    assert told == [1, 1, 1, 1]
    assert places(figure.coverage, 4) == Decimal("87.5")
    assert mass(blocks, flow, partial=True).value == 1


def test_where_nothing_flowed_nothing_was_emitted() -> None:
    assert mass([block(100), LOST], [*rows(10_000, times=4), *rows(0, times=4)]).value == 1


def test_substitutes_stand_in_where_the_item_says_so() -> None:
    blocks: list[Told] = [block(100), ("invalid", None, "115.811388", None)]
    flow = rows(10_000, 10_000, times=4)
    assert mass(blocks, flow).value is None
    figure = mass(blocks, flow, substitutes=True)
    assert [figure.value, figure.quality, figure.flags] == [Decimal("2.15811388"), RecordQuality.ESTIMATED, ("substituted",)]
    assert [figure.details["substituted"], figure.details["kg_substituted"]] == [1, Decimal("1.15811388")]
    assert [places(figure.measured, 4), places(figure.estimated, 4)] == [Decimal("95.8333"), Decimal("4.1667")]
    by_flow = [*rows(10_000, times=7), (None, "0", "20000")]
    assert mass([block(100), block(100)], by_flow, substitutes=True).value == Decimal("2.25")


def test_a_volume_that_is_not_at_reference_oxygen_takes_the_correction_back() -> None:
    told: Told = ("valid", "346.3680", None, "1.125")
    flow = {"point": "CEMS-01.flow", "at_reference_oxygen": False}
    assert places(mass([told], rows(10_000, times=4), flow=flow).value, 6) == Decimal("3.078827")
    at_reference = {**flow, "at_reference_oxygen": True}
    assert mass([told], rows(10_000, times=4), flow=at_reference).value == Decimal("3.46368")


def test_the_flow_of_a_block_may_be_judged_by_a_profile() -> None:
    flow = [*rows(10_000, times=3), ("10000", "0.2")]
    judged = {"point": "CEMS-01.flow", "profile": "eu_ets_hour@1"}
    assert mass([block(100)], flow, flow=judged).value == 1
    assert mass([block(100)], [*rows(10_000, times=3), NONE], flow=judged).value is None


def test_mercury_is_told_in_micrograms() -> None:
    assert mass([block(10)], rows(10_000, times=4), unit="ug/Nm3").value == Decimal("0.0001")


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 100_000)), min_size=24, max_size=24))
def test_the_flow_weighted_concentration_gives_the_mass_back(hours: list[tuple[int, int]]) -> None:
    figure = mass([block(value) for value, _ in hours], rows(*(flow for _, flow in hours), times=4))
    assert figure.value is not None
    again = figure.details["flow_weighted"] * figure.details["volume"] / 1_000_000
    assert abs(again - figure.value) <= figure.value * Decimal("1e-26")


@pytest.mark.parametrize(
    "params",
    [{"emission": "nox-1", "point": "CEMS-01.nox", "block_profile": "us_hour@1"}, {}, {"point": "CEMS-01.nox"}],
)
def test_one_concentration_is_named_and_a_point_needs_its_profile(params: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"name either|block_profile"):
        EmissionMassParams.model_validate({**params, "flow": {"point": "CEMS-01.flow"}})
