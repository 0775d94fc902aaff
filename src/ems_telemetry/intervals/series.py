"""The readings of one point as columns: what intervals are computed from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Int64s: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

NEIGHBOURS: Final = 40
"""So many usable readings before the first edge, and after the last, make the result independent of where a series is cut.

One on either side is enough where nothing unusual happens. Readings left out as spikes and dips need the others, at most 16 in
a row, to be told from a register that really moved.
"""


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one point, ordered by time, times unique.

    `times_us` are microseconds since the epoch, UTC. `values` are in the point's canonical unit, NaN where null.
    `qualities` are 192, 64 or 0, `flags` those of `model.Flag`. `exact` holds, by index, values that a double cannot.
    """

    times_us: Int64s
    values: Floats
    qualities: NDArray[np.int16]
    flags: NDArray[np.int32]
    exact: Mapping[int, Decimal]

    def __len__(self) -> int:
        """Counts the readings, null ones too."""
        return len(self.times_us)

    def usable(self) -> Bools:
        """Tells which readings have a value that is not bad."""
        return np.asarray((self.qualities > 0) & np.isfinite(self.values), dtype=np.bool_)

    def decimal(self, index: int) -> Decimal:
        """Gives a reading's value exactly; that of a double is the shortest decimal which names it."""
        exact = self.exact.get(index)
        return exact if exact is not None else Decimal(repr(float(self.values[index])))


def series_of(readings: Iterable[tuple[int, float | Decimal | None, int, int]]) -> Series:
    """Makes a series of (time in µs, value, quality, flags) in any order; of several with one time the first is kept.

    A `Decimal` is kept as it is where the nearest double is another number.
    """
    first: dict[int, tuple[float | Decimal | None, int, int]] = {}
    for time_us, value, quality, flags in readings:
        first.setdefault(time_us, (value, quality, flags))
    rows = sorted(first.items())
    exact = {
        index: value
        for index, (_, (value, _, _)) in enumerate(rows)
        if isinstance(value, Decimal) and Decimal(repr(float(value))) != value
    }
    return Series(
        np.array([time_us for time_us, _ in rows], dtype=np.int64),
        np.array([float("nan") if value is None else float(value) for _, (value, _, _) in rows], dtype=np.float64),
        np.array([quality for _, (_, quality, _) in rows], dtype=np.int16),
        np.array([flags for _, (_, _, flags) in rows], dtype=np.int32),
        exact,
    )
