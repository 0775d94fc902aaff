"""Which meter stands behind which, so that nothing is counted twice in one sum."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from ems_telemetry.config.expressions import parse_expression, references
from ems_telemetry.storage.point_facts import PointFacts


def above(meter: str, parents: Mapping[str, str]) -> list[str]:
    """Gives the meters before a meter, the nearest one first; a ring ends where it closes."""
    found: list[str] = []
    parent = parents.get(meter)
    while parent is not None and parent not in found and parent != meter:
        found.append(parent)
        parent = parents.get(parent)
    return found


def counted_twice(points: Sequence[PointFacts], parents: Mapping[str, str]) -> tuple[PointFacts, PointFacts, str] | None:
    """Finds two points of which one counts what the other counts too.

    Args:
        points: what is to be added up.
        parents: by meter, the one behind which it stands.

    Returns:
        Both and why, as the rest of a sentence; None where nothing is counted twice.
    """
    for one, other in combinations(points, 2):
        for inner, outer in ((one, other), (other, one)):
            if (why := _inside(inner, outer, parents)) is not None:
                return inner, outer, why
    return None


def whole_points(points: Iterable[PointFacts]) -> list[PointFacts]:
    """Leaves out points that are a part of another one of their meter, as `energy_import_l1` beside `energy_import`."""
    known = list(points)
    return [point for point in known if not any(is_part(point, other) for other in known)]


def is_part(point: PointFacts, whole: PointFacts) -> bool:
    """Tells by the name whether a point is a part of another one of its meter."""
    return point.meter == whole.meter and point.key.startswith(f"{whole.key}_")


def _inside(inner: PointFacts, outer: PointFacts, parents: Mapping[str, str]) -> str | None:
    if inner.key == outer.key:
        return "is named twice"
    if outer.meter in above(inner.meter, parents):
        return f"stands behind {outer.meter}, which counts it too"
    if is_part(inner, outer):
        return f"is a part of {outer.key}"
    if outer.expression is not None and inner.key in {each.key for each in references(parse_expression(outer.expression))}:
        return f"is in the expression of {outer.key}"
    return None
