"""Groups of messages are made durable once each."""

from datetime import timedelta
from pathlib import Path

import pytest
from fakes import HandClock, RememberingSink, surroundings
from unit.mqtt.meters import RECEIVED, DecodingIntake, message, meter

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.mqtt.message import Message, receipt_of
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES
from ems_telemetry.observe import ConnectorReport


@pytest.fixture
def sink() -> RememberingSink:
    return RememberingSink()


@pytest.fixture
def given(tmp_path: Path, sink: RememberingSink) -> Surroundings:
    return surroundings(tmp_path, sink=sink, clock=HandClock())


@pytest.fixture
def report(given: Surroundings) -> ConnectorReport:
    return given.report


@pytest.fixture
def intake(given: Surroundings) -> DecodingIntake:
    return DecodingIntake(given, meter("$.a"), meter("$.a", id="T", topic="timed", time="$.ts"))


async def test_a_message_without_a_time_leaves_a_receipt(intake: DecodingIntake, sink: RememberingSink) -> None:
    arrived = message('{"a": 1}', packet_id=7)
    await intake.deliver(arrived)
    assert sink.receipts == {receipt_of(arrived, "under-test")}


async def test_a_message_with_a_time_needs_none(intake: DecodingIntake, sink: RememberingSink) -> None:
    await intake.deliver(message('{"a": 1, "ts": 1757060280}', "timed"))
    assert len(sink.samples) == 1
    assert sink.receipts == set()


async def test_its_redelivery_is_counted_and_not_stored(
    intake: DecodingIntake, sink: RememberingSink, report: ConnectorReport
) -> None:
    await intake.deliver(message('{"a": 1}', packet_id=7))
    await intake.deliver(message('{"a": 1}', packet_id=7, redelivered=True))
    assert len(sink.samples) == 1
    assert report.status.counters["samples_redelivered"] == 1


async def test_a_redelivery_is_known_also_when_our_clock_was_set_right_in_between(
    intake: DecodingIntake, sink: RememberingSink
) -> None:
    first = message('{"a": 1, "ts": "2026-03-02T10:00:00Z"}', "timed", packet_id=7)
    await intake.deliver(first._replace(received_at=RECEIVED - timedelta(minutes=10)))
    await intake.deliver(first._replace(redelivered=True))
    assert len(sink.samples) == 1


async def test_a_redelivery_within_one_group_is_not_stored_either(intake: DecodingIntake, sink: RememberingSink) -> None:
    await intake.deliver(message('{"a": 1}'), message('{"a": 1}', redelivered=True))
    assert len(sink.samples) == 1


async def test_a_redelivery_of_what_never_became_durable_is_stored(intake: DecodingIntake, sink: RememberingSink) -> None:
    await intake.deliver(message('{"a": 1}', redelivered=True))
    assert len(sink.samples) == 1


@pytest.mark.parametrize(
    "other",
    [message('{"a": 1}', packet_id=7), message('{"a": 2}', packet_id=7, redelivered=True), message('{"a": 1}', packet_id=8)],
    ids=["the same again, not marked as redelivered", "another payload", "another packet id"],
)
async def test_another_message_is_stored_however_alike(intake: DecodingIntake, sink: RememberingSink, other: Message) -> None:
    await intake.deliver(message('{"a": 1}', packet_id=7))
    await intake.deliver(other)
    assert len(sink.samples) == 2


async def test_an_unwanted_topic_is_told_and_kept_as_a_dead_letter(intake: DecodingIntake, sink: RememberingSink) -> None:
    assert [decoded.is_unwanted for decoded in intake.decoder.receive(message("x", "stale"))] == [True]
    await intake.deliver(message("x", "stale"), message('{"a": 1}'))
    assert len(sink.samples) == 1
    (letter,) = sink.dead_letters
    assert (letter.connector, letter.reason, letter.source, letter.payload) == ("under-test", "unwanted_topic", "stale", b"x")


async def test_the_payload_of_a_dead_letter_is_bounded(intake: DecodingIntake, sink: RememberingSink) -> None:
    await intake.deliver(message("x" * 100_000))
    (letter,) = sink.dead_letters
    assert len(letter.payload) == DEAD_LETTER_PAYLOAD_BYTES
    assert letter.detail.endswith("the payload had 100000 bytes")


async def test_messages_at_qos_0_are_offered_and_leave_no_receipt(intake: DecodingIntake, sink: RememberingSink) -> None:
    sink.durable.clear()
    await intake.offer(message('{"a": 1}', qos=0), message("?", qos=0))
    assert (len(sink.samples), len(sink.dead_letters), sink.receipts) == (1, 1, set())
