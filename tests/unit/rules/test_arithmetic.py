from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.rules.arithmetic import digits, mean, nearest_rank, percent_of, sample_deviation, settle

pytestmark = pytest.mark.unit
finite = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)


def test_product_of_tenths_is_exact() -> None:
    assert Decimal("0.1") * Decimal("0.2") == Decimal("0.02")


def test_one_rounding_at_the_end_keeps_what_three_would_lose() -> None:
    parts = [Decimal("0.005")] * 3
    assert round(sum(parts, Decimal()), 2) == Decimal("0.02")
    assert sum((round(part, 2) for part in parts), Decimal()) == 0


@given(st.lists(finite, min_size=2, max_size=20))
def test_callers_context_does_not_matter(values: list[Decimal]) -> None:
    expected = mean(values), sample_deviation(values)
    with localcontext() as context:
        context.prec = 3
        assert (mean(values), sample_deviation(values)) == expected


@given(finite)
def test_equal_numbers_are_written_alike(value: Decimal) -> None:
    assert digits(value) == digits(value * Decimal("1.000"))
    assert Decimal(digits(value)) == value


def test_settling_loses_nothing_of_a_64_bit_counter() -> None:
    register = Decimal("18446744073709551615.99999999")
    assert settle(register) == register
    assert digits(settle(Decimal(1) / 3)) == "0." + "3" * 28


def test_share_is_in_percent() -> None:
    assert round(percent_of(8410, 8760), 2) == Decimal("96.00")


def test_percentile_by_nearest_rank_is_a_value_that_is_there() -> None:
    ten = [Decimal(n) for n in (3, 1, 2, 10, 9, 8, 7, 4, 5, 6)]
    assert nearest_rank(ten, Decimal(90)) == 9
    assert nearest_rank(ten, Decimal("90.1")) == 10
    assert nearest_rank(ten, Decimal(100)) == 10
    assert nearest_rank(ten, Decimal(1)) == 1


@given(st.lists(finite, min_size=1, max_size=50), st.integers(1, 100))
def test_nearest_rank_is_the_least_value_that_so_many_percent_do_not_exceed(values: list[Decimal], percentile: int) -> None:
    found = nearest_rank(values, Decimal(percentile))
    assert found == sorted(values)[-(-percentile * len(values) // 100) - 1]
    assert 100 * sum(value <= found for value in values) >= percentile * len(values)
    assert 100 * sum(value < found for value in values) < percentile * len(values)
