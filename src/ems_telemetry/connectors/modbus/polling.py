"""Reads one unit for one tick: its requests one after another, each reply turned into samples, each failure judged.

A unit that is silent costs the link one timeout per tick, never one per request. A request that a device refuses because of an
address in it is halved until the place at fault is alone; that one is named, and left alone for a while.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.modbus.asking import Asker
from ems_telemetry.connectors.modbus.errors import (
    GATEWAY_CODES,
    REFUSES_PLACE,
    ClosedLinkError,
    ExceptionReplyError,
    SilentUnitError,
    UnitFailedError,
    WrongReplyError,
)
from ems_telemetry.connectors.modbus.line import Reply
from ems_telemetry.connectors.modbus.proving import Prover
from ems_telemetry.connectors.modbus.sunspec import NoSunSpecError, find_fields
from ems_telemetry.connectors.modbus.unit import BlockReader, Unit
from ems_telemetry.connectors.open_gaps import OpenGaps
from ems_telemetry.model import Sample

REGISTER_REFUSED = "register_refused"
"""The cause of the gap of a point whose place the device does not have."""
MOST_SPLITS_PER_TICK = 16
"""So many more requests one tick may make while it looks for a place at fault."""


@dataclass(slots=True)
class Tick:
    """What one tick of a unit brought. `problem` is the last thing wrong, in words for people."""

    samples: list[Sample] = field(default_factory=list)
    unit_replies: bool = False
    endpoint_replies: bool = False
    asked: bool = False
    problem: str | None = None
    failed_blocks: list[BlockReader] = field(default_factory=list)


class Poller:
    """Reads units over one line."""

    def __init__(self, asker: Asker, surroundings: Surroundings) -> None:
        self._asker = asker
        self._report = surroundings.report
        self._clock = surroundings.clock
        self._prover = Prover(asker)
        self.gaps = OpenGaps(surroundings.report.status.name, surroundings.clock)

    async def read(self, unit: Unit) -> Tick:
        """Reads what is due of a unit.

        Raises:
            ConnectionLostError: the endpoint is out of reach.
        """
        tick = Tick()
        try:
            await self._prepare(unit)
        except ExceptionReplyError as error:
            tick.asked, tick.endpoint_replies = True, True
            tick.unit_replies = error.code not in GATEWAY_CODES
            tick.problem = f"unit {unit.id}: {error}"
            return tick
        except NoSunSpecError as error:
            tick.asked = tick.endpoint_replies = True
            tick.problem = f"unit {unit.id} {error}"
            return tick
        except UnitFailedError as error:
            self._note_failure(tick, unit, None, error)
            return tick
        await self._read_blocks(tick, unit)
        return tick

    async def _prepare(self, unit: Unit) -> None:
        """Learns what must be known of a unit before its values mean anything."""
        if not unit.is_complete:
            unit.complete(await find_fields(self._asker, unit.poll))
        for proof in unit.proofs_due():
            problem = await self._prover.prove(unit.poll, proof)
            unit.judge(proof, holds=problem is None)
            if problem is not None:
                self._report.note(problem)

    async def _read_blocks(self, tick: Tick, unit: Unit) -> None:
        waiting, doubtful, splits = deque(unit.turn()), unit.doubtful, 0
        while waiting:
            reader = waiting.popleft()
            tick.asked = True
            try:
                reply = await self._asker.read(unit.poll, reader.request, retries=_retries(unit, tick))
            except ExceptionReplyError as error:
                if error.code in REFUSES_PLACE and splits < MOST_SPLITS_PER_TICK and (halves := unit.split(reader)):
                    splits += 1
                    waiting.extendleft(reversed(halves))
                    continue
                self._note_exception(tick, unit, reader, error.code)
                if error.code in GATEWAY_CODES:
                    self._refuse_rest(tick, waiting, error.code)
                    break
            except UnitFailedError as error:
                self._note_failure(tick, unit, reader, error)
                break
            else:
                tick.samples += self._samples(reader, reply, doubtful)
                tick.unit_replies = tick.endpoint_replies = True
                self._note_reply(reader)

    def _samples(self, reader: BlockReader, reply: Reply, doubtful: frozenset[str]) -> list[Sample]:
        """Gives what a reply brought, as of the middle of its request: then a value was most likely so."""
        ago_s = self._clock.monotonic() - reply.received_s
        received_at = self._clock.now() - timedelta(seconds=ago_s)
        time = received_at - timedelta(seconds=(reply.received_s - reply.sent_s) / 2)
        return reader.samples(reply.data, time, received_at, doubtful)

    def _note_reply(self, reader: BlockReader) -> None:
        if reader.refused_with is not None:
            for key in reader.keys:
                self.gaps.close(key)
        reader.replied()

    def _note_exception(self, tick: Tick, unit: Unit, reader: BlockReader, code: int) -> None:
        self._report.count("exceptions")
        tick.endpoint_replies = True
        tick.unit_replies |= code not in GATEWAY_CODES
        place = f"unit {unit.id} {reader.block} (wire addresses)"
        if code in REFUSES_PLACE and reader.block.halves() is None:
            self._refuse(tick, reader, code)
            names = ", ".join(reader.keys)
            tick.problem = f"{place}: {ExceptionReplyError(code)}; compare {names} and `addressing` with its manual"
            return
        tick.samples += reader.refused(code, self._clock.now())
        tick.problem = f"{place}: {ExceptionReplyError(code)}"
        reader.replied()

    def _refuse(self, tick: Tick, reader: BlockReader, code: int) -> None:
        """A place that the device does not have gives one sample that says so, and then a gap."""
        if reader.refused_with is None:
            tick.samples += reader.refused(code, self._clock.now())
        reader.refuse(self._clock.monotonic(), code)
        for key in reader.keys:
            self.gaps.grow(key, REGISTER_REFUSED)

    def _refuse_rest(self, tick: Tick, rest: deque[BlockReader], code: int) -> None:
        """What the gateway says of one request holds for all of the unit."""
        now = self._clock.now()
        for reader in rest:
            tick.samples += reader.refused(code, now)

    def _note_failure(self, tick: Tick, unit: Unit, reader: BlockReader | None, error: UnitFailedError) -> None:
        tick.asked = True
        self._report.count(_COUNTERS[type(error)])
        place = f" to {reader.block} (wire addresses)" if reader is not None and tick.unit_replies else ""
        tick.problem = f"unit {unit.id}{place}: {error}"
        if reader is not None:
            tick.failed_blocks.append(reader)


def _retries(unit: Unit, tick: Tick) -> int:
    """A unit that answered the last time is worth a second question; one that is silent for long costs the others time."""
    return unit.poll.retries if unit.answered_lately or tick.unit_replies else 0


_COUNTERS = {SilentUnitError: "timeouts", ClosedLinkError: "links_closed", WrongReplyError: "wrong_replies"}
