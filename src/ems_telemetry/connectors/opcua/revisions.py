"""What a server granted in the place of what was asked, in one sentence per kind. Pure functions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from asyncua import ua

from ems_telemetry.connectors.opcua.plan import ON_CHANGE_MS, WantedItem

MOST_POINTS_NAMED = 3
CLOSE_ENOUGH = 0.01
"""Intervals that differ by less than this share are the same: servers count in steps of their own."""


def revised_items(items: Sequence[WantedItem], granted: Mapping[int, ua.MonitoredItemCreateResult]) -> Iterator[str]:
    """Tells which items are sampled, or queued, otherwise than asked.

    Args:
        items: the wanted items.
        granted: the server's answers, by handle.
    """
    sampled: dict[tuple[float, float], list[str]] = defaultdict(list)
    queued: dict[tuple[int, int], list[str]] = defaultdict(list)
    for handle, result in granted.items():
        item = items[handle]
        if _differ(item.sampling_interval_ms, result.RevisedSamplingInterval):
            sampled[item.sampling_interval_ms, result.RevisedSamplingInterval].append(item.point)
        if item.queue_size != result.RevisedQueueSize:
            queued[item.queue_size, result.RevisedQueueSize].append(item.point)
    for (asked, given), points in sampled.items():
        wished = "as they change" if asked == ON_CHANGE_MS else f"at {asked:g} ms"
        actual = "as they change" if given == ON_CHANGE_MS else f"at {given:g} ms"
        yield f"the server samples {_named(points)} {actual} instead of {wished}"
    for (most, kept), points in queued.items():
        yield f"the server keeps {kept} instead of {most} changes of {_named(points)}"


def revised_publishing(granted: Mapping[float, float]) -> Iterator[str]:
    """Tells which subscriptions publish otherwise than asked; both intervals in seconds, the asked one first."""
    for asked_s, given_s in granted.items():
        if _differ(asked_s, given_s):
            yield f"the server publishes every {given_s * 1000:g} ms instead of {asked_s * 1000:g} ms"


def _differ(asked: float, given: float) -> bool:
    return abs(asked - given) > CLOSE_ENOUGH * max(asked, given)


def _named(points: Sequence[str]) -> str:
    named = ", ".join(points[:MOST_POINTS_NAMED])
    more = len(points) - MOST_POINTS_NAMED
    count = "1 item" if len(points) == 1 else f"{len(points)} items"
    return f"{count} ({named} and {more} more)" if more > 0 else f"{count} ({named})"
