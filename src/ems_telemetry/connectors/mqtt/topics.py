"""Topic filters: whether one is well formed, which topics it takes in, and which filters make others superfluous."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

_LONGEST_BYTES = 65_535
_SHARED = "$share"


class Place(NamedTuple):
    """Where a meter's messages are found."""

    topic: str
    """The subscription that brings them; meters of one entry share it."""
    shown: str
    """The meter's own topic, as people know it."""
    name: str | None = None
    """What stands for the meter in topics of a shared subscription; None where all its messages are the meter's own."""
    level: int = 0
    """Where that stands."""


def check_filter(text: str) -> str:
    """Gives the filter back if a broker would take it; `$share/group/` may stand before it.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    if not text or "\0" in text or len(text.encode()) > _LONGEST_BYTES:
        raise ValueError(f'topic "{text}" must have between 1 and {_LONGEST_BYTES} bytes')
    levels = text.split("/")
    if levels[0] == _SHARED:
        group = levels[1] if len(levels) > 1 else ""
        if not group or set(group) & {"+", "#"} or not "/".join(levels[2:]):
            raise ValueError(f'topic "{text}": a shared subscription is written $share/GROUP/TOPIC, GROUP without "+" and "#"')
        levels = levels[2:]
    if any("+" in level and level != "+" for level in levels):
        raise ValueError(f'topic "{text}": "+" must stand alone between slashes, as plant/+/telemetry')
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        raise ValueError(f'topic "{text}": "#" must stand alone at the end, as plant/#')
    return text


def check_name(text: str) -> str:
    """Gives the name of one topic back if it can be published to.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    if set(check_filter(text)) & {"+", "#"} or text.startswith("$"):
        raise ValueError(f'topic "{text}" must be the name of one topic: without "+", "#", and "$" at its beginning')
    return text


def unshared(filter_: str) -> str:
    """Gives the filter that topics are compared with: that of a shared subscription stands behind its group."""
    return filter_.split("/", 2)[2] if filter_.startswith(f"{_SHARED}/") else filter_


def covers(filter_: str, other: str) -> bool:
    """Tells whether every topic that `other` takes in is taken in by `filter_` too; `other` may be a plain topic."""
    ours, theirs = filter_.split("/"), other.split("/")
    if theirs[0].startswith("$") and ours[0] in {"+", "#"}:
        return False  # the broker's own topics are out of a wildcard's reach
    for position, level in enumerate(ours):
        if level == "#":
            return True
        if position >= len(theirs) or theirs[position] == "#":
            return False
        if level not in {"+", theirs[position]}:
            return False
    return len(ours) == len(theirs)


def overlap(one: str, other: str) -> bool:
    """Tells whether a topic can fit both filters."""
    ours, theirs = one.split("/"), other.split("/")
    if any(a[0].startswith("$") and b[0] in {"+", "#"} for a, b in ((ours, theirs), (theirs, ours))):
        return False
    for mine, yours in zip(ours, theirs, strict=False):
        if "#" in {mine, yours}:
            return True
        if mine != yours and "+" not in {mine, yours}:
            return False
    longer = ours if len(ours) > len(theirs) else theirs
    return len(ours) == len(theirs) or longer[min(len(ours), len(theirs)) :] == ["#"]


def needed(filters: Iterable[str]) -> list[str]:
    """Leaves out what another filter covers, since a broker may send one message once for each filter it fits.

    A shared subscription covers none, and none covers it: its messages may go to others of its group.
    """
    distinct = sorted(set(filters))
    whole = [each for each in distinct if unshared(each) == each]
    covered = {each for each in whole if any(other != each and covers(other, each) for other in whole)}
    return [each for each in distinct if each not in covered]


def twice_sent(filters: Sequence[str]) -> tuple[str, str] | None:
    """Finds a shared subscription and another one whose messages would come once for each, as nothing can leave one out."""
    for one, other in combinations(sorted(set(filters)), 2):
        if (unshared(one) != one or unshared(other) != other) and overlap(unshared(one), unshared(other)):
            return one, other
    return None
