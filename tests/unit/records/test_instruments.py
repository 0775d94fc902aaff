"""What the checks of an instrument say of a span of time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.records.facts.instruments import NOT_CALIBRATED, checks_of, judge, last_pass, standings
from ems_telemetry.records.registers.instruments import CalibrationBody
from ems_telemetry.rules.calibration import Calibration, flags_at
from ems_telemetry.storage.entries import EntryRow
from ems_telemetry.storage.point_facts import PointFacts

pytestmark = pytest.mark.unit

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
POINT = PointFacts(
    id=1,
    key="EM-01.energy_import",
    meter="EM-01",
    site="BER1",
    area=None,
    timezone="UTC",
    medium=None,
    quantity="active_energy_import",
    unit="kWh",
    kind="counter",
    law="sum",
    active=True,
    parent=None,
    expression=None,
    computed_to=None,
    waits_since=None,
    first=None,
)


def day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


def row(
    id_: str, revision: int, since: datetime, body: Mapping[str, Any], *, kind: str = "instrument", seq: int = 0
) -> EntryRow:
    return EntryRow(kind, id_, revision, seq, "BER1", since, None, body, "key:alice", "Alice", "for a test", since, "")


def calibration(id_: str, at: datetime, result: str, as_left: str | None = None, *, seq: int = 0) -> EntryRow:
    body = {"instrument": "A123", "at": at.isoformat(), "result": result, "as_left": as_left, "due": None}
    return row(id_, 1, at, body)._replace(kind="calibration", seq=seq)


@st.composite
def histories(draw: st.DrawFn) -> list[Calibration]:
    days = sorted(draw(st.sets(st.integers(0, 40), max_size=6)))
    return [
        Calibration(
            f"C-{number}", day(number), day(number + due) if (due := draw(st.one_of(st.none(), st.integers(1, 20)))) else None,
            draw(st.booleans()), draw(st.booleans()),
        )
        for number in days
    ]  # fmt: skip


@given(histories(), st.integers(0, 40), st.integers(1, 20))
def test_cr_47_a_span_is_flagged_if_any_moment_within_it_is(checks: list[Calibration], start: int, length: int) -> None:
    moments = [day(start + half / 2) for half in range(2 * length)]
    expected = {flag for moment in moments for flag in flags_at(checks, moment)}
    judged = judge(checks, day(start), day(start + length))
    assert set(judged.flags) - {NOT_CALIBRATED} == expected
    assert (NOT_CALIBRATED in judged.flags) == (not any(c.left_good and c.at < day(start + length) for c in checks))
    assert set(judged.rests_on) <= {check.id for check in checks}


@given(histories(), st.integers(0, 40))
def test_a_later_check_that_passes_as_found_changes_nothing_of_what_was_before_it(checks: list[Calibration], end: int) -> None:
    later = Calibration("later", day(50), day(60), found_good=True, left_good=True)
    assert judge([*checks, later], day(0), day(end + 1)) == judge(checks, day(0), day(end + 1))


def test_a_check_that_was_adjusted_is_found_bad_and_left_good() -> None:
    (check,) = checks_of([calibration("C-1", day(3), "fail", "pass")])
    assert (check.found_good, check.left_good) == (False, True)
    assert last_pass([check], day(4)) == day(3)
    assert last_pass([check], day(3)) is None


def test_checks_of_one_moment_count_as_one_that_was_found_as_bad_as_the_worst() -> None:
    rows = [calibration("C-1", day(3), "fail", seq=1), calibration("C-2", day(3), "pass", seq=2)]
    assert checks_of(rows) == [Calibration("C-2", day(3), None, found_good=False, left_good=True)]


def test_a_voided_check_does_not_count() -> None:
    assert checks_of([calibration("C-1", day(3), "fail")._replace(decisions=("voided",))]) == []


def test_an_instrument_stands_there_until_it_is_moved_and_again_after() -> None:
    here, there = {"meters": ["EM-01"], "points": []}, {"meters": ["EM-02"], "points": []}
    rows = [row("A", 1, day(2), here), row("A", 2, day(5), there), row("A", 3, day(8), here), row("B", 1, day(5), there)]
    found = standings(rows, POINT, day(0), day(10))
    assert [(each.instrument.revision, each.since, each.until) for each in found] == [(1, day(2), day(5)), (3, day(8), day(10))]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_check_at_the_end_of_the_calendar_is_refused_in_words(at: str) -> None:
    with pytest.raises(ValueError, match="is not between 1900 and 3000"):
        CalibrationBody.model_validate({"instrument": "A123", "at": at, "result": "pass"})
