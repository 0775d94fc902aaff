"""What is added up, so that nothing is counted twice, and how parts of which some are missing make a total. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, NamedTuple

from ems_telemetry.intervals.counter import EXACTLY
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.storage.interval_series import Bucket, SeriesPoint

GOOD: Final = 192
UNCERTAIN: Final = 64
_LACKING: Final = int(IntervalFlag.MISSING)


class Share(NamedTuple):
    """What one point has to tell of a stretch of time, in seconds of it."""

    exact: Decimal | None
    """What is known of the sum; None if nothing is."""
    lacks: bool
    """That something is missing."""
    length_s: float
    covered_s: float
    estimated_s: float
    flags: int
    quality: int
    """The worst of what is known; 192 where nothing is."""


@dataclass(frozen=True, slots=True)
class Total:
    """What several points come to in a period. `coverage`, `estimated`: shares of the time of all of them, 0 to 1."""

    exact: Decimal | None
    coverage: float
    estimated: float
    quality: int
    flags: int
    points: int
    points_missing: int


def choose_counted(
    points: Sequence[SeriesPoint], parents: Mapping[str, str], *, include_submeters: bool, include_virtual: bool
) -> list[SeriesPoint]:
    """Leaves out what would be counted twice in one sum.

    That is: what is computed from other points; a point that is a part of another one of its meter (`energy_import_l1` beside
    `energy_import`); and meters that stand, directly or not, behind another one that counts the same quantity.

    Args:
        points: those of one group, of one quantity.
        parents: by meter, the one behind which it stands.
        include_submeters: also count meters behind others.
        include_virtual: also count what is computed from other points.
    """
    keys = {point.key for point in points}
    counted = [point for point in points if (include_virtual or not point.is_virtual) and not _is_part(point.key, keys)]
    if include_submeters:
        return counted
    meters = {point.meter for point in counted}
    return [point for point in counted if not meters.intersection(_ancestors(point.meter, parents))]


def share_of(found: Bucket | None, children: int, length_s: float) -> Share:
    """Tells what the intervals of a point that were found come to.

    Args:
        found: None if there are none.
        children: how many intervals there should be, all of one length.
        length_s: of the whole.
    """
    if found is None:
        return Share(None, children > 0, length_s, 0.0, 0.0, 0, GOOD)
    each_s = length_s / max(children, found.rows)
    return Share(
        found.exact,
        found.known < children,
        length_s,
        found.coverage * each_s,
        (found.estimated - found.estimated_coverage) * each_s,
        found.flags & ~_LACKING,
        found.quality,
    )


def joined(shares: Sequence[Share]) -> Share:
    """Brings the shares of one point in adjacent stretches together."""
    if len(shares) == 1:
        return shares[0]
    return Share(
        add(share.exact for share in shares),
        any(share.lacks for share in shares),
        sum(share.length_s for share in shares),
        sum(share.covered_s for share in shares),
        sum(share.estimated_s for share in shares),
        _both(share.flags for share in shares),
        min((share.quality for share in shares), default=GOOD),
    )


def total_of(shares: Collection[Share], *, partial: bool) -> Total:
    """Adds up the shares of several points; null if anything is missing, unless `partial`. No points come to nothing known."""
    missing = sum(share.lacks for share in shares)
    exact = add(share.exact for share in shares) if partial or not missing else None
    length_s = sum(share.length_s for share in shares)
    flags = _both(share.flags for share in shares)
    quality = 0 if exact is None else min(share.quality for share in shares)
    if exact is None:
        flags |= IntervalFlag.MISSING
    elif missing:
        flags |= IntervalFlag.INCOMPLETE
        quality = min(quality, UNCERTAIN)
    return Total(
        exact,
        sum(share.covered_s for share in shares) / length_s if length_s else 0.0,
        sum(share.estimated_s for share in shares) / length_s if length_s else 0.0,
        quality,
        int(flags),
        len(shares),
        missing,
    )


def add(numbers: Iterable[Decimal | None]) -> Decimal | None:
    """Adds up what is known, exactly; None if nothing is."""
    known = [number for number in numbers if number is not None]
    with localcontext(EXACTLY):
        return sum(known, Decimal()) if known else None


def _is_part(key: str, keys: Collection[str]) -> bool:
    words = key.split("_")
    return any("_".join(words[:count]) in keys for count in range(1, len(words)))


def _ancestors(meter: str, parents: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    above = parents.get(meter)
    while above is not None and above not in found and above != meter:
        found.append(above)
        above = parents.get(above)
    return found


def _both(masks: Iterable[int]) -> int:
    flags = 0
    for mask in masks:
        flags |= mask
    return flags
