"""What a server's answers about history mean, and the samples in them. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.opcua.errors import status_name
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.spans import RESOLUTION, Span, Spans, contains
from ems_telemetry.connectors.opcua.values import choose_time, read_data_value
from ems_telemetry.model import DeadLetter, Flag, Sample

_HISTORY_READ = 1 << ua.AccessLevel.HistoryRead
_STEP = timedelta(milliseconds=1)


class Access(Enum):
    """What a server says of the history of a node."""

    KEPT = auto()
    """It may be read, and goes on."""
    STANDING_STILL = auto()
    """It may be read, and the server says that it adds nothing to it."""
    NONE = auto()
    """There is none, or none for us."""


def read_access(level: ua.DataValue, historizing: ua.DataValue) -> Access:
    """Reads the attributes UserAccessLevel and Historizing of a node. A server that tells neither is asked for the history."""
    bits = None if level.Value is None else level.Value.Value
    if isinstance(bits, int) and not bits & _HISTORY_READ:
        return Access.NONE
    goes_on = None if historizing.Value is None else historizing.Value.Value
    return Access.STANDING_STILL if goes_on is False else Access.KEPT


class Verdict(Enum):
    """What an answer's StatusCode means for going on."""

    FINE = auto()
    """Values, or none because there are none."""
    TOO_MUCH = auto()
    """The same with fewer nodes at once may succeed."""
    OTHER_TIMES = auto()
    """The history has no server times; ask for the source's alone."""
    LATER = auto()
    """The same may succeed later."""
    LOST = auto()
    """The server has lost what lay in this stretch; others may be there."""
    NEVER = auto()
    """Asking again cannot help."""


NO_VALUE_HERE = frozenset({StatusCodes.BadNoData, StatusCodes.BadBoundNotFound, StatusCodes.BadBoundNotSupported})
"""What stands in the place of a value, or of a whole answer, where there is none."""
_BAD = 0x8000_0000
_BY_STATUS: Mapping[int, Verdict] = {
    **dict.fromkeys(NO_VALUE_HERE, Verdict.FINE),
    **dict.fromkeys(
        (
            StatusCodes.BadNoContinuationPoints,
            StatusCodes.BadResponseTooLarge,
            StatusCodes.BadEncodingLimitsExceeded,
            StatusCodes.BadTooManyOperations,
        ),
        Verdict.TOO_MUCH,
    ),
    **dict.fromkeys((StatusCodes.BadTimestampNotSupported, StatusCodes.BadTimestampsToReturnInvalid), Verdict.OTHER_TIMES),
    **dict.fromkeys(
        (
            StatusCodes.BadHistoryOperationUnsupported,
            StatusCodes.BadHistoryOperationInvalid,
            StatusCodes.BadUserAccessDenied,
            StatusCodes.BadNotReadable,
            StatusCodes.BadNotSupported,
            StatusCodes.BadNotImplemented,
            StatusCodes.BadServiceUnsupported,
            StatusCodes.BadAttributeIdInvalid,
            StatusCodes.BadInvalidTimestampArgument,
        ),
        Verdict.NEVER,
    ),
    StatusCodes.BadDataLost: Verdict.LOST,
}
_WORDS: Mapping[int, str] = {
    StatusCodes.BadHistoryOperationUnsupported: "the server keeps no history of this node that could be read",
    StatusCodes.BadHistoryOperationInvalid: "the server finds the question about its history wrong",
    StatusCodes.BadUserAccessDenied: "the server does not let our user read its history",
    StatusCodes.BadNodeIdUnknown: "the server does not know the node at present",
    StatusCodes.BadDataLost: "the server itself has lost these values",
    StatusCodes.BadDataUnavailable: "the archive is out of the server's reach at present",
    StatusCodes.BadNoContinuationPoints: "the server has too few continuation points",
    StatusCodes.BadTimeout: "the server gave up looking",
}


def judge_answer(status: int) -> Verdict:
    """Reads the StatusCode of one node's answer, or of a whole call that failed.

    A node that is unknown now may be there later: a PLC's program may be loaded after its server has begun.
    """
    if not status & _BAD:
        return Verdict.FINE
    return _BY_STATUS.get(status, Verdict.LATER)


def say_answer(status: int) -> str:
    """Puts the StatusCode of an answer into words; its name stands behind them, for who looks it up."""
    name = status_name(status)
    return f"{_WORDS[status]} ({name})" if status in _WORDS else f"the server answers {name}"


class Answer(NamedTuple):
    """What came of one node."""

    point: str
    status: int
    values: Sequence[ua.DataValue]
    is_last: bool
    """There is no more of this node in the stretch asked for."""


class Harvest(NamedTuple):
    """The samples of one answer, and how far it reaches."""

    samples: list[Sample]
    dead_letters: list[DeadLetter]
    reached: datetime | None
    """The newest time in the answer."""


def harvest(connector: str, item: WantedItem, answer: Answer, missing: Spans, received_at: datetime) -> Harvest:
    """Reads the values of an answer, and keeps those that are missing. What has no time cannot be placed and is left out."""
    found = Harvest([], [], None)
    for data in answer.values:
        time, _ = choose_time(data)
        if time is None:
            continue
        found = found._replace(reached=time if found.reached is None else max(found.reached, time))
        if not contains(missing, time) or _status_of(data) in NO_VALUE_HERE:
            continue
        read = read_data_value(connector, item, data, received_at)
        if isinstance(read, Sample):
            found.samples.append(read._replace(flags=read.flags | Flag.BACKFILLED))
        else:
            found.dead_letters.append(read)
    return found


def filled_by(span: Span, answer: Answer, reached: datetime | None) -> Span:
    """Tells what of a stretch need not be asked for again after an answer has been made durable.

    An answer that is cut and does not reach into the stretch at all steps over its first millisecond: servers whose clock is no
    finer would give the same again for ever.
    """
    if answer.is_last:
        return span
    if reached is None or reached < span.start:
        return Span(span.start, min(span.start + _STEP, span.end))
    return Span(span.start, min(reached + RESOLUTION, span.end))


def _status_of(data: ua.DataValue) -> int:
    return 0 if data.StatusCode is None else int(data.StatusCode.value)
