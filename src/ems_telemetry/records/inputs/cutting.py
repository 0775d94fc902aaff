"""Quarters of an hour of which a part does not count, made anew of the readings in the rest."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

import numpy as np

from ems_telemetry.computing.gathering import Job, gather
from ems_telemetry.computing.slices import Stretch
from ems_telemetry.intervals.calendar import microseconds
from ems_telemetry.intervals.compute import compute
from ems_telemetry.model import Kind
from ems_telemetry.records.inputs.children import Child
from ems_telemetry.records.inputs.conditions import MINUTES
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.rules.arithmetic import ZERO, exactly, settle
from ems_telemetry.storage.point_facts import PointFacts
from ems_telemetry.storage.rules import read_rules

_MINUTE_US: Final = timedelta(minutes=1) // timedelta(microseconds=1)
_SAME: Final = Decimal("0.000001")
"""Coverage is a double; two that are nearer than this are one."""


async def cut_children(
    sources: Sources, point: PointFacts, children: Sequence[Child], kept: Mapping[int, int]
) -> Sequence[Child]:
    """Takes the mean and the coverage of some quarters over the minutes of them that count.

    A quarter whose readings are not there any more stays as it is, and so does one of a virtual point.

    Args:
        sources: whose connection is read from.
        point: a gauge.
        children: adjacent quarters of it.
        kept: the minutes that count, as bits, by the place of the quarters of which only a part does.
    """
    if point.kind != Kind.GAUGE or point.expression is not None or not kept:
        return children
    rules, cut = await read_rules(sources.connection, [point.id]), list(children)
    for place, mask in kept.items():
        child = children[place]
        if child.value is None:
            continue
        stretch = Stretch(child.start, child.end)
        for job in await gather(sources.connection, {point.id: stretch}, rules, sources.now):
            cut[place] = _cut(child, job, mask, microseconds(sources.now))
    return cut


@exactly
def _cut(child: Child, job: Job, kept: int, now_us: int) -> Child:
    runs = list(_runs(kept))
    first_us, lengths = microseconds(child.start), [length for _, length in runs]
    edges_us = first_us + _MINUTE_US * np.cumsum([0, *lengths], dtype=np.int64)
    pieces = list(compute(job.series, job.law, (), edges_us, now_us))
    covered = [Decimal(repr(piece.coverage)) * length / MINUTES for piece, length in zip(pieces, lengths, strict=True)]
    if abs(sum(covered, ZERO) - child.coverage) > _SAME:
        return child
    counted = [
        (Decimal(repr(piece.value)), share, piece.quality)
        for (is_kept, _), piece, share in zip(runs, pieces, covered, strict=True)
        if is_kept and piece.value is not None and share
    ]
    whole = sum((share for _, share, _ in counted), ZERO)
    if not counted:
        return child._replace(value=None, coverage=ZERO)
    value = settle(sum((value * share for value, share, _ in counted), ZERO) / whole)
    return child._replace(value=value, coverage=settle(whole), quality=min(quality for _, _, quality in counted))


def _runs(mask: int) -> Iterator[tuple[bool, int]]:
    """Gives the stretches of minutes that are kept and that are not, with their lengths, in their order."""
    for is_kept, minutes in groupby(range(MINUTES), key=lambda minute: bool(mask >> minute & 1)):
        yield is_kept, len(list(minutes))
