"""Refused points as gaps: one id while a cause lasts, a later end at every telling."""

from datetime import timedelta
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from fakes import HandClock, RememberingSink, surroundings

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.intake import Intake
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.paths import read_path_result
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.refusals import Cause, Refusals, refused_with, refuses_node
from ems_telemetry.connectors.opcua.subscription import Notifications

ITEMS = [WantedItem(f"CA-01.p{n}", f"i={n}", parse_node(f"i={n}"), 0.0, 1.0, 10) for n in range(3)]
UNKNOWN = refused_with(StatusCodes.BadNodeIdUnknown)
DENIED = refused_with(StatusCodes.BadUserAccessDenied)


def keeping(folder: Path) -> tuple[Refusals, RememberingSink, HandClock, Surroundings]:
    sink, clock = RememberingSink(), HandClock()
    given = surroundings(folder, sink=sink, clock=clock)
    return Refusals(ITEMS, given), sink, clock, given


async def test_a_refused_point_is_one_gap_that_grows_and_ends_when_it_is_found(tmp_path: Path) -> None:
    refusals, sink, clock, given = keeping(tmp_path)
    began = clock.now()
    for minutes in range(3):
        refusals.refuse(1, UNKNOWN)
        await refusals.tell()
        (gap,) = sink.gaps.values()
        assert (gap.point, gap.cause, gap.refused) == ("CA-01.p1", "node_unknown", 0)
        assert (gap.start, gap.end) == (began, began + timedelta(minutes=minutes))
        await clock.advance(60)
    refusals.find(1)
    await refusals.tell()
    (gap,) = sink.gaps.values()
    assert gap.end == began + timedelta(minutes=3)
    assert (len(refusals), refusals.untold) == (0, False)
    assert "1 of 3 nodes are refused: CA-01.p1 (i=1): BadNodeIdUnknown" in str(given.report.status.last_error)


async def test_another_cause_and_another_time_are_other_gaps(tmp_path: Path) -> None:
    refusals, sink, clock, _ = keeping(tmp_path)
    refusals.refuse(0, UNKNOWN)
    await clock.advance(10)
    refusals.refuse(0, DENIED)
    await clock.advance(10)
    refusals.find(0)
    refusals.refuse(0, DENIED)
    await refusals.tell()
    assert sorted((gap.cause, (gap.end - gap.start).seconds) for gap in sink.gaps.values()) == [
        ("node_denied", 0),
        ("node_denied", 10),
        ("node_unknown", 10),
    ]


async def test_finding_what_was_never_refused_tells_nothing(tmp_path: Path) -> None:
    refusals, sink, _, given = keeping(tmp_path)
    refusals.find(2)
    await refusals.tell()
    assert (sink.gaps, given.report.status.last_error) == ({}, None)


async def test_several_problems_are_told_together_and_none_hides_another(tmp_path: Path) -> None:
    refusals, _, _, given = keeping(tmp_path)
    for handle in range(3):
        refusals.refuse(handle, UNKNOWN)
    refusals.problems = ["the server filters no deadband"]
    await refusals.tell()
    await refusals.tell()
    problem = str(given.report.status.last_error)
    assert problem.startswith("3 of 3 nodes are refused")
    assert problem.endswith("the server filters no deadband")


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (StatusCodes.BadNodeIdUnknown, Cause.NODE_UNKNOWN),
        (StatusCodes.BadNodeIdInvalid, Cause.NODE_UNKNOWN),
        (StatusCodes.BadNotReadable, Cause.NODE_DENIED),
        (StatusCodes.BadTooManyMonitoredItems, Cause.TOO_MANY_ITEMS),
        (StatusCodes.BadOutOfMemory, Cause.NODE_REFUSED),
        (StatusCodes.BadNodeIdUnknown | 0x480, Cause.NODE_UNKNOWN),
    ],
)
def test_every_status_has_a_cause(status: int, cause: Cause) -> None:
    assert refused_with(status).cause is cause


@pytest.mark.parametrize("status", [0, 0x40000000, StatusCodes.BadSensorFailure, StatusCodes.BadCommunicationError])
def test_a_bad_value_is_no_missing_node(status: int) -> None:
    assert not refuses_node(status)


async def test_a_value_that_says_the_node_is_gone_refuses_it_and_a_good_one_finds_it_again(tmp_path: Path) -> None:
    refusals, sink, clock, _ = keeping(tmp_path)
    handed_on: list[ua.MonitoredItemNotification] = []

    async def put(notifications: Notifications) -> None:
        handed_on.extend(notifications)

    intake = Intake(put, refusals, len(ITEMS))
    for handle, status in ((1, StatusCodes.BadNodeIdUnknown), (99, StatusCodes.BadNodeIdUnknown), (2, 0)):
        data = ua.DataValue(ua.Variant(), ua.StatusCode(ua.UInt32(status)))
        await intake.take([ua.MonitoredItemNotification(ClientHandle=handle, Value=data)])
    assert (refusals.handles, len(sink.gaps), len(handed_on)) == ((1,), 1, 3)
    await clock.advance(5)
    await intake.take([ua.MonitoredItemNotification(ClientHandle=1, Value=ua.DataValue(ua.Variant(1.0)))])
    (gap,) = sink.gaps.values()
    assert (len(refusals), (gap.end - gap.start).seconds) == (0, 5)


def path_answer(*targets: tuple[int, int], status: int = 0) -> ua.BrowsePathResult:
    found = [
        ua.BrowsePathTarget(TargetId=ua.ExpandedNodeId(ua.Int32(number)), RemainingPathIndex=ua.UInt32(rest))
        for number, rest in targets
    ]
    return ua.BrowsePathResult(StatusCode=ua.StatusCode(ua.UInt32(status)), Targets=found)


def test_a_path_that_leads_to_one_node_twice_leads_to_one_node() -> None:
    whole = 0xFFFF_FFFF
    assert read_path_result(path_answer((7, whole), (7, whole))) == ua.NodeId(ua.Int32(7))


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (path_answer(status=StatusCodes.BadNoMatch), Cause.NODE_UNKNOWN, "no node on this path"),
        (path_answer(status=StatusCodes.BadServiceUnsupported), Cause.NODE_REFUSED, "name the node with node:"),
        (path_answer(status=StatusCodes.BadUserAccessDenied), Cause.NODE_DENIED, "BadUserAccessDenied"),
        (path_answer((7, 0xFFFF_FFFF), (8, 0xFFFF_FFFF)), Cause.PATH_AMBIGUOUS, "leads to 2 nodes (i=7 and i=8)"),
        (path_answer((7, 1)), Cause.NODE_UNKNOWN, "another server"),
        (path_answer(), Cause.NODE_UNKNOWN, "another server"),
    ],
)
def test_every_other_answer_to_a_path_has_its_words(answer: ua.BrowsePathResult, cause: Cause, words: str) -> None:
    refused = read_path_result(answer)
    assert not isinstance(refused, ua.NodeId)
    assert refused.cause is cause
    assert words in refused.reason
