"""Meters that publish where an entry listens, and that no file lists."""

from pathlib import Path

import pytest
from fakes import HandClock, RememberingSink, surroundings
from unit.mqtt.meters import QUANTITY, DecodingIntake, message

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.mqtt.strangers import MOST_REMEMBERED

ENTRY = {"ids": ["EM-01"], "topic": "plant/{meter}", "points": [{"id": "p", "value": "$.a", **QUANTITY}]}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def given(tmp_path: Path, clock: HandClock) -> Surroundings:
    return surroundings(tmp_path, sink=RememberingSink(), clock=clock)


@pytest.fixture
def sink(given: Surroundings) -> RememberingSink:
    assert isinstance(given.sink, RememberingSink)
    return given.sink


@pytest.fixture
def intake(given: Surroundings) -> DecodingIntake:
    return DecodingIntake(given, ENTRY)


async def test_its_first_message_is_kept_and_its_others_are_counted(
    intake: DecodingIntake, sink: RememberingSink, given: Surroundings
) -> None:
    for number in range(5):
        await intake.deliver(message(f'{{"a": {number}}}', "plant/EM-07"))
    (letter,) = sink.dead_letters
    assert (letter.reason, letter.source, letter.payload) == ("unknown_meter", "plant/EM-07", b'{"a": 0}')
    assert given.report.status.counters["messages_of_unknown_meters"] == 5
    assert (
        given.report.status.last_error
        == '"plant/+" brings messages of meters that no entry lists: EM-07; add them to its "ids"'
    )


async def test_its_gap_grows_and_is_told_now_and_then(intake: DecodingIntake, sink: RememberingSink, clock: HandClock) -> None:
    await intake.deliver(message("{}", "plant/EM-07"))
    (first,) = sink.gaps.values()
    assert (first.cause, first.point, first.start, first.end) == ("unknown_meter", "EM-07", clock.now(), clock.now())
    for _ in range(40):
        await clock.advance(1)
        await intake.deliver(message("{}", "plant/EM-07"))
    (grown,) = sink.gaps.values()
    assert grown.id == first.id
    assert 30 <= (grown.end - grown.start).total_seconds() <= 40
    await intake.decoder.close()
    (settled,) = sink.gaps.values()
    assert settled.end == clock.now()


async def test_messages_of_listed_meters_are_not_held_up(intake: DecodingIntake, sink: RememberingSink) -> None:
    await intake.offer(message('{"a": 1}', "plant/EM-07", qos=0), message('{"a": 2}', "plant/EM-01", qos=0))
    assert [sample.value for sample in sink.samples] == [2]


async def test_however_many_there_are_memory_and_dead_letters_are_bounded(
    intake: DecodingIntake, sink: RememberingSink, given: Surroundings
) -> None:
    for number in range(MOST_REMEMBERED + 300):
        await intake.deliver(message("{}", f"plant/X-{number}"))
    await intake.decoder.close()
    assert len(sink.dead_letters) == MOST_REMEMBERED + 1
    assert len(sink.gaps) == MOST_REMEMBERED + 1
    assert "plant/+" in {gap.point for gap in sink.gaps.values()}
    told = str(given.report.status.last_error)
    assert "X-0, X-1, X-2" in told
    assert f"and {MOST_REMEMBERED + 1 - 10} more" in told
    assert len(told) < 300
