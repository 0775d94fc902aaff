"""Topic filters: whether one is well formed, which topics it takes in, and which filters make others superfluous."""

from collections.abc import Iterable

_LONGEST_BYTES = 65_535


def check_filter(text: str) -> str:
    """Gives the filter back if a broker would take it.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    levels = text.split("/")
    if not text or "\0" in text or len(text.encode()) > _LONGEST_BYTES:
        raise ValueError(f'topic "{text}" must have between 1 and {_LONGEST_BYTES} bytes')
    if levels[0] == "$share":
        raise ValueError(f'topic "{text}" is a shared subscription, which is not supported; write the topic after its group')
    if any("+" in level and level != "+" for level in levels):
        raise ValueError(f'topic "{text}": "+" must stand alone between slashes, as plant/+/telemetry')
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        raise ValueError(f'topic "{text}": "#" must stand alone at the end, as plant/#')
    return text


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


def needed(filters: Iterable[str]) -> list[str]:
    """Leaves out what another filter covers, since a broker may send one message once for each filter it fits."""
    distinct = sorted(set(filters))
    return [each for each in distinct if not any(other != each and covers(other, each) for other in distinct)]
