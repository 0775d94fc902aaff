"""Fills the holes of a connector's points from the server's history, beside the live values and never in their way.

Runs within one session. What it could not finish stays a hole, and the next session goes on from there. What can never be had
becomes a row in `gaps`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NoReturn, TypeAlias
from uuid import UUID, uuid5

from asyncua import ua

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.file import History
from ems_telemetry.connectors.opcua.history_answers import (
    Access,
    Answer,
    Verdict,
    filled_by,
    harvest,
    judge_answer,
    say_answer,
)
from ems_telemetry.connectors.opcua.history_plan import next_window, older_than
from ems_telemetry.connectors.opcua.history_reading import HistoryReader
from ems_telemetry.connectors.opcua.limits import chunks
from ems_telemetry.connectors.opcua.marks import Marks
from ems_telemetry.connectors.opcua.picking import Part, pick
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.resolving import Target
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.spans import Span, Spans, subtract, within
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.model import Gap

UNAVAILABLE = "history_unavailable"
NOT_HISTORISED = "not_historised"
TOO_OLD = "history_too_old"

LEAST_DELAY_S = 0.1
LEAST_SLICE = timedelta(seconds=1)
QUIET_S = 60.0
"""Rounds that begin sooner than this after one that was told are counted, and not told in the log."""
_GAPS = UUID("5b1d0f52-6f0a-4a55-9d0e-0d6f3a9b8f11")

Locate: TypeAlias = Callable[[Sequence[WantedItem]], Awaitable[Sequence[Target | None]]]
"""Finds where items are in this session; None for those it does not find."""


class Backfill:
    """One per session. `fill_holes` runs for as long as the session is used; the session's watchers tell when it is lost."""

    def __init__(
        self,
        session: Session,
        items: Sequence[WantedItem],
        marks: Marks,
        locate: Locate,
        settings: History,
        surroundings: Surroundings,
    ) -> None:
        self._items = {item.point: item for item in items}
        self._marks = marks
        self._locate = locate
        self._settings = settings
        self._surroundings = surroundings
        self._reader = HistoryReader(session, settings.values_per_read)
        self._slice = timedelta(seconds=settings.slice)
        self._due: dict[str, Spans] = {}
        self._nodes: dict[str, ua.NodeId] = {}
        self._parts: dict[str, Part] = {}
        self._stands_still: set[str] = set()
        self._put_off: dict[str, tuple[int, float]] = {}
        self._failures = 0
        self._samples = 0
        self._told_at_s: float | None = None

    async def fill_holes(self) -> NoReturn:
        """Waits for holes, lets the historian catch up, and fills them; again and again, until cancelled."""
        clock = self._surroundings.clock
        while True:
            due = self._ripe(clock.monotonic())
            await clock.sleep(max(self._settings.delay, LEAST_DELAY_S))
            if due:
                await self._work_through(due)

    async def fill_once(self, rounds: int) -> None:
        """Fills the holes there are; what has failed is tried again, at most so many times in all."""
        for _ in range(rounds):
            if due := dict(self._marks.holes()):
                await self._work_through(due)

    def _ripe(self, now_s: float) -> dict[str, Spans]:
        waiting = {point for point, (_, until_s) in self._put_off.items() if until_s > now_s}
        return {point: spans for point, spans in self._marks.holes().items() if point not in waiting}

    async def _work_through(self, due: dict[str, Spans]) -> None:
        self._due = due
        try:
            await self._give_up_what_is_too_old()
            await self._find_histories()
        except EmsTelemetryError as error:
            await self._rest(error)
            return
        if self._due:
            await self._tell_round(self._read_all_due)

    async def _read_all_due(self) -> None:
        before = self._failures
        while window := next_window(self._due, self._settings.order, self._slice):
            for points in chunks(window.points, self._reader.nodes_per_call):
                await self._read_together(window.span, [point for point in points if point in self._due])
        if self._failures == before:
            self._failures = 0
            self._slice = min(2 * self._slice, timedelta(seconds=self._settings.slice))

    async def _read_together(self, span: Span, points: Sequence[str]) -> None:
        """Reads a stretch of some points. After a call that failed fewer go together, until the one at fault is alone."""
        if not points:
            return
        nodes = {point: self._nodes[point] for point in points}
        try:
            await self._reader.read(span, nodes, lambda answers: self._take(span, answers))
        except EmsTelemetryError as error:
            self._reader.ask_less(len(points))
            for point in points:
                self._postpone(point)
            await self._rest(error)

    async def _rest(self, error: EmsTelemetryError) -> None:
        """After a call that failed as a whole: asks for less time at once, since a slow server may manage that, and waits."""
        self._failures += 1
        self._slice = max(self._slice / 2, min(self._slice, LEAST_SLICE))
        self._surroundings.report.count("history_failures")
        self._surroundings.report.note(f"history cannot be read at present, and is asked for again: {error}")
        await self._surroundings.clock.sleep(self._surroundings.backoff.delay_s(self._failures))

    async def _find_histories(self) -> None:
        """Learns once per session and point where its node is and what the server says of its history."""
        new = [point for point in self._due if point not in self._nodes]
        found = await self._locate([self._items[point] for point in new]) if new else []
        targets = {point: target for point, target in zip(new, found, strict=True) if target is not None}
        located = {point: target.node_id for point, target in targets.items()}
        self._parts |= {
            point: target.part.cut_by_ourselves(self._items[point].element)
            for point, target in targets.items()
            if target.part is not None
        }
        for point in new:
            if point not in located:
                self._postpone(point)
        accesses = await self._reader.access(list(located.values()))
        self._nodes |= located
        told = dict(zip(located, accesses, strict=True))
        self._stands_still |= {point for point, access in told.items() if access is Access.STANDING_STILL}
        without = {point: self._due[point] for point, access in told.items() if access is Access.NONE}
        for point in without:
            del self._nodes[point]
        await self._give_up(without, NOT_HISTORISED)

    async def _take(self, span: Span, answers: Sequence[Answer]) -> None:
        """Makes durable what came, and only then takes it off what is missing."""
        by_status: dict[int, list[Answer]] = {}
        for answer in map(self._picked, answers):
            by_status.setdefault(answer.status, []).append(answer)
        for status, alike in by_status.items():
            if judge_answer(status) is Verdict.FINE:
                await self._keep(span, alike)
            elif not self._ask_otherwise(status, len(answers)):
                await self._accept_refusal(span, status, [answer.point for answer in alike])

    def _picked(self, answer: Answer) -> Answer:
        part = self._parts.get(answer.point)
        return answer if part is None else answer._replace(values=[pick(value, part) for value in answer.values])

    def _ask_otherwise(self, status: int, asked: int) -> bool:
        """True where the same may be had at once by asking in another way."""
        verdict = judge_answer(status)
        if verdict is Verdict.TOO_MUCH:
            return self._reader.ask_less(asked)
        return verdict is Verdict.OTHER_TIMES and self._reader.ask_other_times()

    async def _keep(self, span: Span, answers: Sequence[Answer]) -> None:
        given = self._surroundings
        name, now = given.report.status.name, given.clock.now()
        found = {
            answer.point: harvest(name, self._items[answer.point], answer, within(self._due.get(answer.point, ()), span), now)
            for answer in answers
        }
        samples = [sample for each in found.values() for sample in each.samples]
        dead_letters = [letter for each in found.values() for letter in each.dead_letters]
        if samples or dead_letters:
            await given.sink.deliver(samples, dead_letters)
        self._samples += len(samples)
        given.report.count("samples_backfilled", len(samples))
        for answer in answers:
            await self._account(span, answer, found[answer.point].reached)

    async def _account(self, span: Span, answer: Answer, reached: datetime | None) -> None:
        point, missing = answer.point, self._due.get(answer.point, ())
        if answer.values and reached is None:
            self._surroundings.report.note(f"the values in the history of {self._name([point])} have no times")
            await self._give_up({point: missing}, UNAVAILABLE)
        elif answer.is_last and not answer.values and point in self._stands_still:
            await self._give_up({point: within(missing, span)}, NOT_HISTORISED)
        elif answer.values or answer.is_last:
            self._forget(point, filled_by(span, answer, reached))

    async def _accept_refusal(self, span: Span, status: int, points: Sequence[str]) -> None:
        self._surroundings.report.note(f"the history of {self._name(points)}: {say_answer(status)}")
        missing = {point: self._due.get(point, ()) for point in points}
        match judge_answer(status):
            case Verdict.LOST:
                await self._give_up({point: within(spans, span) for point, spans in missing.items()}, UNAVAILABLE)
            case Verdict.NEVER | Verdict.OTHER_TIMES:
                await self._give_up(missing, UNAVAILABLE)
            case _:
                for point in points:
                    self._postpone(point)
                self._surroundings.report.count("history_failures", len(points))

    async def _give_up_what_is_too_old(self) -> None:
        limit = self._surroundings.clock.now() - timedelta(seconds=self._settings.max_age)
        await self._give_up(older_than(self._due, limit), TOO_OLD)

    async def _give_up(self, missing: Mapping[str, Spans], cause: str) -> None:
        """Writes down what stays missing, but not of a point that has sent nothing newer since: it has not changed."""
        name = self._surroundings.report.status.name
        lost = [(point, span) for point, spans in missing.items() for span in spans if self._marks.has_passed(point, span)]
        if lost:
            await self._surroundings.sink.record([_gap(name, point, span, cause) for point, span in lost])
        for point, spans in missing.items():
            for span in spans:
                self._forget(point, span)

    def _forget(self, point: str, span: Span) -> None:
        """Takes off what was asked for; what has come to be missing meanwhile stays."""
        due = self._due.get(point, ())
        for part in within(due, span):
            self._marks.fill(point, part)
        self._due[point] = subtract(due, span)
        if not self._due[point]:
            del self._due[point]
            self._put_off.pop(point, None)

    def _postpone(self, point: str) -> None:
        """Leaves a point's holes for a later round, ever later."""
        failures = self._put_off.get(point, (0, 0.0))[0] + 1
        until_s = self._surroundings.clock.monotonic() + self._surroundings.backoff.delay_s(failures)
        self._put_off[point] = failures, until_s
        self._due.pop(point, None)

    async def _tell_round(self, work: Callable[[], Awaitable[None]]) -> None:
        """Tells in the log when a round begins and ends, but not of each of many that follow close upon each other."""
        clock, report = self._surroundings.clock, self._surroundings.report
        began_s, before, points = clock.monotonic(), self._samples, len(self._due)
        is_told = self._told_at_s is None or began_s - self._told_at_s >= QUIET_S
        if is_told:
            self._told_at_s = began_s
            since, until = _hull(self._due)
            report.remark("backfill_begins", "reading what was missed from history", points=points, since=since, until=until)
        await work()
        if is_told:
            samples, seconds = self._samples - before, round(clock.monotonic() - began_s, 1)
            report.remark("backfill_ends", "what was missed has been read", points=points, samples=samples, seconds=seconds)

    def _name(self, points: Sequence[str]) -> str:
        more = f" and {len(points) - 1} more" if len(points) > 1 else ""
        return f"{points[0]} ({self._items[points[0]].source}){more}"


def _hull(holes: Mapping[str, Spans]) -> tuple[str, str]:
    since = min(spans[0].start for spans in holes.values())
    until = max(spans[-1].end for spans in holes.values())
    return since.isoformat(), until.isoformat()


def _gap(connector: str, point: str, span: Span, cause: str) -> Gap:
    """Makes the row of what stays missing; the same row, should a crash make us write it again."""
    identity = uuid5(_GAPS, f"{connector} {point} {cause} {span.start.isoformat()}")
    return Gap(identity, connector, point, span.start, span.end, cause, 0)
