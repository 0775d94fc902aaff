"""A Sparkplug edge node that is not ours at a real broker: every value with its time, sign and fate."""

import asyncio
from pathlib import Path

import pytest
from fakes import RememberingSink, until
from integration.mqtt.conftest import Run
from integration.mqtt.sparkplug_line import EM_30, counted, give_birth, is_up, line_3, ms, off, overhearing, time, told
from servers.mosquitto import Mosquitto, publishing
from servers.sparkplug_client import edge_node, metric
from unit.mqtt.sparkplug import line as ours

from ems_telemetry.connectors.mqtt.sparkplug.values import DataType
from ems_telemetry.model import Flag, Quality


async def test_a_life_with_our_restart_within_it(run: Run, broker: Mosquitto) -> None:
    first, second = RememberingSink(), RememberingSink()
    with edge_node(broker.port) as node:
        async with run(first, EM_30, **line_3()) as given:
            await is_up(given)
            await off(give_birth, node, at=0, energy=2**60 + 1, power=-12)
            await off(node.ddata, "main", metric("Int32", -13, alias=1, timestamp=ms(1)), at_ms=ms(1.5))
            await first.wait_for_samples(3)
        await off(node.ddata, "main", metric("Int32", 99, alias=1), at_ms=ms(2))  # at QoS 0, while nobody listens
        async with run(second, EM_30, **line_3()) as given:
            await is_up(given)
            late = metric("Int32", -14, alias=1, timestamp=ms(1.2), isHistorical=True)
            await off(node.ddata, "main", late, metric("Int64", -(2**60) - 1, alias=0), at_ms=ms(3))
            await off(node.ddata, "main", metric("Int32", None, alias=1), at_ms=ms(4), compress=True, algorithm="GZIP")
            await second.wait_for_samples(3)
            await off(node.ddeath, "main", at_ms=ms(5))
            await second.wait_for_samples(5)
            assert given.report.status.last_error is None
    assert told(first.samples) == [("energy", 0, 2**60 + 1, 0), ("power", 0, -12, 0), ("power", 1, -13, 0)]
    assert told(second.samples) == [
        ("power", 1.2, -14, Flag.BACKFILLED),
        ("energy", 3, -(2**60) - 1, 0),
        ("power", 4, None, 0),
        ("energy", 5, None, Flag.STALE),
        ("power", 5, None, Flag.STALE),
    ]
    assert first.dead_letters == second.dead_letters == []


async def test_an_edge_node_that_is_cut_off_leaves_no_value_behind_that_looks_alive(run: Run, broker: Mosquitto) -> None:
    sink = RememberingSink()
    async with run(sink, EM_30, **line_3()) as given:
        await is_up(given)
        with edge_node(broker.port) as node:
            await off(give_birth, node, at=0)
            await sink.wait_for_samples(2)
        await sink.wait_for_samples(4)
        with edge_node(broker.port) as node:
            await off(give_birth, node, at=60, power=7)
            await sink.wait_for_samples(6)
            assert told(sink.samples[4:]) == [("energy", 60, 0, 0), ("power", 60, 7, 0)]
    stale = sink.samples[2:4]
    assert [(sample.value, sample.quality, sample.status, sample.flags, sample.time) for sample in stale] == [
        (None, Quality.BAD, 500, Flag.STALE, None)
    ] * 2


async def test_nothing_is_ever_published_where_no_rebirth_may_be_asked(run: Run, broker: Mosquitto) -> None:
    sink = RememberingSink()
    with overhearing(broker.port) as topics, edge_node(broker.port) as node:
        async with run(sink, EM_30, **line_3()) as given:
            await is_up(given)
            await off(node.ddata, "main", metric("Int32", 1, alias=1), at_ms=ms(0))
            await off(node.ddata, "main", metric("Int32", 2, alias=99), at_ms=ms(1))
            await sink.wait_for_dead_letters(2)
            await off(give_birth, node, at=2)
            await sink.wait_for_samples(2)
            assert await off(node.rebirths) == 0
            assert "request_rebirth: true" in str(given.report.status.last_error)
        await until(lambda: len(topics) >= 4)
        assert [topic.split("/")[2] for topic in topics] == ["DDATA", "DDATA", "NBIRTH", "DBIRTH"]


async def test_where_it_may_be_asked_data_that_came_first_is_read_by_the_birth_that_follows(
    run: Run, broker: Mosquitto
) -> None:
    sink = RememberingSink()
    with overhearing(broker.port) as topics, edge_node(broker.port) as node:
        async with run(sink, EM_30, **line_3(request_rebirth=True)) as given:
            await is_up(given)
            await off(node.ddata, "main", metric("Int32", -5, alias=1), at_ms=ms(0))
            await until(lambda: any("/NCMD/" in topic for topic in topics))
            assert await off(node.rebirths) == 1
            await off(give_birth, node, at=1)
            await sink.wait_for_samples(3)
            assert given.report.status.counters["rebirths_requested"] == 1
    assert told(sink.samples) == [("energy", 1, 0, 0), ("power", 1, 0, 0), ("power", 0, -5, 0)]
    assert sink.dead_letters == []


async def test_meters_and_points_are_found_and_known_again_before_any_data_after_a_restart(run: Run, broker: Mosquitto) -> None:
    first, second = RememberingSink(), RememberingSink()
    unit = {"engUnit": {"type": "String", "value": "kWh"}}
    other = {**EM_30, "device": "another"}
    with edge_node(broker.port) as node:
        async with run(first, other, **line_3(discover=True)) as given:
            await is_up(given)
            await off(node.nbirth, at_ms=ms(0))
            found = metric("Double", 5.5, name="Energy/Import", alias=0, properties=unit)
            await off(node.dbirth, "main", found, metric("String", "A", name="Recipe", alias=1), at_ms=ms(0))
            await first.wait_for_samples(1)
            (letter,) = await first.wait_for_dead_letters(1)
        assert (letter.reason, list(first.declared)) == ("undiscovered_metric", ["line-3_main.energy_import"])
        async with run(second, other, **line_3(discover=True)) as given:
            await is_up(given)
            assert second.declared.keys() == first.declared.keys()
            await off(node.ddata, "main", metric("Double", 6.5, alias=0), at_ms=ms(1))
            await second.wait_for_samples(1)
    assert [(sample.point, sample.value) for sample in (*first.samples, *second.samples)] == [
        ("line-3_main.energy_import", 5.5),
        ("line-3_main.energy_import", 6.5),
    ]


def by_us(number: int, value: float | None = None) -> bytes:
    """Data of the device by alias alone, without its datatype; without a value a birth."""
    if value is None:
        told_ = ours.metric("Power", 0.5, alias=11)
        return ours.payload(told_, seq=number).SerializeToString()
    return ours.payload(ours.metric(value=value, alias=11, tells_type=False), seq=number, at=float(number)).SerializeToString()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_what_waits_for_others_is_not_acknowledged_before_it_is_stored(
    run: Run, broker: Mosquitto, tmp_path: Path, version: str
) -> None:
    first, second = RememberingSink(), RememberingSink()
    settings = {"version": version, **line_3(reorder_timeout="60s")}
    topic = "spBv1.0/Plant-1/{}/line-3/main"
    with publishing(broker.port) as publisher:
        async with run(first, EM_30, abruptly=True, **settings) as given:
            await is_up(given)
            await off(publisher.send, "spBv1.0/Plant-1/NBIRTH/line-3", ours.payload(ours.bd_seq(1), seq=0).SerializeToString())
            await off(publisher.send, topic.format("DBIRTH"), by_us(1))
            await off(publisher.send, topic.format("DDATA"), by_us(3, 3.5))
            await first.wait_for_samples(1)
            await asyncio.sleep(0.3)
            assert len(first.samples) == 1
        assert (tmp_path / "state" / "births.db").exists()
        async with run(second, EM_30, **settings) as given:
            await off(publisher.send, topic.format("DDATA"), by_us(4, 4.5))
            assert [sample.value for sample in await second.wait_for_samples(2)] == [3.5, 4.5]
            assert given.report.status.counters.get("data_before_birth") is None


async def test_one_edge_node_that_waits_holds_up_no_other(run: Run, broker: Mosquitto) -> None:
    sink = RememberingSink()
    other = {**EM_30, "id": "EM-31", "edge_node": "line-4"}
    waiting = {**EM_30, "edge_node": "line-3"}
    settings = line_3(edge_node="+", reorder_timeout="60s")
    with publishing(broker.port) as publisher:
        async with run(sink, waiting, other, receive_maximum=20, version="5", **settings) as given:
            await is_up(given)
            for line in ("line-3", "line-4"):
                await off(
                    publisher.send, f"spBv1.0/Plant-1/NBIRTH/{line}", ours.payload(ours.bd_seq(1), seq=0).SerializeToString()
                )
                await off(publisher.send, f"spBv1.0/Plant-1/DBIRTH/{line}/main", by_us(1))
            await off(publisher.send, "spBv1.0/Plant-1/DDATA/line-3/main", by_us(3, 3.5))
            for number in range(2, 100):
                await off(publisher.send, "spBv1.0/Plant-1/DDATA/line-4/main", by_us(number, number + 0.5))
            await sink.wait_for_samples(2 + 98 + 1)
    assert [sample.value for sample in sink.samples if sample.point == "EM-31.power"] == [
        0.5,
        *(n + 0.5 for n in range(2, 100)),
    ]


async def test_a_death_at_qos_1_that_comes_again_is_stored_once(run: Run, broker: Mosquitto) -> None:
    first, second = RememberingSink(), RememberingSink()
    first.durable.clear()
    with publishing(broker.port) as publisher:
        async with run(first, EM_30, abruptly=True, **line_3()) as given:
            await is_up(given)
            death = ours.payload(ours.bd_seq(1, DataType.UINT64), at=0.0).SerializeToString()
            await off(publisher.send, "spBv1.0/Plant-1/NDEATH/line-3", death)
            await until(lambda: first.waiting == 1)
        async with run(second, EM_30, **line_3()) as given:
            await second.wait_for_samples(2)
            await off(publisher.send, "spBv1.0/Plant-1/NDEATH/line-3", death)
            await counted(given, "deaths_repeated")
    assert (len(first.samples), told(second.samples)) == (
        0,
        [("energy", None, None, Flag.STALE), ("power", None, None, Flag.STALE)],
    )
    assert len(second.receipts) == 1
    assert {sample.received_at for sample in second.samples} != {time(0)}
