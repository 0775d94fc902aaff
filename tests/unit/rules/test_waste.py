from datetime import date, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.masses import KG_PER_UNIT, Mass, kilograms
from ems_telemetry.rules.waste import (
    Operation,
    Treatment,
    WasteCode,
    net_kg,
    operation,
    storage_due,
    stored_too_long,
    waste_code,
)

pytestmark = pytest.mark.unit

units = st.sampled_from(sorted(KG_PER_UNIT))
values = st.decimals(min_value=0, max_value=10**9, places=6)


def kg(value: str) -> Mass:
    return Mass(Decimal(value), "kg")


def test_cr_49_net_is_gross_less_tare() -> None:
    assert net_kg(kg("18460"), kg("12140")) == 6320


def test_units_may_differ() -> None:
    assert net_kg(Mass(Decimal("18.46"), "t"), kg("12140")) == 6320
    assert net_kg(Mass(Decimal(1000), "lb"), Mass(Decimal(1), "g")) == Decimal("453.59137")
    assert net_kg(Mass(Decimal(1), "short_ton"), Mass(Decimal(2000), "lb")) == 0
    assert net_kg(Mass(Decimal(1), "long_ton"), Mass(Decimal(2240), "lb")) == 0


@pytest.mark.parametrize("unit", ["ton", "m3", "KG", ""])
def test_unit_that_is_none_of_mass_is_refused(unit: str) -> None:
    with pytest.raises(CannotComputeError, match=f'"{unit}" is no unit of mass here; say one of mg, g, kg, t, lb'):
        net_kg(Mass(Decimal(1), unit), kg("0"))


def test_tare_is_not_greater_than_gross() -> None:
    assert net_kg(kg("12140"), kg("12140")) == 0
    with pytest.raises(
        CannotComputeError, match=r"the tare of 12140\.001 kg is greater than the gross weight of 12140 kg; are they"
    ):
        net_kg(kg("12140"), kg("12140.001"))
    with pytest.raises(CannotComputeError, match="the tare is -1 kg"):
        net_kg(kg("12140"), kg("-1"))


@given(values, units, values, units)
def test_net_of_units_is_exact(tare: Decimal, tare_unit: str, load: Decimal, load_unit: str) -> None:
    with localcontext() as context:
        context.prec = 60
        load_kg = kilograms(Mass(load, load_unit))
        gross = Mass(kilograms(Mass(tare, tare_unit)) + load_kg, "kg")
    with localcontext() as context:
        context.prec = 3
        assert net_kg(gross, Mass(tare, tare_unit)) == load_kg


def test_cr_49_ninety_days_of_storage() -> None:
    assert storage_due(date(2026, 1, 10), 90) == date(2026, 4, 10)
    assert not stored_too_long(date(2026, 1, 10), 90, date(2026, 4, 10))
    assert stored_too_long(date(2026, 1, 10), 90, date(2026, 4, 11))


def test_storage_of_negative_time_is_refused() -> None:
    assert storage_due(date(2026, 1, 10), 0) == date(2026, 1, 10)
    with pytest.raises(CannotComputeError, match="for -1 days"):
        storage_due(date(2026, 1, 10), -1)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 4000), st.integers(0, 5000))
def test_waste_is_stored_too_long_when_its_days_are_over(since: date, allowed: int, passed: int) -> None:
    assert stored_too_long(since, allowed, since + timedelta(days=passed)) is (passed > allowed)


@pytest.mark.parametrize("text", ["15 02 02*", "150202*", " 15 02 02 * ", "1502 02*"])
def test_code_of_hazardous_waste(text: str) -> None:
    assert waste_code(text) == WasteCode("150202", hazardous=True)
    assert str(waste_code(text)) == "15 02 02*"


def test_code_of_other_waste_at_both_ends_of_the_list() -> None:
    assert [str(waste_code(code)) for code in ("010101", "200399")] == ["01 01 01", "20 03 99"]
    assert not waste_code("200399").hazardous


@pytest.mark.parametrize(
    "text",
    [
        "",
        "15020",
        "1502021",
        "15 02 0A",
        "*150202",
        "150202**",
        "000101",
        "210101",
        "15-02-02",
        "\uff11\uff15\uff10\uff12\uff10\uff12",
    ],
)
def test_code_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(CannotComputeError, match="is no code of the List of Waste: six digits"):
        waste_code(text)


def test_operations_are_those_listed() -> None:
    assert operation("R1") == Operation(Treatment.RECOVERY, 1)
    assert operation(" D15 ") == Operation(Treatment.DISPOSAL, 15)
    listed = [*(f"R{n}" for n in range(1, 14)), *(f"D{n}" for n in range(1, 16))]
    assert [str(operation(code)) for code in listed] == listed


@pytest.mark.parametrize("text", ["R0", "R14", "D0", "D16", "R", "D", "r1", "R01", "R1D", "X1", "", "R100"])
def test_operation_that_is_not_listed_is_refused(text: str) -> None:
    with pytest.raises(CannotComputeError, match=f'"{text}" is no operation on waste; say one of R1 to R13 or D1 to D15'):
        operation(text)
