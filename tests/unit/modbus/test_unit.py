"""A unit keeps its cadence while it replies, and is asked less and less often while it does not."""

import pytest
from fakes import HandClock

from ems_telemetry.connectors.modbus.cadence import Cadence
from ems_telemetry.connectors.modbus.plan import Limits, Poll
from ems_telemetry.connectors.modbus.proof import Proof
from ems_telemetry.connectors.modbus.registers import RegisterPoint, Spelling, Table, ValueType
from ems_telemetry.connectors.modbus.unit import PROBE_AFTER_S, Unit
from ems_telemetry.retry import Backoff

BACKOFF = Backoff(initial_s=2, cap_s=60, draw=lambda: 1.0)


def unit(clock: HandClock, interval_s: float = 1.0, addresses: tuple[int, ...] = (0, 100, 200), gap: int = 0) -> Unit:
    spelling = Spelling(ValueType.UINT16)
    points = tuple(RegisterPoint(f"p{address}", Table.HOLDING, address, spelling) for address in addresses)
    proof = Proof("M7", "maker/model", frozenset({"p0"}), (), None)
    made = Unit(Poll(7, interval_s, 0.5, 1, Limits(gap, 125), points, proofs=(proof,)), Cadence(interval_s), clock)
    made.begin()
    return made


def addresses(made: Unit) -> list[int]:
    return [reader.block.address for reader in made.turn()]


async def test_it_is_due_at_once_and_then_at_every_full_interval() -> None:
    clock = HandClock()
    made = unit(clock, interval_s=10.0)
    assert made.due_s == clock.monotonic()
    await clock.advance(3)
    made.start_tick()
    assert made.due_s == pytest.approx(10.0)
    await clock.advance(7)
    assert made.start_tick() == 0
    assert made.due_s == pytest.approx(20.0)


async def test_ticks_that_had_no_chance_are_told_and_left_out() -> None:
    clock = HandClock()
    made = unit(clock)
    made.start_tick()
    await clock.advance(4.5)
    assert made.start_tick() == 3
    assert made.due_s == pytest.approx(5.0)


async def test_a_step_of_the_wall_clock_costs_no_more_than_one_interval() -> None:
    clock = HandClock()
    made = unit(clock, interval_s=10.0)
    clock._now = clock._now.replace(year=2025)
    made.start_tick()
    assert 0 < made.due_s - clock.monotonic() <= 10.05


def test_the_longer_it_fails_the_more_seldom_it_is_asked() -> None:
    made = unit(HandClock())
    delays = []
    for _ in range(7):
        made.failed(BACKOFF, silent=True)
        delays.append(made.due_s)
    assert delays == [2, 4, 8, 16, 32, 60, 60]
    made.replied()
    made.failed(BACKOFF, silent=True)
    assert made.due_s == 2


def test_a_unit_read_seldom_is_asked_again_soon() -> None:
    made = unit(HandClock(), interval_s=900.0)
    made.failed(BACKOFF, silent=True)
    assert made.due_s == 10


def test_another_request_goes_first_after_a_failure() -> None:
    made = unit(HandClock())
    assert addresses(made) == [0, 100, 200]
    made.failed(BACKOFF, silent=True)
    assert addresses(made) == [100, 200, 0]


async def test_a_request_that_got_no_reply_is_left_out_for_a_while_and_then_goes_last() -> None:
    clock = HandClock()
    made = unit(clock)
    first = next(made.turn())
    first.failed(clock.monotonic(), BACKOFF)
    assert addresses(made) == [100, 200]
    await clock.advance(2)
    assert addresses(made) == [100, 200, 0]
    first.replied()
    assert addresses(made) == [0, 100, 200]


def test_something_is_asked_even_when_every_request_is_to_be_left_out() -> None:
    made = unit(HandClock())
    for reader in list(made.turn()):
        reader.failed(0.0, BACKOFF)
    assert len(addresses(made)) == 1


async def test_a_place_that_is_refused_is_left_alone_and_asked_for_again_later() -> None:
    clock = HandClock()
    made = unit(clock)
    next(made.turn()).refuse(clock.monotonic(), 2)
    assert addresses(made) == [100, 200]
    await clock.advance(PROBE_AFTER_S)
    assert addresses(made) == [0, 100, 200]


def test_nothing_is_asked_while_every_place_is_refused() -> None:
    made = unit(HandClock())
    for reader in list(made.turn()):
        reader.refuse(0.0, 2)
    assert addresses(made) == []


def test_two_halves_stand_where_the_whole_stood() -> None:
    made = unit(HandClock(), addresses=(0, 1, 2, 50), gap=5)
    whole = next(made.turn())
    halves = made.split(whole)
    assert halves is not None
    assert [str(reader.block) for reader in made.turn()] == ["holding 0", "holding 1 to 2", "holding 50"]
    assert made.split(halves[0]) is None


async def test_a_meter_is_in_doubt_until_it_is_proved() -> None:
    clock = HandClock()
    made = unit(clock)
    [proof] = made.proofs_due()
    assert made.doubtful == {"p0"}
    made.judge(proof, holds=False)
    assert made.proofs_due() == []
    await clock.advance(PROBE_AFTER_S)
    assert made.proofs_due() == [proof]
    made.judge(proof, holds=True)
    assert made.doubtful == frozenset()
    assert made.proofs_due() == []
