"""Rows whose chunk somebody else holds wait in turns, and not without bound."""

from dataclasses import replace

import pytest
from fakes import HandClock
from small_plant import START, batch, reading

from ems_telemetry.storage.load import plan
from ems_telemetry.storage.postponed import AGAIN_AFTER_S, Late, Postponed

LATE = reading(received_at=START.replace(year=2027))


def late(sequence: int) -> Late:
    return Late(plan([batch(LATE)], {LATE.point: 1}).late, frozenset({sequence}), 1)


async def test_what_waits_is_tried_in_turns_each_time_after_a_while() -> None:
    clock = HandClock(START)
    postponed = Postponed(clock)
    assert postponed.add(late(1))
    assert postponed.add(late(2))
    assert postponed.next_due() is None
    await clock.advance(AGAIN_AFTER_S)
    assert postponed.next_due() == late(1)
    postponed.again()
    assert postponed.next_due() is None
    await clock.advance(AGAIN_AFTER_S)
    assert postponed.next_due() == late(2)
    postponed.done()
    assert postponed.next_due() == late(1)
    postponed.done()
    assert postponed.next_due() is None


async def test_no_more_than_so_many_rows_wait_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ems_telemetry.storage.postponed.MOST_ROWS", 2)
    postponed = Postponed(HandClock(START))
    assert [postponed.add(late(number)) for number in range(3)] == [True, True, False]


def test_halves_of_late_rows_are_late() -> None:
    rows = replace(late(1).load, rows=late(1).load.rows * 2)
    assert [half.is_late for half in rows.halves()] == [True, True]
