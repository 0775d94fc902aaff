from datetime import UTC, datetime, timedelta

import pytest
from fakes import HandClock

from ems_telemetry.connectors.simulator.faults import DUST_ZERO_CHECK, UNREADABLE_MESSAGE
from ems_telemetry.connectors.simulator.live import LivePlant

TEN_O_CLOCK = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def plant(clock: HandClock, *, faults: bool = True, speed: float = 1.0) -> LivePlant:
    return LivePlant(clock, seed=1, faults=faults, speed=speed)


async def test_counters_count_on_with_the_clock() -> None:
    clock = HandClock(TEN_O_CLOCK)
    live = plant(clock)
    before = live.read("EM-01.active_energy_import")
    await clock.advance(3600)
    assert 250 < live.read("EM-01.active_energy_import") - before < 400


async def test_a_plant_switched_on_later_goes_on_where_its_meters_would_be() -> None:
    clock = HandClock(TEN_O_CLOCK)
    live = plant(clock)
    await clock.advance(7200)
    assert plant(clock).read("EM-01.active_energy_import") == pytest.approx(live.read("EM-01.active_energy_import"), abs=1e-6)


async def test_speed_makes_the_plant_live_faster_and_leaves_the_time_it_tells_alone() -> None:
    clock = HandClock(TEN_O_CLOCK)
    slow, fast = plant(clock), plant(clock, speed=3600)
    await clock.advance(1)
    assert fast.elapsed_s == 3600 * slow.elapsed_s
    assert fast.now() == TEN_O_CLOCK + timedelta(seconds=1)
    assert fast.read("WM-02.volume") - slow.read("WM-02.volume") > 0.5


async def test_faults_come_with_the_plants_time_and_never_where_they_are_off() -> None:
    clock = HandClock(TEN_O_CLOCK)
    faulty, faultless = plant(clock, speed=10), plant(clock, faults=False, speed=10)
    await clock.advance(DUST_ZERO_CHECK.first_s / 10)
    assert faulty.suffers(DUST_ZERO_CHECK)
    assert faulty.times_begun(UNREADABLE_MESSAGE) == 1
    assert not faultless.suffers(DUST_ZERO_CHECK)
    assert faultless.times_begun(UNREADABLE_MESSAGE) == 0
