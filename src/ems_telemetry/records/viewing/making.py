"""Makes a view of records, and adds up what several items of the plan tell of one group.

What two of them count both is added up once where one of them holds all of it, and otherwise not at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from ems_telemetry.records.inputs.metering import above
from ems_telemetry.records.kinds import RecordStatus
from ems_telemetry.records.viewing.figures import (
    OWN_FLAGS,
    Key,
    ViewFigure,
    common,
    completed,
    figures_of_item,
    summed,
    without_amounts,
)
from ems_telemetry.records.viewing.stretches import Bucket, Stretch, in_line, stretch_of
from ems_telemetry.records.viewing.told import POINT_SOURCE
from ems_telemetry.records.viewing.views import PLAN, Kind, View
from ems_telemetry.storage.record_views import ViewRow

COUNTED_TWICE: Final = "counted_twice"


class Asked(NamedTuple):
    """How a view is asked for. `groups` empty: each plan item by itself; `parents`: by meter, the one it stands behind."""

    bucket: Bucket | None = None
    groups: tuple[str, ...] = ()
    partial: bool = False
    parents: Mapping[str, str] = {}


def view_of(view: View, rows: Iterable[ViewRow], asked: Asked) -> list[ViewFigure]:
    """Makes the figures of a view, in order of time."""
    lines: dict[tuple[Stretch, str, str, str], tuple[Kind, list[ViewRow]]] = {}
    for row in rows:
        kind, stretch = view.kind_of(row), stretch_of(row, asked.bucket)
        if kind is not None and stretch is not None:
            lines.setdefault((stretch, row.site, kind.name, row.plan), (kind, []))[1].append(row)
    figures = [
        figure
        for (stretch, *_), (kind, line) in lines.items()
        for figure in figures_of_item(kind, stretch, in_line(line), asked.groups, partial=asked.partial)
    ]
    if asked.groups and PLAN not in asked.groups:
        figures = _over_items(figures, asked)
    return sorted(figures, key=lambda figure: (figure.stretch.start, figure.word))


def _over_items(figures: Iterable[ViewFigure], asked: Asked) -> list[ViewFigure]:
    together: dict[tuple[Stretch, str, str, Key], list[ViewFigure]] = {}
    for figure in figures:
        together.setdefault((figure.stretch, figure.site, figure.kind.name, figure.key), []).append(figure)
    return [_added(_without_the_same(each), asked) for each in together.values()]


def _added(figures: Sequence[ViewFigure], asked: Asked) -> ViewFigure:
    first = figures[0]
    if len(figures) == 1:
        return first
    whole = summed(first.kind, [figure.told for figure in figures], across=True, partial=asked.partial)
    lacks, reason = any(figure.lacks for figure in figures), next((each.reason for each in figures if each.reason), None)
    flags = {flag for figure in figures for flag in figure.flags} - OWN_FLAGS
    twice = _counted_twice(figures, asked.parents)
    if twice is not None:
        whole, reason = without_amounts(first.kind, whole), f"{twice} is counted twice; keep apart by plan, or ask for one"
        flags.add(COUNTED_TWICE)
    told, flags = completed(whole, flags, lacks=lacks or twice is not None, partial=asked.partial, alone=twice is not None)
    return replace(
        first,
        scope=common(figure.scope for figure in figures),
        plans=tuple(plan for figure in figures for plan in figure.plans),
        status=common(figure.status for figure in figures) or RecordStatus.AMENDED,
        records=tuple(record for figure in figures for record in figure.records),
        told=told,
        flags=tuple(sorted(flags)),
        reason=None if told.value is not None else reason,
        lacks=lacks,
    )


def _without_the_same(figures: Sequence[ViewFigure]) -> list[ViewFigure]:
    """Leaves out what another item holds too: the months beside their year, a hall beside the site that has it in it.

    Of items that hold the same, what lacks nothing counts, and what is of longer periods.
    """
    kept: list[ViewFigure] = []
    for figure in sorted(figures, key=lambda each: (-len(each.told.sources), each.lacks, len(each.records), each.plans)):
        sources = figure.told.sources
        if not sources or not any(sources <= other.told.sources for other in kept):
            kept.append(figure)
    return sorted(kept, key=lambda each: each.plans)


def _counted_twice(figures: Sequence[ViewFigure], parents: Mapping[str, str]) -> str | None:
    """Names what two of them count, or None."""
    seen: set[str] = set()
    meters: set[str] = set()
    before: set[str] = set()
    for figure in figures:
        if both := seen & figure.told.sources:
            return min(both).partition("/")[2]
        own = _meters(figure)
        own_before = {meter for inner in own for meter in above(inner, parents)}
        if behind := (own & before) | (own_before & meters):
            return min(behind)
        seen |= figure.told.sources
        meters |= own
        before |= own_before
    return None


def _meters(figure: ViewFigure) -> set[str]:
    """Gives the meters it was counted by: a point is called by its meter and its own name."""
    points = (source.removeprefix(POINT_SOURCE) for source in figure.told.sources if source.startswith(POINT_SOURCE))
    return {point.partition(".")[0] for point in points}
