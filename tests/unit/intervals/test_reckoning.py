"""Peaks, balances, completeness and conversions, by the worked examples of the calculation rules."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_series import QUARTER_US, at

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.balance import Balance, Metered, Verdict, balance_of
from ems_telemetry.intervals.completeness import completeness_of
from ems_telemetry.intervals.conversions import gas_energy_kwh, normal_volume_nm3, steam_energy_kwh
from ems_telemetry.intervals.interval import Interval
from ems_telemetry.intervals.peaks import mean_power, peak_of
from ems_telemetry.model import Quality

pytestmark = pytest.mark.unit


def block(n: int, value: float | None, coverage: float = 1.0) -> Interval:
    return Interval(at("10:00") + n * QUARTER_US, value, None, value, value, 15, 15, coverage, Quality.GOOD, 0)


def rounded(number: Decimal | None, places: str) -> Decimal:
    assert number is not None
    return number.quantize(Decimal(places), ROUND_HALF_EVEN)


def test_the_peak_is_the_greatest_block_that_was_measured_as_a_whole() -> None:
    blocks = [block(0, 412.0), block(1, 455.6), block(2, 398.2), block(3, None, 0.0)]
    assert peak_of(blocks) == (blocks[1], None)
    partly = block(4, 600.0, 0.6)
    assert peak_of([*blocks, partly]) == (blocks[1], partly)
    assert peak_of([*blocks, partly], partial=True) == (partly, None)
    assert peak_of([*blocks, block(4, 400.0, 0.6)]) == (blocks[1], None)
    assert peak_of([partly]) == (None, partly)
    assert peak_of([]) == (None, None)


def test_of_equal_peaks_the_earliest_counts() -> None:
    assert peak_of([block(2, 455.6), block(1, 455.6), block(0, 1.0)]).peak == block(1, 455.6)


def test_the_energy_of_a_block_gives_its_mean_power() -> None:
    energy = block(0, 27.0)._replace(exact=Decimal("27.0"))
    assert mean_power(energy, QUARTER_US).value == 108.0
    assert mean_power(block(0, 0.1), QUARTER_US).value == 0.4
    assert mean_power(block(0, None), QUARTER_US).value is None


def test_a_residual_beyond_twice_its_uncertainty_is_unmetered() -> None:
    subs = [Metered(Decimal(amount), Decimal(2)) for amount in (400, 350, 200)]
    balance = balance_of(Metered(Decimal(1000), Decimal(1)), subs)
    assert (balance.residual, balance.residual_percent, balance.verdict) == (Decimal(50), Decimal("5.0"), Verdict.UNMETERED)
    assert rounded(balance.uncertainty, "0.01") == Decimal("15.13")
    assert rounded(balance.uncertainty and 2 * balance.uncertainty, "0.01") == Decimal("30.27")
    assert balance_of(Metered(Decimal(1000), Decimal(1)), subs, Decimal(50)).verdict is Verdict.OK
    assert balance_of(Metered(Decimal(980), Decimal(1)), subs).verdict is Verdict.OK
    assert balance_of(Metered(Decimal(900), Decimal(1)), subs).verdict is Verdict.NEGATIVE


def test_a_balance_with_an_amount_missing_is_null() -> None:
    nothing = Balance(None, None, None, None)
    assert balance_of(Metered(Decimal(1000)), [Metered(None)]) == nothing
    assert balance_of(Metered(None), [Metered(Decimal(1))]) == nothing
    assert balance_of(Metered(Decimal(0)), []) == (Decimal(0), None, Decimal(0), Verdict.OK)


def test_what_was_expected_is_measured_substituted_or_missing() -> None:
    hours = [block(n, 100.0 if n < 700 else None) for n in range(720)]
    substituted = {block(n, None).start_us: Decimal(100) for n in range(700, 715)}
    found = completeness_of(720, hours, substituted)
    assert (found.measured, found.substituted, found.missing) == (700, 15, 5)
    assert (found.measured_total, found.substituted_total, found.total) == (Decimal(70_000), Decimal(1_500), Decimal(71_500))
    assert rounded(found.measured_percent, "0.01") == Decimal("97.22")
    assert rounded(found.complete_percent, "0.01") == Decimal("99.31")
    again = completeness_of(720, hours, {**substituted, hours[0].start_us: Decimal(1)})
    assert again == found
    with pytest.raises(CannotComputeError, match="700 measured of 10 expected"):
        completeness_of(10, hours, {})


@given(st.lists(st.sampled_from([None, 0.1, 2.5]), max_size=50), st.sets(st.integers(0, 60)), st.integers(0, 20))
def test_the_layers_always_add_up(values: list[float | None], filled: set[int], more: int) -> None:
    intervals = [block(n, value) for n, value in enumerate(values)]
    substituted = {block(n, None).start_us: Decimal("0.2") for n in filled}
    found = completeness_of(61 + more, intervals, substituted)
    assert found.measured + found.substituted + found.missing == found.expected
    assert found.measured_percent == completeness_of(61 + more, intervals, {}).measured_percent
    assert found.total == sum(Decimal(str(value or 0)) for value in values) + found.substituted * Decimal("0.2")


def test_gas_is_billed_in_kilowatt_hours() -> None:
    assert gas_energy_kwh(Decimal(2), Decimal("1.02264"), Decimal("39.3")) == Decimal("22.32764")
    volume = normal_volume_nm3(Decimal(1000), Decimal(120), Decimal(15))
    assert rounded(volume, "0.001") == Decimal("1122.657")
    assert rounded(volume * Decimal("11.3"), "0.01") == Decimal("12686.03")


@pytest.mark.parametrize(("pressure", "temperature"), [("0", "15"), ("-1", "15"), ("101.325", "-273.15")])
def test_no_gas_is_at_such_a_state(pressure: str, temperature: str) -> None:
    with pytest.raises(ValueError, match="no state of a gas"):
        normal_volume_nm3(Decimal(1), Decimal(pressure), Decimal(temperature))


def test_steam_is_worth_what_lies_above_the_feed_water() -> None:
    energy = steam_energy_kwh(Decimal(2000), Decimal("2777.1"), Decimal("335.0"))
    assert rounded(energy, "0.001") == Decimal("1356.722")
    assert energy * Decimal("3.6") / 1000 == pytest.approx(Decimal("4.8842"), rel=Decimal("1e-20"))


def test_sums_are_rounded_once_at_the_end() -> None:
    parts = [block(n, None)._replace(value=0.005, exact=Decimal("0.005")) for n in range(3)]
    total = completeness_of(3, parts, {}).total
    assert rounded(total, "0.01") == Decimal("0.02")
    assert sum(rounded(part.exact, "0.01") for part in parts) == 0
    assert Decimal("0.1") * Decimal("0.2") == Decimal("0.02")
