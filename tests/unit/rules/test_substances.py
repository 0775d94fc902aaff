from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.masses import Mass
from ems_telemetry.rules.substances import Stock, cas_number, stored_against, unaccounted_of

pytestmark = pytest.mark.unit

values = st.decimals(min_value=0, max_value=10**6, places=3)
KNOWN = ["7732-18-5", "50-00-0", "108-88-3", "7664-41-7", "7782-50-5", "1333-74-0", "64-17-5", "10024-97-2"]


def kg(value: Decimal | int) -> Mass:
    return Mass(Decimal(value), "kg")


def test_cr_49_solvent_unaccounted_for() -> None:
    told = unaccounted_of(Stock(kg(1200), kg(800), kg(650), kg(950)))
    assert (told.kg, told.percent) == (Decimal(400), Decimal(20))


def test_more_than_can_be_is_negative() -> None:
    told = unaccounted_of(Stock(kg(100), kg(0), kg(10), kg(95)))
    assert (told.kg, told.percent) == (Decimal(-5), Decimal(-5))


def test_units_may_differ_and_must_be_of_mass() -> None:
    stock = Stock(Mass(Decimal("1.2"), "t"), kg(800), Mass(Decimal(650_000), "g"), kg(950))
    assert unaccounted_of(stock).kg == 400
    with pytest.raises(CannotComputeError, match='"L" is no unit of mass here'):
        unaccounted_of(stock._replace(received=Mass(Decimal(800), "L")))


def test_nothing_available_has_no_percentage() -> None:
    told = unaccounted_of(Stock(kg(0), kg(0), kg(0), kg(0)))
    assert told.kg == 0
    assert told.percent is None


@pytest.mark.parametrize("field", Stock._fields)
def test_negative_mass_is_refused(field: str) -> None:
    stock = Stock(kg(1), kg(1), kg(1), kg(1))._replace(**{field: kg(-1)})
    with pytest.raises(CannotComputeError, match=f"{field} is -1 kg; it cannot be negative"):
        unaccounted_of(stock)


@given(values, values, values, values)
def test_what_is_not_accounted_for_closes_the_balance(
    opening: Decimal, received: Decimal, used: Decimal, closing: Decimal
) -> None:
    told = unaccounted_of(Stock(kg(opening), kg(received), kg(used), kg(closing)))
    assert used + closing + told.kg == opening + received


@pytest.mark.parametrize(("most", "reached"), [("49999.999", False), ("50000", True), ("50000.001", True)])
def test_as_much_as_the_threshold_reaches_it(most: str, reached: bool) -> None:  # noqa: FBT001  a row of the table
    told = stored_against([kg(100), kg(Decimal(most)), kg(3)], Mass(Decimal(50), "t"))
    assert (told.max_kg, told.threshold_kg, told.share_percent) == (Decimal(most), Decimal(50_000), Decimal(most) / 500)
    assert told.reached is reached


def test_unknown_levels_are_not_zero() -> None:
    with pytest.raises(CannotComputeError, match="not zero but unknown"):
        stored_against([], kg(1))
    with pytest.raises(CannotComputeError, match="the threshold is 0 kg"):
        stored_against([kg(1)], kg(0))


@pytest.mark.parametrize("number", KNOWN)
def test_cas_numbers_of_known_substances(number: str) -> None:
    assert cas_number(f" {number} ") == number


@pytest.mark.parametrize("text", ["", "7732185", "7732-18-55", "7-18-5", "0732-18-5", "12345678-18-5", "7732-1-5", "7732–18–5"])  # noqa: RUF001
def test_cas_number_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(CannotComputeError, match="is no CAS number; it looks like"):
        cas_number(text)


@given(st.sampled_from(KNOWN), st.integers(1, 9))
def test_one_mistyped_check_digit_is_found(number: str, by: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + by) % 10)
    with pytest.raises(CannotComputeError, match=f"its last digit should be {number[-1]}"):
        cas_number(wrong)
