"""Reads raw history within one session: which nodes have one, and the values of a stretch, answer by answer.

However many nodes are asked for, one answer holds at most `VALUES_PER_ANSWER` values; whatever the server keeps open for us
between two answers is read to its end or released.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaStatusCodeError

from ems_telemetry.connectors.opcua.history_answers import Access, Answer, Verdict, judge_answer, read_access
from ems_telemetry.connectors.opcua.history_plan import Question, history_request
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.spans import Span
from ems_telemetry.connectors.opcua.values import choose_time
from ems_telemetry.errors import EmsTelemetryError, TransientError

VALUES_PER_ANSWER = 5000
"""Decoding more at once would hold up the live values."""
NODES_PER_CALL = 50
MOST_EMPTY_ANSWERS = 100
"""So many answers in a row may say "not yet, ask on"."""
Take: TypeAlias = Callable[[Sequence[Answer]], Awaitable[None]]
"""Takes what came in one answer; the next is not asked for before it returns."""


class HistoryReader:
    """One per session; one call at a time."""

    def __init__(self, session: Session, values_per_read: int) -> None:
        self._session = session
        self._values_per_read = values_per_read
        self._timestamps = ua.TimestampsToReturn.Both
        self.nodes_per_call = max(1, min(session.limits.history_read, NODES_PER_CALL))

    async def access(self, nodes: Sequence[ua.NodeId]) -> list[Access]:
        """Asks what each node's history is. A server that does not say is asked for the history itself.

        Raises:
            EmsTelemetryError: the server does not answer.
        """
        levels = await self._session.read_attributes(nodes, AttributeIds.UserAccessLevel)
        historizing = await self._session.read_attributes(nodes, AttributeIds.Historizing)
        return [read_access(level, goes_on) for level, goes_on in zip(levels, historizing, strict=True)]

    async def read(self, span: Span, nodes: Mapping[str, ua.NodeId], take: Take) -> None:
        """Reads a stretch of some nodes, at most `nodes_per_call` of them.

        Raises:
            EmsTelemetryError: the server does not answer, or says no to the call as a whole.
        """
        questions = [Question(point, node_id) for point, node_id in nodes.items()]
        values_per_node = max(1, min(self._values_per_read, VALUES_PER_ANSWER // len(questions)))
        empty_answers = 0
        try:
            while questions:
                results = await self._ask(span, questions, values_per_node)
                answers = [_answer(*pair, values_per_node) for pair in zip(questions, results, strict=True)]
                questions = _continued(questions, results)
                questions = await self._leave_behind(span, questions, answers)
                empty_answers = 0 if any(answer.values for answer in answers) else empty_answers + 1
                if empty_answers > MOST_EMPTY_ANSWERS:
                    raise TransientError("the server answers questions about its history without ever coming to an end")
                await take(answers)
        except EmsTelemetryError:
            await self._release(span, questions)
            raise

    def ask_less(self, asked: int) -> bool:
        """Asks for fewer nodes at once from now on than the `asked` that were too many; False if it cannot be less."""
        self.nodes_per_call = max(1, min(self.nodes_per_call, asked // 2))
        return asked > 1

    def ask_other_times(self) -> bool:
        """Asks for source times alone from now on; False if that is so already."""
        before, self._timestamps = self._timestamps, ua.TimestampsToReturn.Source
        return before is not self._timestamps

    async def _ask(self, span: Span, questions: Sequence[Question], values_per_node: int) -> list[ua.HistoryReadResult]:
        async def service(services: UaSession, piece: Sequence[Question]) -> list[ua.HistoryReadResult]:
            try:
                return await services.history_read(history_request(span, piece, values_per_node, self._timestamps))
            except UaStatusCodeError as fault:
                if judge_answer(int(fault.code)) is Verdict.NEVER:
                    return [ua.HistoryReadResult(StatusCode=ua.StatusCode(ua.UInt32(fault.code)))] * len(piece)
                raise

        return await self._session.ask(service, questions, self.nodes_per_call)

    async def _leave_behind(self, span: Span, questions: list[Question], answers: Sequence[Answer]) -> list[Question]:
        """Asks no further where a server goes on beyond the end it was given."""
        beyond = {answer.point for answer in answers if _is_beyond(span, answer)}
        await self._release(span, [question for question in questions if question.point in beyond])
        return [question for question in questions if question.point not in beyond]

    async def _release(self, span: Span, questions: Sequence[Question]) -> None:
        held = [question for question in questions if question.continuation is not None]

        async def service(services: UaSession, piece: Sequence[Question]) -> list[ua.HistoryReadResult]:
            request = history_request(span, piece, self._values_per_read, self._timestamps, release=True)
            await services.history_read(request)
            return [ua.HistoryReadResult()] * len(piece)

        with contextlib.suppress(EmsTelemetryError):
            await self._session.ask(service, held, self.nodes_per_call)


def _answer(question: Question, result: ua.HistoryReadResult, values_per_node: int) -> Answer:
    values = getattr(result.HistoryData, "DataValues", None) or []
    is_cut = bool(result.ContinuationPoint) or len(values) >= values_per_node
    return Answer(question.point, int(result.StatusCode.value), values, is_last=not is_cut)


def _continued(questions: Sequence[Question], results: Sequence[ua.HistoryReadResult]) -> list[Question]:
    return [
        question._replace(continuation=result.ContinuationPoint)
        for question, result in zip(questions, results, strict=True)
        if result.ContinuationPoint and result.StatusCode.is_good()
    ]


def _is_beyond(span: Span, answer: Answer) -> bool:
    last = choose_time(answer.values[-1])[0] if answer.values else None
    return last is not None and last >= span.end
