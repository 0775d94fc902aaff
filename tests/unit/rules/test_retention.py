from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.factors import Source
from ems_telemetry.rules.retention import Kept, LegalHold, Purge, RetentionClass, kept_until, last_day_of, purge_of

pytestmark = pytest.mark.unit

MAY = date(2026, 5, 31)
SOURCE = Source("permit", "2024", "", "condition 7")


def kept(name: str, years: int, period_end: date = MAY) -> Kept:
    return Kept(name, period_end, RetentionClass(f"{years} years", years, SOURCE))


kept_things = st.builds(kept, st.uuids().map(str), st.integers(0, 100), st.dates(date(1990, 1, 1), date(2100, 1, 1)))


def test_cr_53_longest_kept_record_decides() -> None:
    purge = purge_of(kept("raw", 2), [kept("discharge", 3), kept("ghg", 10)])
    assert purge == Purge(date(2036, 5, 31), "ghg", ())
    assert not purge.allows(date(2036, 5, 30))
    assert purge.allows(date(2036, 5, 31))


def test_later_period_outweighs_a_longer_class() -> None:
    purge = purge_of(None, [kept("month", 3), kept("baseline", 2, date(2030, 12, 31))])
    assert (purge.not_before, purge.because) == (date(2032, 12, 31), "baseline")


def test_own_class_counts_where_no_record_was_made() -> None:
    assert purge_of(kept("raw", 10), []).not_before == date(2036, 5, 31)
    assert purge_of(kept("raw", 10), [kept("discharge", 3)]).because == "raw"


def test_legal_hold_overrides_every_date() -> None:
    purge = purge_of(kept("raw", 2), [], [LegalHold("H-1", "case 5 O 17/26")])
    assert purge.holds == ("H-1",)
    assert not purge.allows(date.max)
    assert purge._replace(holds=()).allows(date.max)


def test_nothing_that_says_how_long_is_an_error() -> None:
    with pytest.raises(CannotComputeError, match="neither the input nor a record made of it has a retention class"):
        purge_of(None, [])


@pytest.mark.parametrize("years", [-1, 8000])
def test_class_without_years_is_refused(years: int) -> None:
    assert kept_until(kept("raw", 0)) == MAY
    with pytest.raises(CannotComputeError, match=f"retention class {years} years has {years} years"):
        kept_until(kept("raw", years))


def test_leap_day_is_kept_until_the_day_after_it_would_be() -> None:
    assert kept_until(kept("raw", 3, date(2024, 2, 29))) == date(2027, 3, 1)
    assert kept_until(kept("raw", 4, date(2024, 2, 29))) == date(2028, 2, 29)


def test_last_day_of_a_half_open_period_is_local() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert last_day_of(datetime(2026, 6, 1, tzinfo=berlin)) == MAY
    assert last_day_of(datetime(2026, 6, 1, tzinfo=UTC)) == MAY
    assert last_day_of(datetime(2026, 6, 1, 0, 15, tzinfo=berlin)) == date(2026, 6, 1)
    assert last_day_of(datetime(2026, 5, 31, 22, tzinfo=UTC).astimezone(berlin)) == MAY


@given(st.one_of(st.none(), kept_things), st.lists(kept_things, max_size=6))
def test_purge_date_is_never_before_any_dependents(own: Kept | None, dependents: list[Kept]) -> None:
    if own is None and not dependents:
        return
    purge = purge_of(own, dependents)
    everything = [*([own] if own else []), *dependents]
    assert all(purge.not_before >= kept_until(each) for each in everything)
    assert purge.because in {each.id for each in everything}


@given(st.lists(kept_things, min_size=1, max_size=4), kept_things)
def test_another_dependent_never_brings_the_purge_forward(dependents: list[Kept], another: Kept) -> None:
    assert purge_of(None, [*dependents, another]).not_before >= purge_of(None, dependents).not_before


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 100))
def test_kept_years_are_never_cut_short(end: date, years: int) -> None:
    until = kept_until(kept("raw", years, end))
    assert until.year == end.year + years
    assert timedelta(0) <= until - end - timedelta(days=365 * years) <= timedelta(days=years // 4 + 2)
