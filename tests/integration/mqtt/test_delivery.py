"""What a broker was sent arrives once: through lost connections, absences, restarts and messages nobody can read."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from fakes import RememberingSink, until
from integration.mqtt.conftest import Run, volume_meter
from servers.cable import Cable, cable_to
from servers.mosquitto import Mosquitto, Publisher, publishing

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.model import DeadLetter, Flag, Receipt, Sample
from ems_telemetry.observe import LinkState

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def publisher(broker: Mosquitto) -> Iterator[Publisher]:
    with publishing(broker.port) as connected:
        yield connected


def payload(number: int) -> str:
    return f'{{"ts": "{(START + timedelta(seconds=number)).isoformat()}", "total": {number}}}'


async def is_up(given: Surroundings) -> None:
    await until(lambda: given.report.status.state is LinkState.UP)


async def send(publisher: Publisher, topic: str, *payloads: str | bytes) -> None:
    await asyncio.to_thread(publisher.send_all, [(topic, each) for each in payloads])


def values(samples: Sequence[Sample]) -> list[object]:
    return [sample.value for sample in samples]


@pytest.mark.parametrize("version", ["auto", "5", "3.1.1"])
async def test_values_arrive_with_the_devices_time(run: Run, publisher: Publisher, version: str) -> None:
    sink = RememberingSink()
    async with run(sink, version=version) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", payload(7))
        (sample,) = await sink.wait_for_samples(1)
    assert sample[:3] == ("WM-02.volume", START + timedelta(seconds=7), 7)
    assert sink.receipts == set()


async def test_plain_values_arrive_each_from_its_own_topic(run: Run, publisher: Publisher) -> None:
    point = {"id": "flow", "topic": "esp/flow/state", "quantity": "water_flow", "unit": "m3/h"}
    meter = {"id": "WM-03", "payload": "scalar", "points": [point]}
    sink = RememberingSink()
    async with run(sink, meter) as given:
        await is_up(given)
        await send(publisher, "esp/flow/state", "12.5")
        (sample,) = await sink.wait_for_samples(1)
    assert (sample.point, sample.time, sample.value) == ("WM-03.flow", None, 12.5)
    assert len(sink.receipts) == 1


async def test_messages_at_qos_0_arrive_too(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with run(sink) as given:
        await is_up(given)
        await asyncio.to_thread(publisher.send, "plant/wm02", payload(1), qos=0)
        await sink.wait_for_samples(1)
    assert sink.receipts == set()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_nothing_is_acknowledged_before_it_is_durable(run: Run, publisher: Publisher, version: str) -> None:
    full = RememberingSink()
    full.durable.clear()
    async with run(full, version=version, abruptly=True) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", payload(1), payload(2))
        await until(lambda: full.waiting == 1)
    emptied = RememberingSink()
    async with run(emptied, version=version):
        assert sorted(values(await emptied.wait_for_samples(2)), key=str) == [1, 2]
    assert full.samples == []


async def test_what_was_acknowledged_does_not_come_again(run: Run, publisher: Publisher) -> None:
    sink, later = RememberingSink(), RememberingSink()
    async with run(sink) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", payload(1))
        await sink.wait_for_samples(1)
    async with run(later) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", payload(2))
        assert values(await later.wait_for_samples(1)) == [2]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_messages_sent_while_we_are_away_arrive(run: Run, publisher: Publisher, version: str) -> None:
    sink = RememberingSink()
    async with run(sink, version=version) as given:
        await is_up(given)
    await send(publisher, "plant/wm02", *map(payload, range(50)))
    async with run(sink, version=version):
        assert values(await sink.wait_for_samples(50)) == list(range(50))


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_far_more_messages_than_fit_the_window_wait_for_us(run: Run, publisher: Publisher, version: str) -> None:
    sink = RememberingSink()
    async with run(sink, version=version) as given:
        await is_up(given)
    await send(publisher, "plant/wm02", *map(payload, range(300)))
    async with run(sink, version=version, receive_maximum=10) as given:
        assert values(await sink.wait_for_samples(300)) == list(range(300))
        await is_up(given)
        assert given.report.status.counters.get("reconnects", 0) == 0


async def test_the_connection_stays_up_while_nothing_can_be_stored(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with run(sink, version="5") as given:
        await is_up(given)
    await send(publisher, "plant/wm02", *map(payload, range(100)))
    sink.durable.clear()
    async with run(sink, version="5", receive_maximum=10, keepalive="5s") as given:
        await is_up(given)
        with pytest.raises(TimeoutError):
            await until(lambda: given.report.status.state is not LinkState.UP, timeout_s=11)
        sink.durable.set()
        assert values(await sink.wait_for_samples(100)) == list(range(100))


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_cable_cut_before_the_acknowledgement_brings_the_message_again(
    run: Run, broker: Mosquitto, publisher: Publisher, version: str
) -> None:
    sink = RememberingSink()
    sink.durable.clear()
    async with cable_to(broker.port) as cable, run(sink, volume_meter(time=None), port=cable.port, version=version) as given:
        await is_up(given)
        await send(publisher, "plant/wm02", '{"total": 1}')
        await until(lambda: sink.waiting == 1)
        cable.cut()
        await until(lambda: given.report.status.state is LinkState.DOWN)
        sink.durable.set()
        await sink.wait_for_samples(1)
        await is_up(given)
        await send(publisher, "plant/wm02", '{"total": 2}')
        await sink.wait_for_samples(2)
    assert values(sink.samples) == [1, 2]


class CuttingSink(RememberingSink):
    """Cuts the cable the moment something is durable, so that no acknowledgement gets through."""

    def __init__(self, cable: Cable) -> None:
        super().__init__()
        self.cable = cable
        self.cuts = 1

    async def deliver(
        self, samples: Sequence[Sample], dead_letters: Sequence[DeadLetter] = (), receipts: Sequence[Receipt] = ()
    ) -> None:
        await super().deliver(samples, dead_letters, receipts)
        if self.cuts:
            self.cuts -= 1
            self.cable.cut()
            await asyncio.sleep(0.1)


async def test_a_redelivered_message_without_a_time_of_its_own_is_stored_once(
    run: Run, broker: Mosquitto, publisher: Publisher
) -> None:
    async with cable_to(broker.port) as cable:
        sink = CuttingSink(cable)
        async with run(sink, volume_meter(time=None), port=cable.port) as given:
            await is_up(given)
            await send(publisher, "plant/wm02", '{"total": 1}')
            await until(lambda: given.report.status.counters.get("samples_redelivered") == 1)
            await send(publisher, "plant/wm02", '{"total": 1}')
            await sink.wait_for_samples(2)
            await send(publisher, "plant/wm02", '{"total": 3}')
            await sink.wait_for_samples(3)
    assert values(sink.samples) == [1, 1, 3]


async def test_a_redelivered_unreadable_message_is_one_dead_letter(run: Run, broker: Mosquitto, publisher: Publisher) -> None:
    async with cable_to(broker.port) as cable:
        sink = CuttingSink(cable)
        async with run(sink, port=cable.port) as given:
            await is_up(given)
            await send(publisher, "plant/wm02", "not JSON")
            await until(lambda: given.report.status.counters.get("samples_redelivered") == 1)
            await send(publisher, "plant/wm02", payload(2))
            await sink.wait_for_samples(1)
    assert [letter.reason for letter in sink.dead_letters] == ["payload_unreadable"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_broker_restarted_in_mid_flow_loses_nothing_and_doubles_nothing(
    run: Run, broker: Mosquitto, version: str
) -> None:
    sink = RememberingSink()
    async with run(sink, version=version) as given:
        await is_up(given)
        for part in range(3):
            with publishing(broker.port) as publisher:
                await send(publisher, "plant/wm02", *map(payload, range(100 * part, 100 * part + 100)))
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
        await until(lambda: len({sample.time for sample in sink.samples}) == 300)
    readings = {(sample.point, sample.time): sample.value for sample in sink.samples}
    assert set(readings.values()) == set(range(300))


async def test_an_unreadable_message_does_not_hold_up_the_others(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with run(sink, receive_maximum=2) as given:
        await is_up(given)
        poison: list[str | bytes] = [
            "",
            "{",
            b"\xff\xfe",
            "[1]",
            '{"ts": "soon", "total": 1}',
            '{"total": 1}',
            '{"ts": 1700000000}',
        ] * 10
        await send(publisher, "plant/wm02", *poison, payload(1))
        assert values(await sink.wait_for_samples(1)) == [1]
    assert Counter(letter.reason for letter in sink.dead_letters) == {
        "payload_unreadable": 30,
        "time_missing": 20,
        "time_unreadable": 10,
        "value_missing": 10,
    }
    assert {letter.source for letter in sink.dead_letters} == {"plant/wm02"}


async def test_a_flood_is_held_at_the_broker_while_nothing_can_be_stored(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    sink.durable.clear()
    async with run(sink, receive_maximum=20, version="5") as given:
        await is_up(given)
        await send(publisher, "plant/wm02", *map(payload, range(1000)))
        await until(lambda: sink.waiting == 1)
        assert sink.samples == []
        sink.durable.set()
        assert values(await sink.wait_for_samples(1000)) == list(range(1000))


async def test_a_flood_of_3_1_1_is_held_back_by_not_reading(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    sink.durable.clear()
    async with run(sink, receive_maximum=10, version="3.1.1") as given:
        await is_up(given)
        await send(publisher, "plant/wm02", *map(payload, range(1000)))
        await until(lambda: sink.waiting == 1)
        sink.durable.set()
        assert values(await sink.wait_for_samples(1000)) == list(range(1000))


async def test_a_flood_at_qos_0_is_refused_and_does_not_hold_up_the_rest(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    sink.refusing = True
    async with run(sink, receive_maximum=10) as given:
        await is_up(given)
        for number in range(100):
            await asyncio.to_thread(publisher.send, "plant/wm02", payload(number), qos=0)
        await send(publisher, "plant/wm02", payload(100))
        assert values(await sink.wait_for_samples(1)) == [100]
        await until(lambda: len(sink.refused) == 100)


async def test_a_retained_message_with_its_own_time_is_stored_and_marked(run: Run, publisher: Publisher) -> None:
    await asyncio.to_thread(publisher.send, "plant/wm02", payload(5), retain=True)
    sink = RememberingSink()
    async with run(sink):
        (sample,) = await sink.wait_for_samples(1)
    assert (sample.value, sample.flags) == (5, Flag.RETAINED)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_retained_message_without_a_time_is_no_new_reading(run: Run, publisher: Publisher, version: str) -> None:
    await asyncio.to_thread(publisher.send, "plant/wm02", '{"total": 5}', retain=True)
    sink = RememberingSink()
    for number in (1, 2):
        async with run(sink, volume_meter(time=None), version=version) as given:
            await is_up(given)
            await send(publisher, "plant/wm02", f'{{"total": {number}}}')
            await sink.wait_for_samples(number)
    assert values(sink.samples) == [1, 2]


async def test_wildcards_and_overlapping_topics_bring_each_message_once(run: Run, publisher: Publisher) -> None:
    everywhere = volume_meter("plant/#", id="WM-ALL", time=None)
    one = volume_meter("plant/+/wm02", id="WM-ONE", time=None)
    sink = RememberingSink()
    async with run(sink, everywhere, one) as given:
        await is_up(given)
        await send(publisher, "plant/hall/wm02", '{"total": 1}')
        await send(publisher, "plant/end", '{"total": 2}')
        await sink.wait_for_samples(3)
    assert Counter(sample.point for sample in sink.samples) == {"WM-ALL.volume": 2, "WM-ONE.volume": 1}
