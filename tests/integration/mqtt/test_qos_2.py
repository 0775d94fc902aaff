"""Messages at QoS 2: confirmed when they are durable, and stored once whatever breaks in between."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from fakes import RememberingSink, until
from integration.mqtt.conftest import Run, volume_meter
from integration.mqtt.test_delivery import CuttingSink, is_up, payload, values
from servers.cable import Cable, cable_to
from servers.mosquitto import Mosquitto, Publisher, publishing

from ems_telemetry.observe import LinkState

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])
PUBCOMP = 0x70


@pytest.fixture
def publisher(broker: Mosquitto) -> Iterator[Publisher]:
    with publishing(broker.port) as connected:
        yield connected


async def send(publisher: Publisher, *payloads: str) -> None:
    await asyncio.to_thread(publisher.send_all, [("plant/wm02", each) for each in payloads], qos=2)


@VERSIONS
async def test_nothing_is_confirmed_before_it_is_durable(run: Run, publisher: Publisher, version: str) -> None:
    full = RememberingSink()
    full.durable.clear()
    async with run(full, version=version, qos=2, abruptly=True) as given:
        await is_up(given)
        await send(publisher, payload(1), payload(2))
        await until(lambda: full.waiting == 1)
    emptied = RememberingSink()
    async with run(emptied, version=version, qos=2):
        assert sorted(values(await emptied.wait_for_samples(2)), key=str) == [1, 2]
    assert full.samples == []


@VERSIONS
async def test_what_was_confirmed_does_not_come_again(run: Run, publisher: Publisher, version: str) -> None:
    sink, later = RememberingSink(), RememberingSink()
    async with run(sink, version=version, qos=2) as given:
        await is_up(given)
        await send(publisher, payload(1))
        await sink.wait_for_samples(1)
    async with run(later, version=version, qos=2) as given:
        await is_up(given)
        await send(publisher, payload(2))
        assert values(await later.wait_for_samples(1)) == [2]


@VERSIONS
async def test_a_redelivered_message_without_a_time_of_its_own_is_stored_once(
    run: Run, broker: Mosquitto, publisher: Publisher, version: str
) -> None:
    async with cable_to(broker.port) as cable:
        sink = CuttingSink(cable)
        async with run(sink, volume_meter(time=None), port=cable.port, version=version, qos=2) as given:
            await is_up(given)
            await send(publisher, '{"total": 1}')
            await until(lambda: given.report.status.counters.get("samples_redelivered") == 1)
            await send(publisher, '{"total": 1}')
            await sink.wait_for_samples(2)
            await send(publisher, '{"total": 3}')
            await sink.wait_for_samples(3)
    assert values(sink.samples) == [1, 1, 3]


class LosingPubcomp(Cable):
    """Loses the end of the first exchange of QoS 2, and breaks with it."""

    lost = 0

    def carry(self, reader: asyncio.StreamReader, data: bytes) -> bytes:
        if not self.lost and data[:1] == bytes((PUBCOMP,)):
            self.lost += 1
            self.cut()
            return b""
        return super().carry(reader, data)


@VERSIONS
async def test_an_exchange_broken_off_before_its_end_is_ended_and_stores_nothing_again(
    run: Run, broker: Mosquitto, publisher: Publisher, version: str
) -> None:
    cable = LosingPubcomp(broker.port)
    await cable.plug_in()
    sink = RememberingSink()
    try:
        async with run(sink, volume_meter(time=None), port=cable.port, version=version, qos=2) as given:
            await is_up(given)
            await send(publisher, '{"total": 1}')
            await until(lambda: cable.lost == 1)
            await until(lambda: given.report.status.counters.get("reconnects") == 1)
            await is_up(given)
            await send(publisher, '{"total": 1}')
            await sink.wait_for_samples(2)
    finally:
        await cable.unplug()
    assert values(sink.samples) == [1, 1]


async def test_the_receipt_of_a_message_ends_with_its_exchange(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with run(sink, volume_meter(time=None), qos=2) as given:
        await is_up(given)
        await send(publisher, '{"total": 1}')
        await until(lambda: [receipt.digest for receipt in sink.receipts] == [b"forgotten"])


async def test_messages_with_a_time_leave_no_receipt_and_need_none_taken_back(run: Run, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with run(sink, qos=2) as given:
        await is_up(given)
        await send(publisher, *map(payload, range(100)))
        await sink.wait_for_samples(100)
    assert sink.receipts == set()


@VERSIONS
async def test_far_more_messages_than_fit_the_window_wait_for_us(run: Run, publisher: Publisher, version: str) -> None:
    sink = RememberingSink()
    async with run(sink, version=version, qos=2) as given:
        await is_up(given)
    await send(publisher, *map(payload, range(300)))
    async with run(sink, version=version, qos=2, receive_maximum=10) as given:
        assert values(await sink.wait_for_samples(300)) == list(range(300))
        await is_up(given)
        assert given.report.status.state is LinkState.UP


async def test_cables_cut_again_and_again_lose_and_double_nothing(run: Run, broker: Mosquitto, publisher: Publisher) -> None:
    sink = RememberingSink()
    async with (
        cable_to(broker.port) as cable,
        run(sink, volume_meter(time=None), port=cable.port, qos=2, receive_maximum=20) as given,
    ):
        await is_up(given)
        sending = asyncio.create_task(send(publisher, *(f'{{"total": {number}}}' for number in range(2000))))
        for _ in range(8):
            # Mosquitto sends again what it may not if a connection breaks twice in a row.
            await sink.wait_for_samples(len(sink.samples) + 100)
            cable.cut()
        await sending
        await sink.wait_for_samples(2000)
        await asyncio.sleep(0.3)
    assert Counter(values(sink.samples)) == Counter(range(2000))
