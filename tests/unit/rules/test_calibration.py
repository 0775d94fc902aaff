from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.calibration import (
    Calibration,
    CalibrationStatus,
    Corrected,
    Correction,
    SuspectSpan,
    as_found,
    corrected,
    flags_at,
    status_at,
    suspect_spans,
)

pytestmark = pytest.mark.unit

MOMENT = timedelta(microseconds=1)
START = datetime(2024, 1, 1, tzinfo=UTC)


def year(number: int) -> datetime:
    return datetime(number, 1, 1, tzinfo=UTC)


def check(number: int, *, found_good: bool = True, left_good: bool = True) -> Calibration:
    return Calibration(f"C-{number}", year(number), year(number + 1), found_good, left_good)


checks = st.lists(
    st.tuples(st.integers(1, 400), st.booleans(), st.booleans(), st.one_of(st.none(), st.integers(1, 400))), max_size=8
).map(
    lambda rows: [
        Calibration(
            f"C-{n}",
            at := START + timedelta(days=sum(days for days, *_ in rows[: n + 1])),
            None if due is None else at + timedelta(days=due),
            found_good,
            left_good,
        )
        for n, (_, found_good, left_good, due) in enumerate(rows)
    ]
)
days = st.integers(0, 4000).map(lambda number: START + timedelta(days=number))


def test_cr_47_correction_and_the_raw_value_is_kept() -> None:
    function = Correction("C-77", Decimal("0.05"), Decimal("0.98"), year(2026))
    assert corrected(Decimal("7.42"), year(2026), [function]) == Corrected(Decimal("7.3216"), Decimal("7.42"), "C-77")


def test_correction_begins_at_its_time_and_ends_with_the_next() -> None:
    functions = [
        Correction("second", Decimal(1), Decimal(1), year(2026)),
        Correction("first", Decimal(2), Decimal(1), year(2025)),
    ]
    told = [corrected(Decimal(10), at, functions) for at in (year(2025) - MOMENT, year(2025), year(2026) - MOMENT, year(2026))]
    assert [(each.value, each.correction) for each in told] == [
        (Decimal(10), None),
        (Decimal(12), "first"),
        (Decimal(12), "first"),
        (Decimal(11), "second"),
    ]


def test_two_corrections_that_begin_at_once_are_refused() -> None:
    functions = [Correction(name, Decimal(0), Decimal(1), year(2026)) for name in ("one", "two")]
    assert corrected(Decimal(1), year(2026) - MOMENT, functions).correction is None
    with pytest.raises(CannotComputeError, match="corrections one and two both begin at 2026-01-01"):
        corrected(Decimal(1), year(2026), functions)


@pytest.mark.parametrize(("tolerance", "passed"), [("5", True), ("2.4", True), ("2.399", False), ("2", False)])
def test_cr_47_as_found_error_against_the_tolerance(tolerance: str, passed: bool) -> None:  # noqa: FBT001  a row of the table
    for reference, reading in ((250, 262), (262, 250)):
        found = as_found(Decimal(reference), Decimal(reading), Decimal(500), Decimal(tolerance))
        assert found.error_percent == Decimal("2.4")
        assert found.passed is passed


def test_as_found_needs_a_full_scale() -> None:
    with pytest.raises(CannotComputeError, match="full scale is 0"):
        as_found(Decimal(1), Decimal(1), Decimal(0), Decimal(1))


def test_cr_47_failed_as_found_makes_all_since_the_last_pass_suspect() -> None:
    history = [check(2026, found_good=False), check(2024), check(2025)]
    assert suspect_spans(history) == (SuspectSpan(year(2025), year(2026), ("C-2026",)),)
    at = [year(2025) - MOMENT, year(2025), year(2026) - MOMENT, year(2026)]
    assert [flags_at(history, moment) for moment in at] == [(), ("suspect_calibration",), ("suspect_calibration",), ()]


def test_failure_without_a_pass_before_casts_doubt_on_all_before() -> None:
    history = [check(2025, found_good=False)]
    assert suspect_spans(history) == (SuspectSpan(None, year(2025), ("C-2025",)),)
    assert flags_at(history, year(1990)) == ("suspect_calibration",)


def test_failures_in_a_row_reach_back_to_the_last_pass_together() -> None:
    history = [check(2023), check(2024, found_good=False, left_good=False), check(2025, found_good=False)]
    assert suspect_spans(history) == (SuspectSpan(year(2023), year(2025), ("C-2024", "C-2025")),)


def test_adjusted_instrument_is_good_from_then_on() -> None:
    history = [check(2023), check(2024, found_good=False), check(2025, found_good=False)]
    assert [(span.start, span.end) for span in suspect_spans(history)] == [(year(2023), year(2024)), (year(2024), year(2025))]


def test_status_at_any_date() -> None:
    history = [check(2024), check(2026, found_good=False, left_good=False)]
    moments = {
        year(2024) - MOMENT: CalibrationStatus.NEVER_CALIBRATED,
        year(2024): CalibrationStatus.VALID,
        year(2025): CalibrationStatus.VALID,
        year(2025) + MOMENT: CalibrationStatus.OVERDUE,
        year(2026) - MOMENT: CalibrationStatus.OVERDUE,
        year(2026): CalibrationStatus.FAILED,
        year(2036): CalibrationStatus.FAILED,
    }
    assert {moment: status_at(history, moment) for moment in moments} == moments


def test_cr_47_reading_after_the_due_date_is_flagged() -> None:
    assert flags_at([check(2024)], year(2025)) == ()
    assert flags_at([check(2024)], year(2025) + MOMENT) == ("calibration_overdue",)
    both = [check(2023), check(2026, found_good=False)]
    assert flags_at(both, year(2025)) == ("suspect_calibration", "calibration_overdue")


def test_instrument_without_a_due_date_does_not_become_overdue() -> None:
    assert status_at([check(2024)._replace(due=None)], year(2099)) is CalibrationStatus.VALID


def test_two_checks_of_one_time_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="calibrations C-2024 and other are both of 2024-01-01"):
        status_at([check(2024), check(2024)._replace(id="other")], year(2025))


@given(checks, days)
def test_later_check_changes_no_status_before_it(history: list[Calibration], at: datetime) -> None:
    assert status_at(history, at) is status_at([each for each in history if each.at <= at], at)


@given(checks, days)
def test_suspect_is_what_the_next_bad_check_reaches_back_to(history: list[Calibration], at: datetime) -> None:
    expected = False
    for each in history:
        if each.at <= at:
            continue
        expected = expected or not each.found_good
        if each.left_good:
            break
    assert ("suspect_calibration" in flags_at(history, at)) is expected


@given(checks)
def test_suspect_spans_do_not_overlap(history: list[Calibration]) -> None:
    spans = suspect_spans(history)
    assert all(later.start is not None and earlier.end <= later.start for earlier, later in pairwise(spans))
