from collections.abc import Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal

import pytest
from emission_inputs import DAY, NONE, START, Row, gauge, places, rows
from record_inputs import snapshot_of

from ems_telemetry.records.averages.blocks import BlockLength, days_as_inputs
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods.availability import Availability

pytestmark = pytest.mark.unit

STATE = {"point": "CEMS-01.state", "off": [0]}
QUARTER_OF_90 = [date(2026, 1, 1) + timedelta(days=place) for place in range(90)]


def available(quarters: Sequence[Row], ran_h: int, before: Sequence[tuple[date, int, int]] = (), **params: object) -> Figure:
    """Computes a day of which the unit ran the first hours."""
    told = [*quarters, *[NONE] * (96 - len(quarters))]
    inputs = {
        "params": {"point": "CEMS-01.nox", "state": STATE, **params},
        "days": days_as_inputs(START, START + DAY, BlockLength.HOUR, UTC),
        "point": gauge(told),
        "state": [["1"] * 3 if place < 4 * ran_h else ["0"] * 3 for place in range(96)],
        "before": [list(each) for each in before],
        "period": "1mo",
    }
    return Availability().compute(snapshot_of(inputs))


@pytest.mark.parametrize(("valid_h", "meets"), [(15, True), (14, False)])
def test_cr_19_a_day_meets_with_three_quarters_of_its_operating_hours(valid_h: int, *, meets: bool) -> None:
    figure = available(rows(100, times=4 * valid_h), 20)
    (day,) = figure.details["days"]
    assert [day["valid"], day["operating"], day["meets"]] == [valid_h, 20, meets]
    assert figure.value == Decimal(valid_h) * 5


@pytest.mark.parametrize(("met", "meets"), [(81, True), (80, False)])
def test_cr_19_a_quarter_meets_with_nine_of_ten_of_its_operating_days(met: int, *, meets: bool) -> None:
    so_far = available([], 0, [(day, 24, 24) for day in QUARTER_OF_90 if day < START.date()])
    (quarter,) = so_far.details["quarters"]
    assert [quarter["quarter"], quarter["operating_days"], quarter["ended"]] == ["2026-Q1", 60, False]
    ended = available_on_the_last_day(before_of(met))
    (quarter,) = ended.details["quarters"]
    assert [quarter["operating_days"], quarter["met"], quarter["meets"], quarter["ended"]] == [90, met, meets, True]
    assert ("deviation" in ended.flags) is not meets


def before_of(met: int) -> list[tuple[date, int, int]]:
    """Gives the 89 days before the last of a quarter, so many with the last one of 90 that meet."""
    return [(day, 24 if place < met - 1 else 0, 24) for place, day in enumerate(QUARTER_OF_90[:-1])]


def available_on_the_last_day(before: Sequence[tuple[date, int, int]]) -> Figure:
    start = START + timedelta(days=29)
    inputs = {
        "params": {"point": "CEMS-01.nox"},
        "days": days_as_inputs(start, start + DAY, BlockLength.HOUR, UTC),
        "point": gauge(rows(100, times=96)),
        "state": None,
        "before": [list(each) for each in before],
        "period": "1mo",
    }
    return Availability().compute(snapshot_of(inputs))


def test_cr_19_a_day_without_operation_is_not_counted() -> None:
    figure = available([], 0)
    assert [figure.value, figure.flags] == [None, ("not_operating",)]
    assert figure.details["days"][0]["meets"] is None
    assert figure.details["quarters"][0]["operating_days"] == 0


def test_cr_17_pma_is_that_of_the_last_8760_operating_hours() -> None:
    first = date(2025, 3, 1)
    before = [(first + timedelta(days=place), 23 if place < 350 else 24, 24) for place in range(366)]
    figure = available(rows(100, times=96), 24, before, pma_profile="us_part75_so2@1")
    details = figure.details
    assert [details["pma_operating_h"], details["pma_valid_h"]] == [8760, 8760 - 348]
    assert places(details["pma_percent"], 4) == Decimal("96.0274")


def test_cr_20_what_was_substituted_is_not_available() -> None:
    substituted: Row = (None, "0", "115.8")
    figure = available([*rows(100, times=72), *[substituted] * 8], 20)
    assert figure.value == 90
