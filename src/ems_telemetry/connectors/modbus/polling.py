"""Reads one unit for one tick: its requests one after another, each reply turned into samples, each failure judged.

A unit that is silent costs the link one timeout per tick, never one per request.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.modbus.errors import (
    BUSY,
    GATEWAY_CODES,
    ILLEGAL_ADDRESS,
    ClosedLinkError,
    ExceptionReplyError,
    SilentUnitError,
    UnitFailedError,
    WrongReplyError,
)
from ems_telemetry.connectors.modbus.link import Link
from ems_telemetry.connectors.modbus.unit import BlockReader, Unit
from ems_telemetry.model import Sample

BUSY_PAUSE_S = 0.1
"""How long a busy device is left alone before it is asked once more."""


@dataclass(slots=True)
class Tick:
    """What one tick of a unit brought. `problem` is the last thing wrong, in words for people."""

    samples: list[Sample] = field(default_factory=list)
    unit_replies: bool = False
    endpoint_replies: bool = False
    problem: str | None = None
    failed_blocks: list[BlockReader] = field(default_factory=list)


class Poller:
    """Reads units over one link."""

    def __init__(self, link: Link, surroundings: Surroundings) -> None:
        self._link = link
        self._report = surroundings.report
        self._clock = surroundings.clock
        self._asked_s = 0.0

    async def read(self, unit: Unit) -> Tick:
        """Reads what is due of a unit.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
        """
        tick = Tick()
        turn = unit.turn()
        for reader in turn:
            try:
                data = await self._ask(unit, reader)
            except ExceptionReplyError as error:
                self._note_exception(tick, unit, reader, error.code)
                if error.code in GATEWAY_CODES:
                    self._refuse_rest(tick, turn, error.code)
                    break
            except UnitFailedError as error:
                self._note_failure(tick, unit, reader, error)
                break
            else:
                time, received_at = self._middle()
                tick.samples += reader.samples(data, time, received_at)
                tick.unit_replies = tick.endpoint_replies = True
                reader.replied()
        return tick

    async def _ask(self, unit: Unit, reader: BlockReader) -> bytes:
        try:
            return await self._ask_once(unit, reader)
        except ExceptionReplyError as error:
            if error.code != BUSY:
                raise
            self._report.count("busy")
            await self._clock.sleep(BUSY_PAUSE_S)
        except (ClosedLinkError, WrongReplyError) as error:
            # An idle connection is often closed, and what is left of another unit's reply is not this unit's fault: reading
            # does no harm twice, and the connection is a new one.
            self._count(error)
        return await self._ask_once(unit, reader)

    async def _ask_once(self, unit: Unit, reader: BlockReader) -> bytes:
        self._report.count("requests")
        block = reader.block
        await self._link.open()
        self._asked_s = self._clock.monotonic()
        return await self._link.read(unit.id, block.table, block.address, block.count, unit.timeout_s)

    def _note_exception(self, tick: Tick, unit: Unit, reader: BlockReader, code: int) -> None:
        self._report.count("exceptions")
        time, received_at = self._middle()
        tick.samples += reader.refused(code, time, received_at)
        tick.endpoint_replies = True
        tick.unit_replies |= code not in GATEWAY_CODES
        tick.problem = f"unit {unit.id} {reader.block} (wire addresses): {ExceptionReplyError(code)}{_advice(code, reader)}"
        reader.replied()

    def _refuse_rest(self, tick: Tick, rest: Iterator[BlockReader], code: int) -> None:
        """What the gateway says of one request holds for all of the unit."""
        time, received_at = self._middle()
        for reader in rest:
            tick.samples += reader.refused(code, time, received_at)

    def _note_failure(self, tick: Tick, unit: Unit, reader: BlockReader, error: UnitFailedError) -> None:
        self._count(error)
        place = f" to {reader.block} (wire addresses)" if tick.unit_replies else ""
        tick.problem = f"unit {unit.id}{place}: {error}"
        tick.failed_blocks.append(reader)

    def _count(self, error: UnitFailedError) -> None:
        self._report.count(_COUNTERS[type(error)])

    def _middle(self) -> tuple[datetime, datetime]:
        """Tells when a value just received was most likely so, the middle of its request, and when it was received."""
        received_at = self._clock.now()
        took_s = self._clock.monotonic() - self._asked_s
        return received_at - timedelta(seconds=took_s / 2), received_at


_COUNTERS = {SilentUnitError: "timeouts", ClosedLinkError: "links_closed", WrongReplyError: "wrong_replies"}


def _advice(code: int, reader: BlockReader) -> str:
    if code != ILLEGAL_ADDRESS:
        return ""
    used = sum(point.type.registers for point in reader.block.points)
    if used < reader.block.count:
        return "; perhaps it does not serve the unused addresses between the points: try max_register_gap: 0"
    return "; compare the addresses and `addressing` with its manual"
