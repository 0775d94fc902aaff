"""What a server's answers about history come to."""

from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.opcua.history_answers import (
    Access,
    Answer,
    Verdict,
    filled_by,
    harvest,
    judge_answer,
    read_access,
    say_answer,
)
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.spans import RESOLUTION, Span
from ems_telemetry.model import Flag, Quality

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ITEM = WantedItem("CA-01.total", "i=1", parse_node("i=1"), 0.0, 1.0, 10)
MISSING = Span(NOON, NOON + timedelta(seconds=10))


def value(second: float | None, number: object = 1.0, status: int = 0) -> ua.DataValue:
    time = None if second is None else NOON + timedelta(seconds=second)
    return ua.DataValue(ua.Variant(number), ua.StatusCode(ua.UInt32(status)), SourceTimestamp=time)  # type: ignore[arg-type]  # asyncua names its wire types


def answer(*values: ua.DataValue, is_last: bool = True) -> Answer:
    return Answer(ITEM.point, 0, values, is_last)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (StatusCodes.Good, Verdict.FINE),
        (StatusCodes.GoodNoData, Verdict.FINE),
        (StatusCodes.GoodMoreData, Verdict.FINE),
        (StatusCodes.BadNoData, Verdict.FINE),
        (StatusCodes.BadBoundNotFound, Verdict.FINE),
        (StatusCodes.BadNoContinuationPoints, Verdict.TOO_MUCH),
        (StatusCodes.BadTimestampNotSupported, Verdict.OTHER_TIMES),
        (StatusCodes.BadNodeIdUnknown, Verdict.LATER),
        (StatusCodes.BadTimeout, Verdict.LATER),
        (StatusCodes.BadDataUnavailable, Verdict.LATER),
        (StatusCodes.BadUnexpectedError, Verdict.LATER),
        (StatusCodes.BadDataLost, Verdict.LOST),
        (StatusCodes.BadHistoryOperationUnsupported, Verdict.NEVER),
        (StatusCodes.BadHistoryOperationInvalid, Verdict.NEVER),
        (StatusCodes.BadUserAccessDenied, Verdict.NEVER),
        (StatusCodes.BadServiceUnsupported, Verdict.NEVER),
    ],
)
def test_each_status_is_judged(status: int, verdict: Verdict) -> None:
    assert judge_answer(status) is verdict


def test_a_status_is_put_into_words_with_its_name_behind() -> None:
    assert say_answer(StatusCodes.BadUserAccessDenied) == (
        "the server does not let our user read its history (BadUserAccessDenied)"
    )
    assert say_answer(StatusCodes.BadUnexpectedError) == "the server answers BadUnexpectedError"


@pytest.mark.parametrize(
    ("level", "historizing", "access"),
    [
        (ua.Variant(0b101), ua.Variant(True), Access.KEPT),  # noqa: FBT003  as OPC UA has it
        (ua.Variant(0b101), ua.Variant(False), Access.STANDING_STILL),  # noqa: FBT003  see above
        (ua.Variant(0b001), ua.Variant(True), Access.NONE),  # noqa: FBT003  see above
        (None, None, Access.KEPT),
    ],
)
def test_what_the_attributes_say_of_a_history(level: ua.Variant | None, historizing: ua.Variant | None, access: Access) -> None:
    assert read_access(ua.DataValue(level), ua.DataValue(historizing)) is access


def test_values_are_samples_with_a_flag_and_those_already_known_are_left_out() -> None:
    found = harvest("plc", ITEM, answer(value(-1), value(0, 5.0), value(9), value(10)), (MISSING,), NOON)
    assert [(sample.value, sample.flags) for sample in found.samples] == [(5.0, Flag.BACKFILLED), (1.0, Flag.BACKFILLED)]
    assert found.reached == NOON + timedelta(seconds=10)


def test_bad_and_uncertain_values_keep_their_rules() -> None:
    bad, uncertain = value(1, 3.0, StatusCodes.BadSensorFailure), value(2, 4.0, StatusCodes.UncertainLastUsableValue)
    first, second = harvest("plc", ITEM, answer(bad, uncertain), (MISSING,), NOON).samples
    assert (first.value, first.quality, first.flags) == (None, Quality.BAD, Flag.BACKFILLED | Flag.BAD_STATUS)
    assert (second.value, second.quality) == (4.0, Quality.UNCERTAIN)


def test_what_stands_for_no_value_and_what_has_no_time_is_no_sample() -> None:
    found = harvest("plc", ITEM, answer(value(1, None, StatusCodes.BadBoundNotFound), value(None)), (MISSING,), NOON)
    assert found.samples == []
    assert harvest("plc", ITEM, answer(value(None)), (MISSING,), NOON).reached is None


def test_an_array_in_the_history_is_a_dead_letter() -> None:
    found = harvest("plc", ITEM, answer(value(1, [1.0, 2.0])), (MISSING,), NOON)
    assert [letter.reason for letter in found.dead_letters] == ["unsupported_value"]


def test_a_last_answer_settles_the_whole_stretch_and_a_cut_one_up_to_its_newest_value() -> None:
    time = NOON + timedelta(seconds=4)
    assert filled_by(MISSING, answer(), None) == MISSING
    assert filled_by(MISSING, answer(is_last=False), time) == Span(NOON, time + RESOLUTION)
    assert filled_by(MISSING, answer(is_last=False), NOON + timedelta(seconds=99)) == MISSING


def test_a_cut_answer_that_reaches_nowhere_cannot_be_asked_for_for_ever() -> None:
    step = filled_by(MISSING, answer(is_last=False), NOON - RESOLUTION)
    assert step == Span(NOON, NOON + timedelta(milliseconds=1))
