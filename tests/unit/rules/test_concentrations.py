"""Concentrations in air by the worked examples of the calculation rules, and what must hold of every correction."""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.concentrations import (
    Basis,
    Skipped,
    StackGas,
    State,
    Step,
    confidence_percent,
    correct,
    kelvin,
    mg_nm3_of_ppm,
    molar_mass,
    validate_average,
)

pytestmark = pytest.mark.unit

DRY = State(normal=True, dry=True, o2_dry=True)
RAW = State()
BOILER = Basis(o2_ref=Decimal(3))
STACK = StackGas(kelvin(Decimal(180)), Decimal("98.5"), Decimal(12), Decimal("6.0"))
concentrations = st.decimals(min_value=-5, max_value=5000, places=4)
oxygen = st.decimals(min_value=0, max_value=Decimal("19.9"), places=3)


def rounded(number: Decimal, places: str) -> Decimal:
    return number.quantize(Decimal(places), ROUND_HALF_EVEN)


def nox() -> Decimal:
    return mg_nm3_of_ppm(Decimal(150), molar_mass("NOx"))


def test_cr23_150_ppm_of_nitrogen_oxides_are_307_88_mg() -> None:
    assert molar_mass("NOx") == molar_mass("NO2") == Decimal("46.0055")
    assert rounded(nox(), "0.01") == Decimal("307.88")


@pytest.mark.parametrize(
    ("substance", "grams"),
    [("CO", "28.0101"), ("SO2", "64.0638"), ("HCl", "36.46094"), ("NH3", "17.03052"), ("TOC", "12.0107"), ("C3H8", "44.09562")],
)
def test_molar_masses_follow_from_the_formula(substance: str, grams: str) -> None:
    assert molar_mass(substance) == Decimal(grams)


@pytest.mark.parametrize(
    ("substance", "words"),
    [
        ("Nox", "did you mean NOx"),
        ("nh3", "did you mean NH3"),
        ("Xx2", "known are NOx"),
        ("", "known are NOx"),
        ("dust", "gas"),
    ],
)
def test_what_has_no_molar_mass_is_refused(substance: str, words: str) -> None:
    with pytest.raises(CannotComputeError, match=words):
        molar_mass(substance)


def test_a_molar_volume_must_be_one() -> None:
    with pytest.raises(CannotComputeError, match=r"usual one is 22\.414"):
        mg_nm3_of_ppm(Decimal(1), Decimal(46), Decimal(0))


def test_cr24_a_flue_gas_of_5_percent_oxygen_at_3() -> None:
    gas = StackGas(o2_percent=Decimal(5))
    european = correct(nox(), BOILER, DRY, gas)
    assert rounded(european.value, "0.01") == Decimal("346.37")
    assert european.factors[3].value == Decimal("1.125")
    assert european.o2_dry_percent == 5
    american = correct(nox(), replace(BOILER, k=Decimal("20.9")), DRY, gas)
    assert rounded(american.value, "0.01") == Decimal("346.61")


def test_cr24_b_dust_from_the_stack_to_normal_dry_gas() -> None:
    corrected = correct(Decimal("12.0"), Basis(o2_ref=Decimal(6)), RAW, STACK)
    assert rounded(corrected.value, "0.0001") == Decimal("24.6078")
    assert corrected.o2_dry_percent is not None
    assert rounded(corrected.o2_dry_percent, "0.0001") == Decimal("6.8182")
    assert [(each.step, rounded(each.value, "0.000001")) for each in corrected.factors] == [
        (Step.TEMPERATURE, Decimal("1.658979")),
        (Step.PRESSURE, Decimal("1.028426")),
        (Step.MOISTURE, Decimal("1.136364")),
        (Step.OXYGEN, Decimal("1.057692")),
    ]


def test_cr24_c_gas_below_the_reference_may_stay_as_it_is() -> None:
    basis = replace(BOILER, only_if_above_ref=True)
    corrected = correct(Decimal(200), basis, DRY, StackGas(o2_percent=Decimal("2.5")))
    assert (corrected.value, corrected.factors[3].value) == (Decimal(200), Decimal(1))
    assert corrected.factors[3].skipped is Skipped.NOT_ABOVE_REFERENCE
    assert correct(Decimal(200), BOILER, DRY, StackGas(o2_percent=Decimal("2.5"))).value < 200
    assert correct(Decimal(200), basis, DRY, StackGas(o2_percent=Decimal("3.1"))).value > 200
    at_reference = correct(Decimal(200), basis, DRY, StackGas(o2_percent=Decimal(3)))
    assert (at_reference.value, at_reference.factors[3].skipped) == (Decimal(200), Skipped.NOT_ABOVE_REFERENCE)


def test_what_is_done_already_is_not_done_again() -> None:
    done = State(normal=True, dry=True, o2_corrected=True)
    corrected = correct(Decimal("12.0"), BOILER, done, StackGas())
    assert corrected.value == 12
    assert {each.skipped for each in corrected.factors} == {Skipped.ON_BASIS}
    without = correct(Decimal("12.0"), Basis(), DRY, StackGas())
    assert without.factors[3].skipped is Skipped.NO_REFERENCE


def test_a_limit_for_wet_gas_turns_dry_into_wet() -> None:
    wet = correct(Decimal(100), Basis(dry=False), DRY, StackGas(h2o_percent=Decimal(12)))
    assert wet.value == 88
    assert correct(Decimal(100), Basis(dry=False), State(normal=True), StackGas()).value == 100


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("t_k", "temperature was"),
        ("p_kpa", "absolute pressure was"),
        ("h2o_percent", "moisture was"),
        ("o2_percent", "oxygen was"),
    ],
)
def test_cr24_a_missing_auxiliary_makes_the_interval_invalid(missing: str, words: str) -> None:
    with pytest.raises(CannotComputeError, match=f"{words} not measured in this interval"):
        correct(Decimal(12), BOILER, RAW, replace(STACK, **{missing: None}))


def test_oxygen_measured_wet_needs_moisture_although_the_concentration_is_dry() -> None:
    with pytest.raises(CannotComputeError, match="moisture"):
        correct(Decimal(12), BOILER, State(normal=True, dry=True), StackGas(o2_percent=Decimal(5)))


def test_cr24_too_much_air_makes_the_interval_invalid() -> None:
    assert correct(Decimal(1), BOILER, DRY, StackGas(o2_percent=Decimal("19.999"))).value > 1
    for limit, k in ((Decimal(20), Decimal(21)), (Decimal("19.9"), Decimal("20.9"))):
        with pytest.raises(CannotComputeError, match="too close to the"):
            correct(Decimal(1), replace(BOILER, k=k), DRY, StackGas(o2_percent=limit))
    wider = replace(BOILER, o2_margin=Decimal("0.5"))
    assert correct(Decimal(1), wider, DRY, StackGas(o2_percent=Decimal(20))).value == 18


@pytest.mark.parametrize(
    ("gas", "words"),
    [
        (replace(STACK, t_k=Decimal(0)), "temperature of 0 K is impossible"),
        (replace(STACK, p_kpa=Decimal(-2)), "absolute pressure of -2 kPa is impossible"),
        (replace(STACK, h2o_percent=Decimal(100)), "leaves no dry gas"),
        (replace(STACK, o2_percent=Decimal("NaN")), "oxygen was not measured"),
    ],
)
def test_impossible_states_are_refused(gas: StackGas, words: str) -> None:
    with pytest.raises(CannotComputeError, match=words):
        correct(Decimal(12), BOILER, RAW, gas)


def test_a_concentration_that_is_no_number_is_refused() -> None:
    with pytest.raises(CannotComputeError, match="the concentration was not measured"):
        correct(Decimal("NaN"), Basis(), DRY, StackGas())


def test_an_impossible_basis_is_refused() -> None:
    with pytest.raises(CannotComputeError, match=r"0 kPa at 273\.15 K is no state of a gas"):
        Basis(p_kpa=Decimal(0))
    with pytest.raises(CannotComputeError, match=r"101\.3 kPa at 0 K is no state of a gas"):
        Basis(t_k=Decimal(0))
    with pytest.raises(CannotComputeError, match="not between 0 and 20 %"):
        Basis(o2_ref=Decimal(20))


@given(concentrations, oxygen, st.decimals(min_value=0, max_value=60, places=2))
def test_correction_at_the_reference_state_changes_nothing(value: Decimal, reference: Decimal, water: Decimal) -> None:
    basis = Basis(o2_ref=reference, dry=False)
    measured = StackGas(basis.t_k, basis.p_kpa, water, reference)
    assert correct(value, basis, State(o2_dry=True), measured).value == value
    dry = replace(basis, dry=True)
    assert correct(value, dry, State(dry=True, o2_dry=True), measured).value == value


@given(concentrations, oxygen, oxygen)
def test_more_oxygen_never_gives_less(value: Decimal, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    values = [abs(correct(value, BOILER, DRY, StackGas(o2_percent=o2)).value) for o2 in (less, more)]
    assert values == sorted(values)


@given(concentrations, oxygen)
def test_callers_context_does_not_matter(value: Decimal, o2: Decimal) -> None:
    expected = correct(value, BOILER, State(dry=True, o2_dry=True), replace(STACK, o2_percent=o2))
    with localcontext() as context:
        context.prec = 3
        assert correct(value, BOILER, State(dry=True, o2_dry=True), replace(STACK, o2_percent=o2)) == expected


def test_cr25_the_confidence_interval_is_taken_off_and_both_are_kept() -> None:
    percent = confidence_percent("ied_ci@1", "NOx")
    assert validate_average(Decimal(215), percent, Decimal(200)) == (Decimal(215), Decimal(175))
    assert validate_average(Decimal(30), percent, Decimal(200)) == (Decimal(30), Decimal(0))
    assert validate_average(Decimal(40), percent, Decimal(200)).validated == 0
    assert validate_average(Decimal("40.1"), percent, Decimal(200)).validated == Decimal("0.1")


def test_unknown_profiles_and_parameters_are_refused_with_the_nearest() -> None:
    assert confidence_percent("bimschv_ci@1", "Hg") == 40
    with pytest.raises(CannotComputeError, match="did you mean ied_ci@1"):
        confidence_percent("ied_ci@2", "NOx")
    with pytest.raises(CannotComputeError, match=r'parameter of ied_ci@1 "Hg" is not known'):
        confidence_percent("ied_ci@1", "Hg")


@given(concentrations, st.decimals(min_value=0, max_value=100, places=1), st.decimals(min_value=0, max_value=1000, places=1))
def test_a_validated_average_is_never_negative_nor_above_a_positive_one(value: Decimal, ci: Decimal, limit: Decimal) -> None:
    kept = validate_average(value, ci, limit)
    assert kept.normalised == value
    assert 0 <= kept.validated <= max(value, Decimal(0))
