"""What an interval says: its value, how much of it was measured, how far it can be trusted, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntFlag
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ems_telemetry.intervals.series import Floats, Int64s


class IntervalFlag(IntFlag):
    """Why an interval is as it is. The bits are stored and public: none is ever given another meaning."""

    MISSING = 1 << 0
    """Nothing usable is known of it; the value is null."""
    ESTIMATED = 1 << 1
    """A gap lies over the interval or a part of it; a counter's increment over the gap was spread evenly."""
    INCOMPLETE = 1 << 2
    """A part of the interval is not in the value: no reading lies beyond one of its edges, or values are missing."""
    ROLLOVER = 1 << 3
    """The register began again from zero after its highest value."""
    RESET = 1 << 4
    """The register was set back."""
    LOWER_BOUND = 1 << 5
    """At least the value was measured; what happened between the last reading and the change of the register is unknown."""
    REPLACEMENT = 1 << 6
    """The meter was replaced, as declared."""
    RATIO_CHANGE = 1 << 7
    """The ratio of the meter changed, as declared."""
    SPIKE = 1 << 8
    """Readings were left out because the register cannot have risen so fast, or came back at once."""
    DIP = 1 << 9
    """Readings were left out because the register fell and came back at once."""
    UNCERTAIN = 1 << 10
    """A reading that went into the value was uncertain."""
    UNKNOWN_MODULUS = 1 << 11
    """A rollover was declared, and nothing says where the register starts again."""
    MANUAL = 1 << 12
    """All readings that went into the value were read by a person, or imported."""
    UNEXPLAINED = 1 << 13
    """The register jumped in a way that nothing explains; the value is null until a person declares what happened."""


class Interval(NamedTuple):
    """One interval of one point. `value` is null exactly where it is not known; it is never zero for what is missing.

    `value` is the nearest double of `exact`, which increments of counters and sums have and means have not. `min` and `max`
    are those of the usable readings within (of a counter: of its register), `samples` their number, `expected` how many were
    due of them by now (None where nothing says so). `coverage` is the share of the interval's time that was measured, 0 to 1;
    estimated time is not covered. `quality` is 192, 64 or 0, `flags` are bits of `IntervalFlag`.
    """

    start_us: int
    value: float | None
    exact: Decimal | None
    min: float | None
    max: float | None
    samples: int
    expected: int | None
    coverage: float
    quality: int
    flags: int


@dataclass(frozen=True, slots=True, eq=False)
class Intervals(Sequence[Interval]):
    """Adjacent intervals as columns of one length; a sequence of `Interval`. NaN stands for null."""

    starts_us: Int64s
    values: Floats
    exact: Sequence[Decimal | None]
    mins: Floats
    maxs: Floats
    samples: Int64s
    expected: Int64s | None
    coverage: Floats
    qualities: NDArray[np.int16]
    flags: NDArray[np.int32]

    def __len__(self) -> int:
        """Counts the intervals."""
        return len(self.starts_us)

    @overload
    def __getitem__(self, index: int) -> Interval: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Interval]: ...
    def __getitem__(self, index: int | slice) -> Interval | Sequence[Interval]:
        """Gives one interval, or some."""
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        return Interval(
            int(self.starts_us[index]),
            _known(float(self.values[index])),
            self.exact[index],
            _known(float(self.mins[index])),
            _known(float(self.maxs[index])),
            int(self.samples[index]),
            None if self.expected is None else int(self.expected[index]),
            float(self.coverage[index]),
            int(self.qualities[index]),
            int(self.flags[index]),
        )

    def __iter__(self) -> Iterator[Interval]:
        """Gives the intervals in order of time."""
        return map(
            Interval,
            self.starts_us.tolist(),
            map(_known, self.values.tolist()),
            self.exact,
            map(_known, self.mins.tolist()),
            map(_known, self.maxs.tolist()),
            self.samples.tolist(),
            [None] * len(self) if self.expected is None else self.expected.tolist(),
            self.coverage.tolist(),
            self.qualities.tolist(),
            self.flags.tolist(),
        )


def _known(number: float) -> float | None:
    return number if number == number else None  # noqa: PLR0124  NaN is not equal to itself; quicker than a call
