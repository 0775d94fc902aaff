"""Troubles that users of other collectors had with MQTT, each named after the thread that tells it."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import RememberingSink, until
from integration.mqtt.conftest import Run, volume_meter
from integration.mqtt.test_delivery import START, is_up, payload, send, values
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.process import serving

from ems_telemetry.model import Sample

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


@pytest.fixture
def publisher(broker: Mosquitto) -> Iterator[Publisher]:
    with publishing(broker.port) as connected:
        yield connected


def stored(samples: list[Sample]) -> list[object]:
    """What the database would hold: of samples with the same point and time, one."""
    return list({(sample.point, sample.time): sample.value for sample in samples}.values())


# https://github.com/influxdata/telegraf/issues/10824
@VERSIONS
async def test_telegraf_10824_a_retained_message_is_stored_once_over_all_restarts(
    run: Run, publisher: Publisher, version: str
) -> None:
    await asyncio.to_thread(publisher.send, "plant/wm02", payload(5), retain=True)
    sink = RememberingSink()
    for number in (6, 7, 8):
        async with run(sink, version=version) as given:
            await is_up(given)
            await send(publisher, "plant/wm02", payload(number))
            await until(lambda number=number: number in values(sink.samples))  # type: ignore[misc]
    assert stored(sink.samples) == [5, 6, 7, 8]


# https://github.com/influxdata/telegraf/issues/10824
@VERSIONS
async def test_telegraf_10824_a_retained_message_whose_time_says_nothing_is_never_stored(
    run: Run, publisher: Publisher, version: str
) -> None:
    """Its time would be replaced by that of the reception, so that each start would store it anew."""
    long_ago = START.replace(year=1970)
    far_ahead = START + timedelta(days=36_500)
    await asyncio.to_thread(publisher.send, "plant/1970", f'{{"ts": "{long_ago.isoformat()}", "total": 1}}', retain=True)
    await asyncio.to_thread(publisher.send, "plant/2126", f'{{"ts": "{far_ahead.isoformat()}", "total": 2}}', retain=True)
    sink = RememberingSink()
    for number in (6, 7):
        async with run(sink, volume_meter("plant/+"), version=version) as given:
            await is_up(given)
            await send(publisher, "plant/live", payload(number))
            await until(lambda number=number: number in values(sink.samples))  # type: ignore[misc]
    assert values(sink.samples) == [6, 7]


# https://github.com/influxdata/telegraf/issues/9703
@VERSIONS
async def test_telegraf_9703_changed_topics_count_although_the_broker_knows_our_session(
    run: Run, publisher: Publisher, version: str
) -> None:
    sink = RememberingSink()
    async with run(sink, volume_meter("plant/old"), version=version) as given:
        await is_up(given)
    for topic in ("plant/old", "plant/new"):
        await send(publisher, topic, payload(1))
    async with run(sink, volume_meter("plant/new"), version=version) as given:
        await is_up(given)
        await send(publisher, "plant/old", payload(2))
        await send(publisher, "plant/new", payload(3))
        assert values(await sink.wait_for_samples(1)) == [3]
    # What the broker kept for the old topic while we were away is not lost without a trace.
    assert [(letter.reason, letter.source) for letter in sink.dead_letters] == [("unwanted_topic", "plant/old")]


# https://github.com/influxdata/telegraf/issues/9703
async def test_telegraf_9703_only_what_is_no_longer_wanted_is_unsubscribed(run: Run, tmp_path: Path) -> None:
    chatty = Mosquitto(tmp_path / "chatty", settings=["log_type all"])
    meters = [volume_meter(f"plant/{number}", id=f"WM-{number}") for number in range(3)]
    with serving(chatty):
        async with run(RememberingSink(), *meters, port=chatty.port) as given:
            await is_up(given)
        for _ in range(2):
            async with run(RememberingSink(), *meters[1:], port=chatty.port) as given:
                await is_up(given)
        log = chatty.log.read_text()
    assert log.count("Received UNSUBSCRIBE") == 1
    assert log.count("ems-telemetry-water plant/0") == 1


# https://github.com/influxdata/telegraf/issues/13476
@VERSIONS
async def test_telegraf_13476_messages_that_nobody_can_read_do_not_stop_the_others(
    run: Run, publisher: Publisher, version: str
) -> None:
    """More of them than may be under way at once: each one is put aside and acknowledged."""
    sink = RememberingSink()
    async with run(sink, version=version, receive_maximum=5) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", *["poison"] * 50, payload(1))
        assert values(await sink.wait_for_samples(1)) == [1]
    async with run(sink, version=version) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", payload(2))
        await until(lambda: stored(sink.samples) == [1, 2])
    assert [letter.payload for letter in sink.dead_letters] == [b"poison"] * 50


# https://github.com/empicano/aiomqtt/issues/345
@pytest.mark.parametrize("qos", [1, 2])
async def test_aiomqtt_345_a_message_is_acknowledged_when_it_has_been_dealt_with_and_not_before(
    run: Run, publisher: Publisher, qos: int
) -> None:
    sink = RememberingSink()
    sink.durable.clear()
    async with run(sink, volume_meter(time=None), qos=qos, abruptly=True) as given:
        await is_up(given)
        await asyncio.to_thread(publisher.send_all, [("plant/wm02", '{"total": 1}')], qos=qos)
        await until(lambda: sink.waiting == 1)
    sink.durable.set()
    async with run(sink, volume_meter(time=None), qos=qos):
        assert values(await sink.wait_for_samples(1)) == [1]
    assert len(sink.samples) == 1
