"""Troubles that users of other Sparkplug hosts had, each named after the thread that tells it."""

from fakes import RememberingSink
from integration.mqtt.conftest import Run
from integration.mqtt.sparkplug_line import EM_30, counted, give_birth, is_up, line_3, ms, off, told
from servers.mosquitto import Mosquitto, publishing
from servers.sparkplug_client import edge_node, metric
from unit.mqtt.sparkplug import line as ours

from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType
from ems_telemetry.model import Flag


# https://github.com/united-manufacturing-hub/benthos-umh/pull/345
async def test_benthos_umh_345_data_by_alias_alone_is_read_with_name_and_datatype_after_a_restart(
    run: Run, broker: Mosquitto
) -> None:
    """No birth is retained, none comes again, and the data tells neither name nor datatype."""
    first, second = RememberingSink(), RememberingSink()
    topic = "spBv1.0/Plant-1/DDATA/line-3/main"
    negative = ours.metric(value=-12, alias=1, type=DataType.INT32, tells_type=False)
    with publishing(broker.port) as publisher, edge_node(broker.port) as node:
        async with run(first, EM_30, **line_3()) as given:
            await is_up(given)
            await off(give_birth, node, at=0, power=1)
            await first.wait_for_samples(2)
        async with run(second, EM_30, **line_3()) as given:
            await is_up(given)
            await off(publisher.send, topic, ours.payload(negative, seq=9, at=1).SerializeToString(), qos=0)
            await second.wait_for_samples(1)
    assert [(sample.point, sample.value) for sample in second.samples] == [("EM-30.power", -12)]
    assert second.dead_letters == []


# https://github.com/united-manufacturing-hub/benthos-umh/pull/345
async def test_benthos_umh_345_data_of_an_edge_node_nobody_has_seen_born_waits_for_the_birth_asked_for(
    run: Run, broker: Mosquitto
) -> None:
    sink = RememberingSink()
    with edge_node(broker.port) as node:
        async with run(sink, EM_30, **line_3(request_rebirth=True)) as given:
            await is_up(given)
            for number in range(5):
                await off(node.ddata, "main", metric("Int32", -number, alias=1), at_ms=ms(number))
            await counted(given, "rebirths_requested")
            assert await off(node.rebirths) == 1
            await off(give_birth, node, at=9)
            await sink.wait_for_samples(7)
    assert told(sink.samples)[2:] == [("power", number, -number, 0) for number in range(5)]
    assert sink.dead_letters == []


# https://github.com/eclipse-sparkplug/sparkplug/issues/135
async def test_eclipse_sparkplug_135_a_birth_that_others_have_overtaken_is_not_told_as_new(run: Run, broker: Mosquitto) -> None:
    """A host that comes late finds a birth that the broker has kept, and missed the data after it."""
    sink = RememberingSink()
    with publishing(broker.port) as publisher:

        async def send(verb: str, *told_: Metric, number: int, at: float, **settings: bool) -> None:
            device = "/main" if verb.startswith("D") else ""
            content = ours.payload(*told_, seq=number, at=at).SerializeToString()
            await off(publisher.send, f"spBv1.0/Plant-1/{verb}/line-3{device}", content, qos=0, **settings)

        await send("NBIRTH", ours.bd_seq(1), number=0, at=0, retain=True)
        await send("DBIRTH", ours.metric("Power", 1.0, alias=1), number=1, at=0, retain=True)
        for number in range(2, 8):
            await send("DDATA", ours.metric(value=float(number), alias=1, tells_type=False), number=number, at=number)
        await off(publisher.send, "so/that/all/of/it", "has arrived")
        async with run(sink, EM_30, **line_3(reorder_timeout="300ms")) as given:
            await is_up(given)
            await sink.wait_for_samples(1)
            await send("DDATA", ours.metric(value=8.0, alias=1, tells_type=False), number=8, at=8)
            await sink.wait_for_samples(2)
            assert given.report.status.counters["sequence_gaps"] == 1
            assert "edge node Plant-1/line-3: messages of it did not arrive" in str(given.report.status.last_error)
    assert told(sink.samples) == [("power", 0, 1.0, Flag.RETAINED), ("power", 8, 8.0, 0)]


# https://github.com/eclipse-sparkplug/sparkplug/issues/135
async def test_eclipse_sparkplug_135_the_state_before_a_death_that_we_missed_the_birth_after_is_stale(
    run: Run, broker: Mosquitto
) -> None:
    sink = RememberingSink()
    async with run(sink, EM_30, **line_3()) as given:
        await is_up(given)
        with edge_node(broker.port) as node:
            await off(give_birth, node, at=0, power=1)
            await sink.wait_for_samples(2)
        await sink.wait_for_samples(4)
        with edge_node(broker.port) as node:
            await off(node.ddata, "main", metric("Int32", 5, alias=1), at_ms=ms(60))
            await sink.wait_for_dead_letters(1)
    assert told(sink.samples)[2:] == [("energy", None, None, Flag.STALE), ("power", None, None, Flag.STALE)]
    assert [letter.reason for letter in sink.dead_letters] == ["before_birth"]


# https://github.com/eclipse-sparkplug/sparkplug/issues/594
async def test_eclipse_sparkplug_594_live_and_historical_values_of_one_message_are_told_apart(
    run: Run, broker: Mosquitto
) -> None:
    sink = RememberingSink()
    with edge_node(broker.port) as node:
        async with run(sink, EM_30, **line_3()) as given:
            await is_up(given)
            await off(give_birth, node, at=0)
            kept = [metric("Int32", number, alias=1, timestamp=ms(number), isHistorical=True) for number in (1, 2, 3)]
            await off(node.ddata, "main", *kept, metric("Int32", 4, alias=1, timestamp=ms(4)), at_ms=ms(5))
            await sink.wait_for_samples(6)
    flags = [Flag.BACKFILLED, Flag.BACKFILLED, Flag.BACKFILLED, 0]
    assert told(sink.samples)[2:] == [("power", number, number, flag) for number, flag in zip((1, 2, 3, 4), flags, strict=True)]
    assert sink.dead_letters == []
