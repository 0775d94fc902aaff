"""The quarters of virtual points, computed from those of the points they name, as soon as these are stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from ems_telemetry.computing.rows import interval_of, row_of
from ems_telemetry.computing.slices import QUARTER, Stretch
from ems_telemetry.config.expressions import Expression, ExpressionError, parse_expression, references
from ems_telemetry.intervals.virtual import evaluate
from ems_telemetry.observe import get_logger
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.interval_marks import begin_virtual, forget_changed, put_marks
from ems_telemetry.storage.intervals import Changed, IntervalRow, first_start, put_intervals, read_intervals
from ems_telemetry.storage.rules import PointRule, read_ids, read_rules, read_virtual

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VirtualPoint:
    """A point that is computed from others."""

    rule: PointRule
    expression: Expression
    inputs: Mapping[str, int]
    """The ids of the points it names, by their keys."""


async def find_virtual(connection: Connection) -> list[VirtualPoint]:
    """Finds the virtual points whose inputs are all known, each after those that it names itself."""
    found = []
    for rule in await read_virtual(connection):
        try:
            expression = parse_expression(rule.expression or "")
        except ExpressionError as error:
            _log.error("an expression cannot be read", event_code="expression_unreadable", point=rule.key, reason=str(error))
            continue
        keys = {reference.key for reference in references(expression)}
        inputs = await read_ids(connection, list(keys))
        if len(inputs) == len(keys):
            found.append(VirtualPoint(rule, expression, inputs))
    return _ordered(found)


async def rules_of_virtual(connection: Connection, virtual: Sequence[VirtualPoint]) -> dict[int, PointRule]:
    """Gives the rules of virtual points, each computed as far as all its inputs are."""
    rules = dict(await read_rules(connection, list({id_ for point in virtual for id_ in point.inputs.values()})))
    for point in virtual:
        reached = [rules[id_].computed_to for id_ in point.inputs.values() if id_ in rules]
        known = [time for time in reached if time is not None]
        rules[point.rule.id] = point.rule._replace(computed_to=min(known) if len(known) == len(point.inputs) else None)
    return {point.rule.id: rules[point.rule.id] for point in virtual}


async def begin_new(connection: Connection, now: datetime) -> None:
    """Marks virtual points that are new, or whose expression was changed, from where their inputs begin."""
    await forget_changed(connection)
    for each in await find_virtual(connection):
        first = await first_start(connection, list(each.inputs.values())) if each.rule.computed_to is None else None
        if first is not None and await begin_virtual(connection, each.rule.id, now):
            await put_marks(connection, [(each.rule.id, first, now)])


async def store_virtual(
    connection: Connection,
    marked: Mapping[int, Stretch],
    changed: Mapping[int, Changed],
    virtual: Sequence[VirtualPoint],
) -> dict[int, Changed]:
    """Computes and stores the quarters of virtual points that are marked, or whose inputs changed; in the open transaction.

    Returns:
        What of them was new or other than before, by point.
    """
    touched = {id_: Stretch(each.first, each.last + QUARTER) for id_, each in changed.items()} | dict(marked)
    stored: dict[int, Changed] = {}
    for each in virtual:
        stretches = [touched[id_] for id_ in (each.rule.id, *each.inputs.values()) if id_ in touched]
        if stretches:
            since, until = min(one.since for one in stretches), max(one.until for one in stretches)
            rows = await read_intervals(connection, list(each.inputs.values()), "15m", since, until)
            put = await put_intervals(connection, list(_evaluated(each, rows)))
            touched |= {id_: Stretch(one.first, one.last + QUARTER) for id_, one in put.items()}
            stored |= put
    return stored


def _evaluated(point: VirtualPoint, rows: Sequence[IntervalRow]) -> Iterator[IntervalRow]:
    """Gives the quarters of which every input is computed."""
    keys = {id_: key for key, id_ in point.inputs.items()}
    by_start = sorted(rows, key=attrgetter("start"))
    for _, together in groupby(by_start, key=attrgetter("start")):
        inputs = {keys[row.point_id]: interval_of(row) for row in together}
        if len(inputs) == len(keys):
            yield row_of(point.rule.id, "15m", evaluate(point.expression, inputs), has_ended=True)


def _ordered(points: Sequence[VirtualPoint]) -> list[VirtualPoint]:
    """Puts each point after those it names; circles are refused with the configuration, and left out here."""
    ordered: list[VirtualPoint] = []
    waiting, ready = list(points), {point.rule.key for point in points}
    while waiting:
        free = [point for point in waiting if not (point.inputs.keys() & ready - {done.rule.key for done in ordered})]
        if not free:
            break
        ordered += free
        waiting = [point for point in waiting if point not in free]
    return ordered
