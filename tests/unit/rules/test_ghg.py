from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.factors import Source
from ems_telemetry.rules.ghg import (
    BIOGENIC_CO2,
    CH4,
    CH4_FOSSIL,
    CO2,
    MMBTU_PER_THERM,
    N2O,
    Combusted,
    GasLine,
    GwpSet,
    burnt_under_mrr,
    burnt_under_part_98,
    inventory_of,
    reported_tonnes,
)

pytestmark = pytest.mark.unit

SOURCE = Source("IPCC assessment report", "", "", "")
AR4 = GwpSet("AR4", {CO2: Decimal(1), CH4: Decimal(25), N2O: Decimal(298)}, SOURCE)
AR5 = GwpSet("AR5", {CO2: Decimal(1), CH4: Decimal(28), N2O: Decimal(265)}, SOURCE)
AR6 = GwpSet("AR6", {CO2: Decimal(1), CH4: Decimal("27.0"), CH4_FOSSIL: Decimal("29.8"), N2O: Decimal(273)}, SOURCE)
KG_PER_MMBTU = {CO2: Decimal("53.06"), CH4: Decimal("0.001"), N2O: Decimal("0.0001")}
THERMS = Decimal(10_000)
share = st.decimals(min_value=0, max_value=1, places=4)
amounts = st.decimals(min_value=0, max_value=10**9, places=3)


def gas_boiler(gwp_set: GwpSet) -> list[GasLine]:
    return [
        GasLine("boiler", gas, burnt_under_part_98(THERMS, factor, MMBTU_PER_THERM), gwp_set)
        for gas, factor in KG_PER_MMBTU.items()
    ]


def test_cr_44_ten_thousand_therms_by_gas() -> None:
    masses_t = {line.gas: line.mass_t for line in gas_boiler(AR5)}
    assert masses_t == {CO2: Decimal("53.06"), CH4: Decimal("0.001"), N2O: Decimal("0.0001")}


@pytest.mark.parametrize(("gwp_set", "co2e_t"), [(AR4, "53.1148"), (AR5, "53.1145"), (AR6, "53.1143")])
def test_cr_44_ten_thousand_therms_as_co2(gwp_set: GwpSet, co2e_t: str) -> None:
    inventory = inventory_of(gas_boiler(gwp_set))
    assert inventory.co2e_t == Decimal(co2e_t)
    assert inventory.gwp_set == gwp_set.name


def test_therms_mmbtu_and_standard_cubic_feet_tell_the_same_fuel() -> None:
    by_therm = burnt_under_part_98(THERMS, KG_PER_MMBTU[CO2], MMBTU_PER_THERM)
    by_energy = burnt_under_part_98(Decimal(1000), KG_PER_MMBTU[CO2])
    by_volume = burnt_under_part_98(Decimal(1_000_000), KG_PER_MMBTU[CO2], Decimal("0.001"))
    assert by_therm == by_energy == by_volume == Decimal("53.06")


def test_cr_44_mrr_form_and_its_reported_tonnes() -> None:
    burnt = burnt_under_mrr(Decimal(1_000_000), Decimal("0.036") / 1000, Decimal("56.1"))
    assert burnt == Combusted(Decimal("2019.6"), Decimal(0))
    assert reported_tonnes(burnt.fossil_t) == 2020


def test_rounding_stands_at_the_edge_alone() -> None:
    each = burnt_under_mrr(Decimal(1000), Decimal("0.00001"), Decimal(40)).fossil_t
    assert reported_tonnes(each) == 0
    assert reported_tonnes(each * 3) == 1
    assert reported_tonnes(Decimal("2019.49")) == 2019
    assert reported_tonnes(Decimal("2020.5")) == 2020
    assert reported_tonnes(Decimal("2020.5"), ROUND_HALF_UP) == 2021


def test_cr_44_mixed_sets_in_one_inventory_are_an_error() -> None:
    lines = [*gas_boiler(AR5), GasLine("dryer", CH4, Decimal(1), AR6)]
    with pytest.raises(CannotComputeError, match="boiler is told by GWP set AR5 and dryer by AR6"):
        inventory_of(lines)
    changed = GwpSet("AR5", {**AR5.values, CH4: Decimal(30)}, SOURCE)
    with pytest.raises(CannotComputeError, match="two versions of GWP set AR5"):
        inventory_of([*gas_boiler(AR5), GasLine("dryer", CH4, Decimal(1), changed)])


def test_biogenic_co2_is_told_apart_and_not_in_the_total() -> None:
    burnt = burnt_under_mrr(Decimal(100), Decimal("0.01"), Decimal(100), biomass_fraction=Decimal("0.3"))
    assert burnt == Combusted(Decimal(70), Decimal(30))
    lines = [GasLine("kiln", CO2, burnt.fossil_t, AR6), GasLine("kiln", BIOGENIC_CO2, burnt.biogenic_t, AR6)]
    inventory = inventory_of(lines)
    assert (inventory.co2e_t, inventory.biogenic_co2_t) == (Decimal(70), Decimal(30))
    assert inventory.masses_t == {CO2: Decimal(70)}


def test_ar6_tells_fossil_methane_apart_and_older_sets_do_not() -> None:
    assert inventory_of([GasLine("gas line", CH4_FOSSIL, Decimal(2), AR6)]).co2e_t == Decimal("59.6")
    assert inventory_of([GasLine("gas line", CH4_FOSSIL, Decimal(2), AR4)]).co2e_t == 50


def test_gas_without_a_potential_is_an_error() -> None:
    with pytest.raises(CannotComputeError, match="GWP set AR6 has no value for SF6, only for CH4, CH4_fossil, CO2, N2O"):
        inventory_of([GasLine("switchgear", "SF6", Decimal(1), AR6)])


def test_inventory_of_nothing_is_an_error_and_not_zero() -> None:
    with pytest.raises(CannotComputeError, match="no lines"):
        inventory_of([])


@pytest.mark.parametrize("figures", [("-1", "1", "1"), ("1", "-1", "1"), ("1", "1", "-0.1")])
def test_negative_figures_are_refused(figures: tuple[str, str, str]) -> None:
    quantity, factor, heat_value = map(Decimal, figures)
    with pytest.raises(CannotComputeError, match="cannot be negative"):
        burnt_under_part_98(quantity, factor, heat_value)
    with pytest.raises(CannotComputeError, match="cannot be negative"):
        burnt_under_mrr(quantity, heat_value, factor)


def test_shares_end_at_one() -> None:
    whole = burnt_under_mrr(Decimal(1), Decimal(1), Decimal(1), Decimal(1), Decimal(1))
    assert whole == Combusted(Decimal(0), Decimal(1))
    with pytest.raises(CannotComputeError, match=r"oxidation factor is 1\.01; it is a share"):
        burnt_under_mrr(Decimal(1), Decimal(1), Decimal(1), Decimal("1.01"))
    with pytest.raises(CannotComputeError, match="biomass fraction is 30"):
        burnt_under_mrr(Decimal(1), Decimal(1), Decimal(1), biomass_fraction=Decimal(30))


@given(amounts, share, share)
def test_fossil_and_biogenic_add_up_to_what_was_burnt(quantity: Decimal, oxidation: Decimal, biomass: Decimal) -> None:
    mixed = burnt_under_mrr(quantity, Decimal("0.000036"), Decimal("56.1"), oxidation, biomass)
    plain = burnt_under_mrr(quantity, Decimal("0.000036"), Decimal("56.1"), oxidation)
    assert mixed.fossil_t + mixed.biogenic_t == plain.fossil_t
    assert mixed.fossil_t >= 0 <= mixed.biogenic_t


@given(st.lists(st.tuples(st.sampled_from([CO2, CH4, N2O, BIOGENIC_CO2]), amounts), min_size=1, max_size=12), st.data())
def test_order_and_partition_of_lines_change_no_total(masses: list[tuple[str, Decimal]], data: st.DataObject) -> None:
    lines = [GasLine(f"unit {n}", gas, mass_t, AR5) for n, (gas, mass_t) in enumerate(masses)]
    whole = inventory_of(lines)
    assert inventory_of(data.draw(st.permutations(lines))) == whole
    assert sum((inventory_of([line]).co2e_t for line in lines), Decimal(0)) == whole.co2e_t
