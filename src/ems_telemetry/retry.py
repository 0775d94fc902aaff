"""Back-off as a value: how long to wait after the n-th failure, with jitter and a cap.

The jitter keeps a hundred meters behind one switch from coming back in step.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `initial_s` to `cap_s`; each delay is drawn between half of the bound and the bound."""

    initial_s: float = 1.0
    cap_s: float = 60.0
    draw: Callable[[], float] = random.random

    def delay_s(self, failures: int) -> float:
        """Tells how long to wait after that many failures in a row.

        Args:
            failures: how often it failed since the last success, from 1.

        Returns:
            Seconds, more than 0 and at most `cap_s`.
        """
        bound_s = min(self.cap_s, self.initial_s * 2.0 ** min(max(failures, 1) - 1, 32))
        return bound_s * (0.5 + 0.5 * self.draw())
