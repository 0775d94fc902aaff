"""What a connector remembers of one unit: when it is due, which request comes first, and for how long it has been silent."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.modbus.cadence import Cadence
from ems_telemetry.connectors.modbus.decode import BlockDecoder
from ems_telemetry.connectors.modbus.plan import Block, Poll
from ems_telemetry.model import Flag, Quality, Sample
from ems_telemetry.retry import Backoff

RETRY_WITHIN_S = 10.0
"""A unit read more seldom than this need not wait for its next tick after a failure."""


class BlockReader:
    """One request of a unit, and how its replies become samples."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.failures = 0
        self.not_before_s = 0.0
        self._keys = [point.key for point in block.points]
        self._decoder = BlockDecoder(block.address, block.points)

    def samples(self, data: bytes, time: datetime, received_at: datetime) -> list[Sample]:
        """Gives a sample of each point from the data of a reply."""
        values = self._decoder.decode(data)
        return [Sample(key, time, value, received_at) for key, value in zip(self._keys, values, strict=True)]

    def refused(self, code: int, time: datetime, received_at: datetime) -> list[Sample]:
        """Gives a sample without value of each point, bearing the exception's code."""
        bad, why = int(Quality.BAD), int(Flag.BAD_STATUS)
        return [Sample(key, time, None, received_at, bad, code, why) for key in self._keys]

    def failed(self, now_s: float, backoff: Backoff) -> None:
        """Notes that it got no reply while its unit replies to others: it is left out for a while."""
        self.failures += 1
        self.not_before_s = now_s + backoff.delay_s(self.failures)

    def replied(self) -> None:
        """Notes a reply, of whatever kind."""
        self.failures = 0
        self.not_before_s = 0.0


class Unit:
    """One unit of the link, read at one cadence. Due times are monotonic seconds of the given clock."""

    def __init__(self, poll: Poll, cadence: Cadence, clock: Clock) -> None:
        self.id = poll.unit_id
        self.timeout_s = poll.timeout_s
        self.due_s = 0.0
        self.silences = 0
        self.problem: str | None = None
        self._cadence = cadence
        self._clock = clock
        self._failures = 0
        self._blocks = deque(BlockReader(block) for block in poll.blocks)

    def begin(self) -> None:
        """Makes it due at once, with nothing held against it: a new session begins."""
        self.due_s = self._clock.monotonic()
        self.silences = 0
        self._failures = 0

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
        due = [block for block in self._blocks if block.not_before_s <= now_s] or [self._blocks[0]]
        return iter(sorted(due, key=lambda block: block.failures > 0))

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
