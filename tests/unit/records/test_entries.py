"""Which revision of a fact holds."""

from datetime import UTC, datetime

import pytest

from ems_telemetry.records.facts.entries import covering, newest, segments, within
from ems_telemetry.storage.entries import EntryRow

pytestmark = pytest.mark.unit
JANUARY, APRIL, MAY, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4, 5, 7))


def revision(number: int, since: datetime | None, until: datetime | None = None, *decisions: str) -> EntryRow:
    return EntryRow(
        "factor", "grid", number, number, None, since, until, {}, "key:alice", "Alice", "a reason", JANUARY, "", decisions
    )


def held(rows: list[EntryRow], moment: datetime) -> list[int]:
    return [row.revision for row in covering(rows, moment, needs_approval=False)]


def test_a_revision_that_begins_later_leaves_the_one_before_in_force_until_then() -> None:
    rows = [revision(1, JANUARY), revision(2, MAY)]
    assert held(rows, APRIL) == [1]
    assert held(rows, MAY) == [2]


def test_a_revision_that_ends_an_entry_ends_it() -> None:
    rows = [revision(1, JANUARY), revision(2, JANUARY, MAY)]
    assert held(rows, APRIL) == [2]
    assert held(rows, MAY) == []
    assert [(start, row and row.revision) for start, _, row in segments(rows, APRIL, JULY, needs_approval=False)] == [
        (APRIL, 2),
        (MAY, None),
    ]


def test_a_revision_that_nobody_approved_ends_nothing() -> None:
    rows = [revision(1, JANUARY, None, "approved"), revision(2, JANUARY, MAY)]
    assert [row.revision for row in covering(rows, JULY, needs_approval=True)] == [1]


def test_an_entry_whose_newest_revision_is_void_does_not_hold() -> None:
    assert newest([revision(1, JANUARY), revision(2, MAY, None, "voided")], needs_approval=False) == []


@pytest.mark.parametrize(
    ("row", "instants", "speaks"),
    [
        (revision(1, JANUARY), True, False),
        (revision(1, JANUARY), False, True),
        (revision(1, APRIL), True, True),
        (revision(1, MAY), True, False),
        (revision(1, JANUARY, APRIL), False, False),
        (revision(1, None), True, True),
    ],
)
def test_what_happened_before_does_not_last_and_what_holds_does(row: EntryRow, *, instants: bool, speaks: bool) -> None:
    assert bool(within([row], APRIL, MAY, instants=instants)) is speaks
