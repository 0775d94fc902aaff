"""Which checks of instruments are due soon, or overdue."""

from datetime import UTC, datetime, timedelta

import pytest

from ems_telemetry.records.keeping.reminding import due_checks
from ems_telemetry.storage.entries import EntryRow

CHECKED = datetime(2026, 3, 20, 9, tzinfo=UTC)
DUE_AT = CHECKED + timedelta(days=365)
MINUTE = timedelta(minutes=1)


def instrument(id_: str = "A123", notice_days: int | None = None) -> EntryRow:
    body = {"serial": "A123", "meters": ["EM-01"], "points": [], "notice_days": notice_days}
    return EntryRow("instrument", id_, 1, 1, "BER1", None, None, body, "key:a", "A", "why", CHECKED, "")


def check(
    id_: str = "K-1", at: datetime = CHECKED, due: datetime | None = DUE_AT, result: str = "pass", of: str = "A123"
) -> EntryRow:
    body = {
        "instrument": of, "at": at.isoformat(), "result": result, "as_left": None,
        "due": None if due is None else due.isoformat(),
    }  # fmt: skip
    return EntryRow("calibration", id_, 1, 2, "BER1", at, None, body, "key:a", "A", "why", at, "")


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (DUE_AT - timedelta(days=30) - MINUTE, None),
        (DUE_AT - timedelta(days=30), "due"),
        (DUE_AT, "due"),
        (DUE_AT + MINUTE, "overdue"),
        (DUE_AT + timedelta(days=900), "overdue"),
    ],
)
def test_a_check_is_due_thirty_days_before_its_date_and_overdue_after_it(at: datetime, status: str | None) -> None:
    found = due_checks([instrument()], [check()], at)
    assert [each.status for each in found] == ([] if status is None else [status])
    assert all((each.due, each.last.id) == (DUE_AT, "K-1") for each in found)


def test_an_instrument_says_how_long_before() -> None:
    at = DUE_AT - timedelta(days=60)
    assert [each.status for each in due_checks([instrument(notice_days=60)], [check()], at)] == ["due"]
    assert due_checks([instrument(notice_days=59)], [check()], at) == []
    assert due_checks([instrument(notice_days=0)], [check()], DUE_AT - MINUTE) == []
    assert [each.status for each in due_checks([instrument(notice_days=0)], [check()], DUE_AT)] == ["due"]


def test_an_instrument_that_was_stated_before_notices_were_is_told_thirty_days_before() -> None:
    old = instrument()
    body = {name: said for name, said in old.body.items() if name != "notice_days"}
    assert len(due_checks([old._replace(body=body)], [check()], DUE_AT - timedelta(days=30))) == 1


def test_another_check_moves_the_date() -> None:
    later = DUE_AT + timedelta(days=365)
    checks = [check(), check("K-2", DUE_AT - timedelta(days=2), later)]
    assert due_checks([instrument()], checks, DUE_AT + MINUTE) == []
    assert [each.due for each in due_checks([instrument()], checks, later)] == [later]


def test_without_a_date_a_pass_or_a_check_nothing_is_due() -> None:
    late = DUE_AT + timedelta(days=1)
    assert due_checks([instrument()], [], late) == []
    assert due_checks([instrument()], [check(due=None)], late) == []
    assert due_checks([instrument()], [check(), check("K-2", DUE_AT - MINUTE, result="fail")], late) == []
    assert due_checks([instrument("B456")], [check()], late) == []
