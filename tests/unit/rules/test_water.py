"""The balance of water by its worked example, and null where a part is not known."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.water import WaterBalance, water_balance

pytestmark = pytest.mark.unit


def test_cr36_consumption_and_reuse() -> None:
    balance = water_balance([Decimal(15_200)], [Decimal(11_900)], [Decimal(2400)])
    assert balance.consumption == 3300
    assert balance.reuse_percent is not None
    assert balance.reuse_percent.quantize(Decimal("0.001"), ROUND_HALF_EVEN) == Decimal("13.636")


def test_sources_outfalls_and_streams_are_added_up() -> None:
    balance = water_balance([Decimal(15_000), Decimal(200)], [Decimal(11_000), Decimal(900)], [Decimal(400), Decimal(2000)])
    assert balance[:4] == (Decimal(15_200), Decimal(11_900), Decimal(2400), Decimal(3300))


def test_cr36_a_child_that_is_null_makes_null_what_follows_from_it() -> None:
    one = [Decimal(1)]
    assert water_balance([*one, None], one, one) == WaterBalance(None, Decimal(1), Decimal(1), None, None)
    assert water_balance(one, [None], one) == WaterBalance(Decimal(1), None, Decimal(1), None, Decimal(50))
    assert water_balance(one, one, [None]) == WaterBalance(Decimal(1), Decimal(1), None, Decimal(0), None)


def test_what_has_no_meter_is_not_zero() -> None:
    assert water_balance([Decimal(1)], [], []) == WaterBalance(Decimal(1), None, None, None, None)


def test_nothing_taken_and_nothing_reused_has_no_share() -> None:
    assert water_balance([Decimal(0)], [Decimal(0)], [Decimal(0)]).reuse_percent is None


def test_more_may_be_discharged_than_was_withdrawn() -> None:
    assert water_balance([Decimal(10)], [Decimal(12)], [Decimal(0)]).consumption == -2


def test_volumes_below_zero_are_refused() -> None:
    with pytest.raises(CannotComputeError, match="a discharge of -1 m3 is below zero"):
        water_balance([Decimal(1)], [Decimal(-1)], [])


volumes = st.lists(st.none() | st.decimals(min_value=0, max_value=10**9, places=3), max_size=6)


@given(volumes, volumes, volumes)
def test_nothing_is_known_of_a_whole_with_an_unknown_part(
    taken: list[Decimal | None], given_back: list[Decimal | None], again: list[Decimal | None]
) -> None:
    balance = water_balance(taken, given_back, again)
    unknown = [not part or None in part for part in (taken, given_back, again)]
    assert [balance.withdrawal is None, balance.discharge is None, balance.reuse is None] == unknown
    assert (balance.consumption is None) == (unknown[0] or unknown[1])
    if balance.reuse_percent is not None:
        assert not unknown[0]
        assert not unknown[2]
        assert 0 <= balance.reuse_percent <= 100
