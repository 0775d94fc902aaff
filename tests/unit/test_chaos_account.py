"""The account of `make chaos` finds what is lost and what is doubled, and excuses only what it should."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from chaos.account import Account, Found, Given, Rows, Span, account_of_numbers, account_of_polls, silent_holes, total_of

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(second: float) -> datetime:
    return START + second * SECOND


def given(*numbers: int) -> list[Given]:
    return [Given(number, at(number)) for number in numbers]


def found(*numbers: int) -> list[Found]:
    return [Found(number, at(number)) for number in numbers]


def texts(account: Account) -> tuple[list[str], list[str]]:
    return [fault.text for fault in account.lost], [fault.text for fault in account.doubled]


def test_a_number_in_either_table_is_in_its_place() -> None:
    account = account_of_numbers("m", given(1, 2, 3), given(1, 2, 3), Rows(found(1, 3), found(2)))
    assert texts(account) == ([], [])
    assert (account.sent, account.acknowledged, account.readings, account.dead_letters) == (3, 3, 2, 1)


def test_an_acknowledged_number_that_is_nowhere_is_lost_and_another_is_not() -> None:
    account = account_of_numbers("m", given(1, 2, 3), given(1, 2), Rows(found(1), []))
    assert texts(account) == (["number 2 is nowhere"], [])
    assert account.lost[0].time == at(2)


def test_a_number_twice_is_doubled_unless_its_source_repeated_it() -> None:
    rows = Rows([*found(1, 2), Found(2, at(5))], found(1))
    account = account_of_numbers("m", given(1, 2), given(1, 2), rows, may_repeat={1})
    assert texts(account) == ([], ["number 2 is there 2 times"])
    assert account.excused == 1


def test_a_number_that_nobody_gave_out_is_one_too_many() -> None:
    assert texts(account_of_numbers("m", given(1), given(1), Rows(found(1, 9), []))) == ([], ["number 9 was never given out"])


def test_a_gap_excuses_what_lies_in_it_and_nothing_else() -> None:
    gap = Span(at(2), at(3), "history_too_old")
    account = account_of_numbers("m", given(1, 2, 3, 4), given(1, 2, 3, 4), Rows(found(1), [], [gap]))
    assert texts(account) == (["number 4 is nowhere"], [])
    assert account.excused == 2


@pytest.mark.parametrize(
    ("gaps", "holes"),
    [
        ([], [(1, 9)]),
        ([(1, 9)], []),
        ([(1, 4), (4, 9)], []),
        ([(1, 4), (5.5, 9)], []),
        ([(1, 4), (7, 9)], [(4, 7)]),
        ([(0, 3), (2, 12)], []),
        ([(20, 30)], [(1, 9)]),
    ],
)
def test_a_silence_must_lie_in_gaps(gaps: Sequence[tuple[float, float]], holes: Sequence[tuple[float, float]]) -> None:
    spans = [Span(at(start), at(end), "link_down") for start, end in gaps]
    times = [at(0), at(1), at(9), at(10)]
    assert [(hole.start, hole.end) for hole in silent_holes(times, spans, 2 * SECOND)] == [
        (at(start), at(end)) for start, end in holes
    ]


def test_each_tick_of_a_silent_hole_is_lost_also_at_the_end() -> None:
    account = account_of_polls("p", given(*range(20)), Rows(found(0, 1, 2, 7), []), interval=SECOND, begin=at(0), end=at(11))
    assert [fault.time for fault in account.lost] == [at(2)] * 4 + [at(7)] * 3
    assert account.doubled == []


def test_before_it_was_due_nothing_is_silent_although_a_clock_put_back_dates_readings_there() -> None:
    account = account_of_polls("p", given(*range(20)), Rows(found(0, 12, 13), []), interval=SECOND, begin=at(11), end=at(14))
    assert account.lost == []


def test_a_poll_that_is_stored_twice_or_was_never_handed_out_is_doubled() -> None:
    rows = Rows([*found(0, 1), Found(1, at(2)), Found(50, at(3))], [])
    account = account_of_polls("p", given(0, 1), rows, interval=SECOND, begin=at(0), end=at(3))
    assert texts(account) == ([], ["number 1 is there 2 times", "number 50 was never given out"])


def test_the_last_line_sums_up() -> None:
    accounts = [
        account_of_numbers("m", given(1, 2), given(1, 2), Rows(found(1), [])),
        account_of_numbers("n", given(1), given(1), Rows([*found(1), Found(1, at(5))], [])),
    ]
    rows = {"readings": 3, "dead_letters": 0, "gaps": 4}
    total = "account seed=5 sent=3 acknowledged=3 readings=3 dead_letters=0 gaps=4 lost=1 doubled=1"
    assert total_of(accounts, 5, rows) == total
