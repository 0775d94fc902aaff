"""Which meter stands behind which, so that nothing is counted twice in one sum."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from ems_telemetry.config.expressions import parse_expression, references
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.storage.point_facts import PointFacts


def above(meter: str, parents: Mapping[str, str]) -> list[str]:
    """Gives the meters before a meter, the nearest one first; a ring ends where it closes."""
    found: list[str] = []
    parent = parents.get(meter)
    while parent is not None and parent not in found and parent != meter:
        found.append(parent)
        parent = parents.get(parent)
    return found


def refuse_doubles(points: Sequence[PointFacts], parents: Mapping[str, str], *, can_be_allowed: bool = True) -> None:
    """Refuses to add up points of which one counts what another one counts too.

    Args:
        points: what is to be added up.
        parents: by meter, the one behind which it stands.
        can_be_allowed: whether the plan item may say `allow_submeters`.

    Raises:
        CannotComputeError: names both, why, and the remedy.
    """
    for one, other in combinations(points, 2):
        for inner, outer in ((one, other), (other, one)):
            if (why := _inside(inner, outer, parents)) is not None:
                words = f"{inner.key} and {outer.key} would be counted twice: {inner.key} {why}"
                remedy = "take one of them out of the plan item"
                raise CannotComputeError(f"{words}; {remedy}{', or set `allow_submeters`' if can_be_allowed else ''}")


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
