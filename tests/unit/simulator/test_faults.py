import pytest

from ems_telemetry.connectors.simulator.faults import (
    DUST_SETTLING,
    DUST_ZERO_CHECK,
    GAS_METER_SILENT,
    ROLLOVER_AFTER_S,
    UNREADABLE_MESSAGE,
    Recurring,
)

LASTING = [DUST_ZERO_CHECK, DUST_SETTLING, GAS_METER_SILENT]


def test_a_fault_comes_when_it_is_due_lasts_and_comes_again() -> None:
    fault = Recurring(first_s=10, every_s=100, lasts_s=5)
    assert [fault.is_active(second) for second in (0, 9.9, 10, 14.9, 15, 109.9, 110, 115)] == [
        *(False, False, True, True, False),
        *(False, True, False),
    ]
    assert [fault.times_begun(second) for second in (0, 9.9, 10, 109.9, 110)] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("fault", LASTING)
def test_each_fault_shows_in_the_first_minute(fault: Recurring) -> None:
    assert any(fault.is_active(second) for second in range(60))
    assert fault.first_s + fault.lasts_s < 60


def test_messages_and_the_rollover_fail_in_the_first_minute_too() -> None:
    assert UNREADABLE_MESSAGE.times_begun(60) >= 1
    assert 0 < ROLLOVER_AFTER_S < 60


@pytest.mark.parametrize("fault", LASTING)
def test_most_of_the_time_all_is_well(fault: Recurring) -> None:
    assert sum(fault.is_active(second) for second in range(3600)) < 0.15 * 3600


def test_a_silent_meter_is_silent_for_20_to_40_seconds() -> None:
    assert 20 <= GAS_METER_SILENT.lasts_s <= 40


def test_the_dust_value_settles_right_after_its_check() -> None:
    assert DUST_SETTLING.first_s == DUST_ZERO_CHECK.first_s + DUST_ZERO_CHECK.lasts_s
    assert DUST_SETTLING.every_s == DUST_ZERO_CHECK.every_s
