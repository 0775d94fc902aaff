"""What a connector remembers of one unit: when it is due, which request comes first, and for how long it has been silent."""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.modbus.cadence import Cadence
from ems_telemetry.connectors.modbus.decode import BlockDecoder, Decoded, NoValue
from ems_telemetry.connectors.modbus.pdu import ReadRequest
from ems_telemetry.connectors.modbus.plan import Block, Poll, plan_blocks
from ems_telemetry.connectors.modbus.proof import Proof
from ems_telemetry.connectors.modbus.registers import RegisterPoint
from ems_telemetry.model import Flag, Quality, Sample
from ems_telemetry.retry import Backoff

RETRY_WITHIN_S = 10.0
"""A unit read more seldom than this need not wait for its next tick after a failure."""
PROBE_AFTER_S = 60.0
"""So long a refused place, and a proof that does not hold, are left alone."""


class BlockReader:
    """One request of a unit, and how its replies become samples."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.request = ReadRequest(block.table, block.address, block.count)
        self.failures = 0
        self.not_before_s = 0.0
        self.refused_with: int | None = None
        """The exception with which its one place was refused for good, until it is not."""
        self.keys = [point.key for point in block.points]
        self._decoder = BlockDecoder(block.address, block.points)

    def samples(self, data: bytes, time: datetime, received_at: datetime, doubtful: frozenset[str]) -> list[Sample]:
        """Gives a sample of each point from the data of a reply; those of `doubtful` points are marked."""
        values = self._decoder.decode(data)
        samples = [_sample(key, time, value, received_at) for key, value in zip(self.keys, values, strict=True)]
        return [_marked(sample) if sample.point in doubtful else sample for sample in samples] if doubtful else samples

    def refused(self, code: int, now: datetime) -> list[Sample]:
        """Gives a sample without value of each point, bearing the exception's code."""
        bad, why = int(Quality.BAD), int(Flag.BAD_STATUS)
        return [Sample(key, now, None, now, bad, code, why) for key in self.keys]

    def failed(self, now_s: float, backoff: Backoff) -> None:
        """Notes that it got no reply while its unit replies to others: it is left out for a while."""
        self.failures += 1
        self.not_before_s = now_s + backoff.delay_s(self.failures)

    def refuse(self, now_s: float, code: int) -> None:
        """Notes that its one place does not exist: it is asked for again from time to time."""
        self.refused_with = code
        self.not_before_s = now_s + PROBE_AFTER_S

    def replied(self) -> None:
        """Notes a reply, of whatever kind."""
        self.failures = 0
        self.not_before_s = 0.0
        self.refused_with = None


def _sample(key: str, time: datetime, value: Decoded, received_at: datetime) -> Sample:
    if isinstance(value, NoValue):
        return Sample(key, time, value.raw, received_at, int(Quality.BAD), 0, int(Flag.INVALID_VALUE))
    return Sample(key, time, value, received_at)


def _marked(sample: Sample) -> Sample:
    return sample._replace(quality=min(sample.quality, int(Quality.UNCERTAIN)), flags=sample.flags | Flag.UNPROVED)


class Unit:
    """One unit of the link, read at one cadence. Due times are monotonic seconds of the given clock."""

    def __init__(self, poll: Poll, cadence: Cadence, clock: Clock) -> None:
        self.id = poll.unit_id
        self.poll = poll
        self.due_s = 0.0
        self.silences = 0
        self.problem: str | None = None
        self.is_complete = poll.sunspec is None
        """False while the device has not yet told where its fields lie."""
        self._cadence = cadence
        self._clock = clock
        self._failures = 0
        self._unproved: dict[Proof, float] = dict.fromkeys(poll.proofs, 0.0)
        self._blocks = deque(BlockReader(block) for block in poll.blocks)

    @property
    def answered_lately(self) -> bool:
        """True if nothing went wrong the last time."""
        return self._failures == 0

    def begin(self) -> None:
        """Makes it due at once, with nothing held against it: a new session begins."""
        self.due_s = self._clock.monotonic()
        self.silences = 0
        self._failures = 0

    def complete(self, found: Sequence[RegisterPoint]) -> None:
        """Takes over the places of its fields, as the device told them."""
        self._blocks = deque(BlockReader(block) for block in plan_blocks([*self.poll.points, *found], self.poll.limits))
        self.is_complete = True

    def start_tick(self) -> int:
        """Takes the tick that is due and makes the next one due.

        Returns:
            How many ticks had passed without a chance to start, because the link was busy.
        """
        now_s = self._clock.monotonic()
        late_s = now_s - self.due_s
        self.due_s = now_s + self._cadence.until_next_s(self._clock.now().timestamp())
        return 0 if self._failures else self._cadence.missed(late_s)

    def turn(self) -> Iterator[BlockReader]:
        """Gives the requests of this tick, those that failed last time behind the others."""
        now_s = self._clock.monotonic()
        wanted = [block for block in self._blocks if block.refused_with is None or block.not_before_s <= now_s]
        due = [block for block in wanted if block.not_before_s <= now_s] or wanted[:1]
        return iter(sorted(due, key=lambda block: block.failures > 0))

    def split(self, reader: BlockReader) -> tuple[BlockReader, BlockReader] | None:
        """Puts two halves in the place of a request; None if it reads one place only."""
        halves = reader.block.halves()
        if halves is None:
            return None
        first, second = map(BlockReader, halves)
        place = self._blocks.index(reader)
        self._blocks[place] = second
        self._blocks.insert(place, first)
        return first, second

    def proofs_due(self) -> list[Proof]:
        """Gives what is to be proved now."""
        now_s = self._clock.monotonic()
        return [proof for proof, due_s in self._unproved.items() if due_s <= now_s]

    def judge(self, proof: Proof, *, holds: bool) -> None:
        """Notes how a proof went; one that does not hold is tried again later."""
        if holds:
            del self._unproved[proof]
        else:
            self._unproved[proof] = self._clock.monotonic() + PROBE_AFTER_S

    @property
    def doubtful(self) -> frozenset[str]:
        """The points whose meters are not proved."""
        return frozenset().union(*(proof.keys for proof in self._unproved))

    def replied(self) -> None:
        """Notes that it works."""
        self._failures = self.silences = 0

    def failed(self, backoff: Backoff, *, silent: bool) -> None:
        """Notes that it does not work and puts it off, the longer the more often it failed in a row.

        Args:
            backoff: how long.
            silent: nothing of it was heard, not even from a gateway before it.
        """
        self._failures += 1
        self.silences = self.silences + 1 if silent else 0
        # Perhaps only the first request is what it is silent to: begin with the next one next time.
        self._blocks.rotate(-1)
        delay_s = max(backoff.delay_s(self._failures), min(self._cadence.interval_s, RETRY_WITHIN_S))
        self.due_s = self._clock.monotonic() + delay_s
