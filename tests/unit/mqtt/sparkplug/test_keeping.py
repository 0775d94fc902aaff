"""What was learnt is kept after the readings that go with it, so that a crash at any instant loses and doubles nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from unit.mqtt.sparkplug.line import Line

from ems_telemetry.connectors.mqtt.decoding import Change
from ems_telemetry.connectors.mqtt.intake import Intake


def intake_of(line: Line) -> Intake:
    return Intake(line.host, line.sink, line.given.report, line.clock)


@pytest.fixture
async def line(tmp_path: Path) -> Line:
    line = Line(tmp_path)
    await line.host.open()
    line.nbirth(0)
    line.dbirth(1)
    await intake_of(line).deliver(line.decoded)
    line.sink.samples.clear()
    return line


async def crash(line: Line) -> None:
    await line.host.close()
    line.host = line.make_host()
    await line.host.open()


async def test_a_death_that_was_stored_and_not_kept_is_not_stored_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(_changes: Sequence[Change]) -> bool:
        raise asyncio.CancelledError

    death = line.ndeath(1, qos=1, packet_id=7)
    with monkeypatch.context() as patch:
        patch.setattr(line.host, "keep", die)
        with pytest.raises(asyncio.CancelledError):
            await intake_of(line).deliver(death)
    assert len(line.sink.samples) == 2
    await crash(line)
    await intake_of(line).deliver(line.ndeath(1, qos=1, packet_id=7, redelivered=True))
    assert len(line.sink.samples) == 2
    await crash(line)
    line.ndeath(1)
    assert line.counters["deaths_repeated"] == 1


async def test_a_death_that_was_not_stored_is_not_kept_either(line: Line) -> None:
    line.sink.durable.clear()
    storing = asyncio.create_task(intake_of(line).deliver(line.ndeath(1, qos=1, packet_id=7)))
    await asyncio.sleep(0)
    storing.cancel()
    await asyncio.wait({storing})
    line.sink.durable.set()
    await crash(line)
    await intake_of(line).deliver(line.ndeath(1, qos=1, packet_id=7, redelivered=True))
    assert len(line.sink.samples) == 2


async def test_a_death_that_is_stored_while_another_waits_does_not_make_that_one_kept(line: Line) -> None:
    """The two lanes store at their own pace, and what is kept goes with what is stored."""
    dead = line.ddeath(2, qos=1, packet_id=7)
    born = line.nbirth(0, bd=2, at=9.0)
    await intake_of(line).offer(born)
    await crash(line)
    assert len(dead[0].samples) == 2
    line.ddeath(2, qos=1, packet_id=7, redelivered=True)
    assert len(line.decoded[-1].samples) == 2


async def test_a_birth_waits_until_it_can_be_kept(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def keep(changes: Sequence[Change]) -> bool:
        asked.append(len(changes))
        return len(asked) > 2

    monkeypatch.setattr(line.host, "keep", keep)
    storing = asyncio.create_task(intake_of(line).deliver(line.nbirth(0, at=5.0, qos=1, packet_id=1)))
    for _ in range(2):
        await asyncio.sleep(0)
        assert not storing.done()
        await line.clock.advance(10)
    await storing
    assert len(asked) == 3


async def test_at_qos_0_it_does_not_wait(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep(_changes: Sequence[Change]) -> bool:
        return False

    monkeypatch.setattr(line.host, "keep", keep)
    await asyncio.wait_for(intake_of(line).offer(line.nbirth(0, at=5.0)), 1)
