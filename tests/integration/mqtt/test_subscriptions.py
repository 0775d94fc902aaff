"""The broker keeps a durable session's subscriptions: they follow the file, and none of them is lost sight of."""

import asyncio
from pathlib import Path

from fakes import RememberingSink, until
from integration.mqtt.conftest import Run, volume_meter
from servers.mosquitto import Mosquitto, publishing

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.observe import LinkState


async def is_up(given: Surroundings) -> None:
    await until(lambda: given.report.status.state is LinkState.UP)


async def subscribe_to_both(run: Run) -> None:
    async with run(RememberingSink(), volume_meter("plant/a"), volume_meter("plant/b/#", id="WM-03")) as given:
        await is_up(given)


async def test_a_topic_taken_out_of_the_file_is_unsubscribed(run: Run, broker: Mosquitto) -> None:
    await subscribe_to_both(run)
    sink = RememberingSink()
    with publishing(broker.port) as publisher:
        async with run(sink, volume_meter("plant/a", time=None)) as given:
            await is_up(given)
            await asyncio.to_thread(publisher.send, "plant/b/c", '{"total": 1}')
            await asyncio.to_thread(publisher.send, "plant/a", '{"total": 2}')
            (sample,) = await sink.wait_for_samples(1)
    assert sample.value == 2
    assert sink.dead_letters == []


async def test_a_message_no_meter_wants_is_a_dead_letter_and_does_not_hold_up_the_others(
    run: Run, broker: Mosquitto, tmp_path: Path
) -> None:
    await subscribe_to_both(run)
    (tmp_path / "state" / "subscriptions.json").unlink()
    sink = RememberingSink()
    with publishing(broker.port) as publisher:
        async with run(sink, volume_meter("plant/a", time=None)) as given:
            await is_up(given)
            await asyncio.to_thread(publisher.send, "plant/b/c", '{"total": 1}')
            await asyncio.to_thread(publisher.send, "plant/a", '{"total": 2}')
            await sink.wait_for_samples(1)
            (letter,) = sink.dead_letters
            assert 'sends "plant/b/c", which no meter wants' in str(given.report.status.last_error)
    assert (letter.reason, letter.source, letter.payload) == ("unwanted_topic", "plant/b/c", b'{"total": 1}')


async def test_more_topics_than_fit_one_packet_are_all_subscribed(run: Run, broker: Mosquitto) -> None:
    meters = [volume_meter(f"plant/{number}", id=f"WM-{number}", time=None) for number in range(30)]
    sink = RememberingSink()
    with publishing(broker.port) as publisher:
        async with run(sink, *meters) as given:
            await is_up(given)
            await asyncio.to_thread(publisher.send_all, [(f"plant/{number}", '{"total": 1}') for number in range(30)])
            samples = await sink.wait_for_samples(30)
    assert {sample.point for sample in samples} == {f"WM-{number}.volume" for number in range(30)}
