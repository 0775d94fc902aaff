"""Connecting is tried no more often than the back-off allows, whoever asks."""

import asyncio

import pytest
from fakes import HandClock

from ems_telemetry.connectors.modbus.gate import LONGEST_PUT_OFF_S, Gate
from ems_telemetry.errors import ConnectionLostError
from ems_telemetry.retry import Backoff

BACKOFF = Backoff(initial_s=1, cap_s=60, draw=lambda: 1)


async def is_open(gate: Gate) -> bool:
    waiting = asyncio.create_task(gate.wait())
    for _ in range(5):
        await asyncio.sleep(0)
    if waiting.done():
        return waiting.exception() is None
    waiting.cancel()
    return False


async def test_after_a_failure_the_reason_is_told_again_until_it_opens() -> None:
    clock = HandClock()
    gate = Gate(clock, BACKOFF)
    for delay_s in (1, 2, 4, 8, 16, 32, 60, 60):
        await gate.wait()
        gate.fail(ConnectionLostError("nobody listens there"))
        await clock.advance(delay_s - 0.01)
        with pytest.raises(ConnectionLostError, match="nobody listens there"):
            await gate.wait()
        await clock.advance(0.02)
    await gate.wait()


async def test_the_reason_told_again_and_again_does_not_grow() -> None:
    gate = Gate(HandClock(), BACKOFF)
    gate.fail(ConnectionLostError("nobody listens there"))
    with pytest.raises(ConnectionLostError):
        await gate.wait()
    with pytest.raises(ConnectionLostError) as caught:
        await gate.wait()
    assert len(caught.traceback) == 2


async def test_after_a_connection_of_no_use_one_waits_a_little() -> None:
    clock = HandClock()
    gate = Gate(clock, BACKOFF)
    for delay_s in (1, 2, 4, LONGEST_PUT_OFF_S, LONGEST_PUT_OFF_S):
        gate.put_off()
        waiting = asyncio.create_task(gate.wait())
        await clock.advance(delay_s - 0.01)
        assert not waiting.done()
        await clock.advance(0.02)
        assert waiting.done()


async def test_a_connection_that_proved_good_opens_it_and_is_replaced_at_once() -> None:
    clock = HandClock()
    gate = Gate(clock, BACKOFF)
    gate.put_off()
    gate.fail(ConnectionLostError("no"))
    assert not await is_open(gate)
    gate.prove()
    assert await is_open(gate)
    gate.fail(ConnectionLostError("no"))
    await clock.advance(1.01)
    assert await is_open(gate), "it begins anew with the shortest time"
