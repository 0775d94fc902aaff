"""How often each caller may ask: a window that moves on with the time, counted in memory and by a clock that never steps.

What is remembered is bounded. Beyond it, whoever has not asked for the longest time is forgotten, which lets them ask anew.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

from limits import parse
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.clock import Clock

MOST_CALLERS: Final = 10_000
MOST_HITS: Final = 500_000
IPV6_NETWORK_BITS: Final = 64
"""What one customer or one machine is given at least (RFC 6177): addresses within it cost nothing."""


class Hits(Storage, MovingWindowSupport):
    """Times of requests by key, oldest first: what `limits` counts in, with bounds and with our clock."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock, *, most_callers: int = MOST_CALLERS, most_hits: int = MOST_HITS) -> None:
        super().__init__()
        self._clock = clock
        self._most_callers = most_callers
        self._most_hits = most_hits
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._held = 0

    def __len__(self) -> int:
        return self._held

    @property
    def base_exceptions(self) -> type[Exception]:
        """What its failures are: it has none of its own."""
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Counts a request unless there were `limit` in the last `expiry` seconds."""
        times = self._within(key, expiry)
        if len(times) + amount > limit:
            return False
        times.extend([self._clock.monotonic()] * amount)
        self._held += amount
        self._times[key] = times
        self._times.move_to_end(key)
        self._forget()
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - as the port has it
        """Gives the time of the oldest request that still counts, and how many count."""
        times = self._within(key, expiry)
        return (times[0] if times else self._clock.monotonic()), len(times)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts without a limit."""
        self.acquire_entry(key, self._most_hits, expiry, amount)
        return self.get(key)

    def get(self, key: str) -> int:
        """Tells how many are remembered of a key."""
        return len(self._times.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """Gives the time of the newest request of a key."""
        times = self._times.get(key)
        return times[-1] if times else self._clock.monotonic()

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int | None:
        """Forgets everybody; tells how many that were."""
        forgotten, self._held = len(self._times), 0
        self._times.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forgets one."""
        self._held -= len(self._times.pop(key, ()))

    def _within(self, key: str, expiry_s: int) -> deque[float]:
        times = self._times.get(key, deque())
        since_s = self._clock.monotonic() - expiry_s
        while times and times[0] <= since_s:
            times.popleft()
            self._held -= 1
        return times

    def _forget(self) -> None:
        while len(self._times) > 1 and (len(self._times) > self._most_callers or self._held > self._most_hits):
            _, times = self._times.popitem(last=False)
            self._held -= len(times)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a caller: how many requests of how many, and after how many seconds the first of them comes back."""

    limit: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> Mapping[str, str]:
        """It as headers of an answer."""
        named = {"Limit": self.limit, "Remaining": self.remaining, "Reset": self.reset_s}
        return {f"RateLimit-{name}": str(value) for name, value in named.items()}


class Limit:
    """One limit for many callers, each counted alone. `rate` None: there is none."""

    def __init__(self, rate: str | None, clock: Clock) -> None:
        self._item = None if rate is None else parse(rate)
        self._clock = clock
        self._limiter = MovingWindowRateLimiter(Hits(clock))

    def take(self, who: str, words: str) -> Allowance | None:
        """Counts a request of somebody; gives what is left then, None without a limit.

        Raises:
            ApiError: 429, `words` and when to ask again.
        """
        if self._item is None:
            return None
        if not self._limiter.hit(self._item, who):
            raise self._exhausted(who, words)
        return self._left(who)

    def check(self, who: str, words: str) -> None:
        """Counts nothing, but refuses who has nothing left.

        Raises:
            ApiError: 429, as `take`.
        """
        if self._item is not None and not self._limiter.test(self._item, who):
            raise self._exhausted(who, words)

    def _left(self, who: str) -> Allowance | None:
        if self._item is None:
            return None
        reset_s, remaining = self._limiter.get_window_stats(self._item, who)
        return Allowance(self._item.amount, remaining, max(1, ceil(reset_s - self._clock.monotonic())))

    def _exhausted(self, who: str, words: str) -> ApiError:
        left = self._left(who)
        if left is None:
            raise AssertionError("a limit that is none was exhausted")
        detail = f"{words}; try again in {left.reset_s} s"
        return ApiError(ProblemType.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(left.reset_s), **left.headers})


def neighbourhood(host: str | None) -> str:
    """Gives the address a request is counted by, of IPv6 the network: whoever has one address of it has all."""
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> IPV6_NETWORK_BITS << IPV6_NETWORK_BITS))
