"""What becomes of an edge node's messages: in and out of order, before a birth, after a death, twice, after our restart."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from unit.mqtt.sparkplug.line import ENERGY, METER, START, Line, bd_seq, metric, ms, payload, sparkplug_file, time

from ems_telemetry.connectors.mqtt.sparkplug import edge_node
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType
from ems_telemetry.model import Flag, Quality, Sample

NODE_METER = {"id": "NM-3", "points": [{"id": "voltage", "metric": "Supply Voltage", "quantity": "voltage", "unit": "V"}]}
BORN = [("EM-30.energy", 1), ("EM-30.power", 0.5)]
STALE = [("EM-30.energy", None), ("EM-30.power", None)]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.host.open()
    yield line
    await line.host.close()


def born(line: Line) -> Line:
    line.nbirth(0)
    line.dbirth(1)
    return line


async def test_births_and_data_in_order(line: Line) -> None:
    born(line)
    line.ddata(2, 1.5, at=1.0)
    line.ddata(3, -7, at=2.0)
    assert line.values == [*BORN, ("EM-30.power", 1.5), ("EM-30.energy", -7)]
    assert [sample.time for sample in line.samples] == [time(0), time(0), time(1), time(2)]
    assert (line.reasons, line.given.report.status.last_error) == ([], None)


Script = Callable[[Line], object]
SCRIPTS: dict[str, tuple[list[Script], list[Any], dict[str, int], list[str]]] = {
    # name: what is sent, what values come out, what is counted, which dead letters there are
    "data that comes too early waits for its turn": (
        [lambda line: line.ddata(3, 3.5), lambda line: line.ddata(2, 2.5)],
        [*BORN, ("EM-30.power", 2.5), ("EM-30.power", 3.5)],
        {},
        [],
    ),
    "a message that comes twice is read twice and changes nothing": (
        [lambda line: line.ddata(2, 2.5), lambda line: line.ddata(2, 2.5), lambda line: line.ddata(3, 3.5)],
        [*BORN, ("EM-30.power", 2.5), ("EM-30.power", 2.5), ("EM-30.power", 3.5)],
        {"messages_repeated": 1},
        [],
    ),
    "an alias that the birth does not tell": (
        [lambda line: line.ddata(2, 2.5, alias=99), lambda line: line.ddata(3, 3.5)],
        [*BORN, ("EM-30.power", 3.5)],
        {"data_of_unknown_metrics": 1},
        ["unknown_metric"],
    ),
    "a name that the birth does not tell and nobody lists": (
        [lambda line: line.send("DDATA", payload(metric("Other", 1.0), seq=2), "main")],
        BORN,
        {"metrics_unwanted": 1},
        [],
    ),
    "data of a device that was never born and that nobody lists": (
        [lambda line: line.send("DDATA", payload(metric(value=1.0, alias=5), seq=2), "other")],
        BORN,
        {"data_before_birth": 1},
        ["before_birth"],
    ),
    "a death of the device": (
        [lambda line: line.ddeath(2)],
        [*BORN, *STALE],
        {"deaths": 1},
        [],
    ),
    "a second death of the device": (
        [lambda line: line.ddeath(2), lambda line: line.ddeath(3)],
        [*BORN, *STALE],
        {"deaths": 1, "deaths_repeated": 1},
        [],
    ),
    "a death of the edge node": (
        [lambda line: line.ndeath(1)],
        [*BORN, *STALE],
        {"deaths": 1},
        [],
    ),
    "a death of the edge node that comes twice": (
        [lambda line: line.ndeath(1), lambda line: line.ndeath(1)],
        [*BORN, *STALE],
        {"deaths": 1, "deaths_repeated": 1},
        [],
    ),
    "a death of the edge node after that of its device": (
        [lambda line: line.ddeath(2), lambda line: line.ndeath(1)],
        [*BORN, *STALE],
        {"deaths": 2},
        [],
    ),
    "a death of an older session": (
        [lambda line: line.ndeath(0), lambda line: line.ddata(2, 2.5)],
        [*BORN, ("EM-30.power", 2.5)],
        {"deaths_of_older_sessions": 1},
        [],
    ),
    "a death of a later session whose birth we missed": (
        [lambda line: line.ndeath(2)],
        [*BORN, *STALE],
        {"deaths": 1},
        [],
    ),
    "a death without the number of its session": (
        [lambda line: line.ndeath(None)],
        [*BORN, *STALE],
        {"deaths": 1},
        [],
    ),
    "data by alias after a death": (
        [lambda line: line.ndeath(1), lambda line: line.ddata(2, 2.5)],
        [*BORN, *STALE],
        {"data_before_birth": 1},
        ["before_birth"],
    ),
    "data by name after a death lives, and can die again": (
        [
            lambda line: line.ndeath(1),
            lambda line: line.send("DDATA", payload(metric("Power", 9.5), seq=2), "main"),
            lambda line: line.ndeath(1),
        ],
        [*BORN, *STALE, ("EM-30.power", 9.5), *STALE],
        {"deaths": 2},
        [],
    ),
    "a new life after a death": (
        [
            lambda line: line.ndeath(1),
            lambda line: line.nbirth(0, bd=2, at=9.0),
            lambda line: line.dbirth(1, at=9.0),
            lambda line: line.ddata(2, 2.5, at=10.0),
        ],
        [*BORN, *STALE, *BORN, ("EM-30.power", 2.5)],
        {"births": 4},
        [],
    ),
    "a rebirth under other aliases": (
        [
            lambda line: line.nbirth(0, at=5.0),
            lambda line: line.dbirth(1, metric("Power", 1.5, alias=77), at=5.0),
            lambda line: line.ddata(2, 2.5, alias=77, at=6.0),
            lambda line: line.ddata(3, 3.5, alias=11, at=6.0),
        ],
        [*BORN, ("EM-30.power", 1.5), ("EM-30.power", 2.5)],
        {"data_of_unknown_metrics": 1},
        ["unknown_metric"],
    ),
    "data of a device after a rebirth that did not tell it again": (
        [lambda line: line.nbirth(0, at=5.0), lambda line: line.ddata(1, 2.5, at=6.0)],
        BORN,
        {"data_before_birth": 1},
        ["before_birth"],
    ),
    "a birth that overtook that of its edge node": (
        [
            lambda line: line.ndeath(1),
            lambda line: line.dbirth(1, at=9.0),
            lambda line: line.nbirth(0, bd=2, at=9.0),
            lambda line: line.ddata(2, 2.5, at=10.0),
        ],
        [*BORN, *STALE, *BORN, ("EM-30.power", 2.5)],
        {"device_births_before_node": 1},
        [],
    ),
    "an edge node that restarted unseen": (
        [
            lambda line: [line.ddata(number, float(number)) for number in range(2, 100)],
            lambda line: line.dbirth(1, metric("Power", 1.5, alias=77), at=60.0),
            lambda line: line.ddata(2, 2.5, alias=77, at=61.0),
        ],
        [*BORN, *[("EM-30.power", float(number)) for number in range(2, 100)], ("EM-30.power", 1.5), ("EM-30.power", 2.5)],
        {"sequence_gaps": 1},
        [],
    ),
    "messages without a number": (
        [lambda line: line.send("DDATA", payload(metric("Power", 1.5, at=4.0)), "main")],
        [*BORN, ("EM-30.power", 1.5)],
        {"messages_without_number": 1},
        [],
    ),
    "a payload nobody can read": (
        [lambda line: line.send("DDATA", b"\xff\xff", "main"), lambda line: line.ddata(2, 2.5)],
        [*BORN, ("EM-30.power", 2.5)],
        {},
        ["payload_unreadable"],
    ),
    "commands of another host": (
        [lambda line: line.send("NCMD", payload(metric("Node Control/Rebirth", value=True, type=DataType.BOOLEAN)))],
        BORN,
        {"commands_passed_over": 1},
        [],
    ),
    "an edge node whose clock was put back": (
        [
            lambda line: line.nbirth(0, bd=2, at=-3600.0),
            lambda line: line.dbirth(1, metric("Power", 1.5, alias=77), at=-3600.0),
            lambda line: line.ddata(2, 2.5, alias=77, at=-3599.0),
        ],
        [*BORN, ("EM-30.power", 1.5), ("EM-30.power", 2.5)],
        {},
        [],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_after_the_births(line: Line, name: str) -> None:
    script, values, counters, reasons = SCRIPTS[name]
    born(line)
    for step in script:
        step(line)
    assert line.values == values
    assert {what: line.counters.get(what, 0) for what in counters} == counters
    assert line.reasons == reasons


@pytest.mark.parametrize("name", SCRIPTS)
async def test_every_message_comes_out_once(line: Line, name: str) -> None:
    born(line)
    for step in SCRIPTS[name][0]:
        step(line)
    line.keep(line.host.release(at_once=True))
    assert sorted(decoded.message.payload for decoded in line.decoded) == sorted(each.payload for each in line.sent)


async def test_a_missing_message_is_waited_for_and_given_up(line: Line) -> None:
    born(line)
    line.ddata(3, 3.5)
    line.ddata(5, 5.5)
    await line.wait(1.9)
    assert line.values == BORN
    await line.wait(0.2)
    assert line.values == [*BORN, ("EM-30.power", 3.5), ("EM-30.power", 5.5)]
    assert line.counters["sequence_gaps"] == 1
    assert "edge node Plant-1/line-3: messages of it did not arrive: 2 by their sequence numbers" in str(
        line.given.report.status.last_error
    )
    line.ddata(2, 2.5)
    line.ddata(6, 6.5)
    assert line.values[-2:] == [("EM-30.power", 2.5), ("EM-30.power", 6.5)]
    assert line.counters["messages_late"] == 1


async def test_what_waits_is_read_before_the_edge_node_dies(line: Line) -> None:
    born(line)
    line.ddata(3, 3.5)
    line.ndeath(1)
    assert line.values == [*BORN, ("EM-30.power", 3.5), *STALE]


def deaths(line: Line) -> list[Sample]:
    return [sample for sample in line.samples if sample.flags & Flag.STALE]


async def test_the_device_is_stale_from_the_time_its_death_tells(line: Line) -> None:
    born(line)
    line.ddeath(2, at=7.0)
    assert [sample[1:] for sample in deaths(line)] == [(time(7), None, START, Quality.BAD, 500, Flag.STALE)] * 2


async def test_the_edge_node_is_stale_from_when_we_hear_of_it_since_its_death_was_written_when_it_connected(line: Line) -> None:
    born(line)
    await line.wait(60)
    line.ndeath(1, at=0.0)
    assert [sample[1:] for sample in deaths(line)] == [(None, None, time(60), Quality.BAD, 500, Flag.STALE)] * 2
    assert line.decoded[-1].needs_receipt


@pytest.mark.parametrize("clock_ahead_s", [0.0, 120.0])
async def test_a_death_comes_after_the_last_value_whatever_the_clocks_say(line: Line, clock_ahead_s: float) -> None:
    born(line)
    line.ddata(2, 2.5, at=clock_ahead_s)
    line.ndeath(1)
    assert {sample.time for sample in deaths(line)} == {time(clock_ahead_s) + timedelta(milliseconds=1)}


async def test_a_death_in_the_millisecond_of_the_last_value_comes_after_it(line: Line) -> None:
    born(line)
    line.ddata(2, 2.5, at=7.0)
    line.ddeath(3, at=7.0)
    assert {sample.time for sample in deaths(line)} == {time(7) + timedelta(milliseconds=1)}


async def test_a_late_death_does_not_end_the_life_after_it(line: Line) -> None:
    born(line)
    line.dbirth(3, at=9.0)
    await line.wait(3)
    line.ddeath(2, at=7.0)
    line.ddata(4, 2.5, at=10.0)
    assert line.values == [*BORN, *BORN, *STALE, ("EM-30.power", 2.5)]
    assert {sample.time for sample in deaths(line)} == {time(7)}


async def test_a_late_birth_does_not_undo_the_one_after_it(line: Line) -> None:
    born(line)
    line.dbirth(3, metric("Power", 3.5, alias=33), at=9.0)
    await line.wait(3)
    line.dbirth(2, metric("Power", 2.5, alias=22), at=8.0)
    line.ddata(4, 4.5, alias=33, at=10.0)
    assert line.values == [*BORN, ("EM-30.power", 3.5), ("EM-30.power", 2.5), ("EM-30.power", 4.5)]


async def test_metrics_of_the_edge_node_itself(tmp_path: Path) -> None:
    line = Line(tmp_path, sparkplug_file(NODE_METER, {**METER, "points": [ENERGY]}))
    line.nbirth(0, metric("Supply Voltage", 12.1, alias=1, type=DataType.FLOAT))
    line.send("NDATA", payload(metric(value=11.5, alias=1, tells_type=False), seq=1))
    line.ndeath(1)
    assert [(point, value and round(value, 1)) for point, value in line.values] == [
        ("NM-3.voltage", 12.1),
        ("NM-3.voltage", 11.5),
        ("EM-30.energy", None),
        ("NM-3.voltage", None),
    ]


async def test_whoever_dies_before_we_saw_it_live_has_lived_all_the_same(line: Line) -> None:
    line.ndeath(7)
    assert line.values == STALE


async def test_data_before_any_birth_is_told_with_the_remedy(line: Line) -> None:
    line.ddata(5, 1.5)
    assert line.reasons == ["before_birth"]
    assert line.given.report.status.last_error == (
        "edge node Plant-1/line-3: it sends data, and no birth that holds was seen: alias 11 of Plant-1/line-3/main; "
        'set "request_rebirth: true" under "sparkplug", or restart the edge node'
    )
    assert line.host.commands() == []


async def test_a_birth_with_the_number_of_its_session_twice_and_of_another_type(line: Line) -> None:
    line.nbirth(0, bd_seq(1, DataType.UINT64), bd_seq(1, DataType.UINT64))
    line.dbirth(1)
    line.ndeath(1)
    assert line.values == [*BORN, *STALE]


@pytest.mark.parametrize("retained", ["NBIRTH", "DBIRTH"])
async def test_births_that_the_broker_keeps_are_believed_in_any_order(line: Line, retained: str) -> None:
    first, second = (line.nbirth, line.dbirth) if retained == "NBIRTH" else (line.dbirth, line.nbirth)
    first(retained=True)
    second(retained=True)
    line.ddata(1, 2.5)
    assert line.values == [*BORN, ("EM-30.power", 2.5)]
    assert [sample.flags for sample in line.samples] == [Flag.RETAINED, Flag.RETAINED, 0]


async def test_but_not_against_later_ones_nor_deaths_and_data(line: Line) -> None:
    born(line)
    line.nbirth(0, at=-5.0, retained=True)
    line.ndeath(1, retained=True)
    line.ddata(2, 2.5, retained=True)
    line.ndeath(1)
    line.nbirth(0, retained=True)
    line.dbirth(1, retained=True)
    assert line.values == [*BORN, *STALE, ("EM-30.energy", 1), ("EM-30.power", 0.5)]
    assert line.counters["retained_ignored"] == 4
    line.ddata(2, 9.5)
    assert line.reasons == ["before_birth"]


class TestAfterOurRestart:
    async def test_data_by_alias_is_read_with_the_right_datatype(self, line: Line) -> None:
        born(line)
        await line.restart()
        line.ddata(77, -12)
        line.ddata(78, 2.5)
        assert line.values == [*BORN, ("EM-30.energy", -12), ("EM-30.power", 2.5)]

    async def test_whoever_lived_can_die(self, line: Line) -> None:
        born(line)
        await line.restart()
        line.ndeath(1)
        assert line.values == [*BORN, *STALE]

    async def test_whoever_was_dead_is_dead(self, line: Line) -> None:
        born(line)
        line.ndeath(1)
        await line.restart()
        line.ndeath(1)
        line.ddata(2, 2.5)
        assert line.values == [*BORN, *STALE]
        assert line.reasons == ["before_birth"]

    async def test_a_retained_birth_does_not_wake_the_dead(self, line: Line) -> None:
        born(line)
        line.ndeath(1)
        await line.restart()
        line.nbirth(0, retained=True)
        line.dbirth(1, retained=True)
        line.ndeath(1)
        assert len(deaths(line)) == 2

    async def test_a_death_of_an_older_session_is_still_told_from_this_one(self, line: Line) -> None:
        line.nbirth(0, bd=5)
        line.dbirth(1)
        await line.restart()
        line.ndeath(4)
        line.ndeath(5)
        assert line.values == [*BORN, *STALE]

    async def test_devices_wait_for_a_birth_after_that_of_their_edge_node(self, line: Line) -> None:
        born(line)
        line.nbirth(0, at=5.0)
        await line.restart()
        line.ddata(1, 2.5)
        assert line.reasons == ["before_birth"]

    async def test_what_was_not_told_to_be_kept_is_not_known(self, line: Line) -> None:
        born(line)
        line.decoded.clear()
        await line.restart()
        line.ddata(2, 2.5)
        assert line.reasons == ["before_birth"]


class TestWhereARebirthMayBeAsked:
    @pytest.fixture
    async def asking(self, tmp_path: Path) -> AsyncIterator[Line]:
        line = Line(tmp_path, sparkplug_file(request_rebirth=True))
        await line.host.open()
        yield line
        await line.host.close()

    async def test_data_waits_for_it_and_is_read_by_it(self, asking: Line) -> None:
        asking.ddata(5, 2.5)
        asking.ddata(6, -12, at=2.0)
        assert asking.decoded == []
        await asking.wait(2)
        assert [command.topic for command in asking.host.commands()] == ["spBv1.0/Plant-1/NCMD/line-3"]
        asking.nbirth(0, at=3.0)
        asking.dbirth(1, at=3.0)
        assert asking.values == [*BORN, ("EM-30.power", 2.5), ("EM-30.energy", -12)]
        assert asking.reasons == []

    async def test_and_becomes_a_dead_letter_when_none_comes(self, asking: Line) -> None:
        asking.ddata(5, 2.5)
        await asking.wait(9.9)
        assert asking.decoded == []
        await asking.wait(0.2)
        assert asking.reasons == ["before_birth"]
        assert asking.host.due_s is None or asking.host.commands()

    async def test_or_when_the_edge_node_dies(self, asking: Line) -> None:
        asking.ddata(5, 2.5)
        asking.ndeath(1)
        assert asking.reasons == ["before_birth"]
        assert asking.values == STALE

    async def test_what_can_be_read_of_such_a_message_is(self, asking: Line) -> None:
        asking.send("DDATA", payload(metric(value=1.0, alias=99), metric("Power", 3.5), seq=5), "main")
        assert asking.decoded == []
        await asking.wait(11)
        assert asking.values == [("EM-30.power", 3.5)]
        assert asking.reasons == ["before_birth"]

    async def test_it_is_asked_once_per_interval(self, asking: Line) -> None:
        asked = []
        for number in range(300):
            asking.ddata(number, 2.5, at=float(number))
            await asking.wait(1)
            asked += [asking.clock.monotonic() for _ in asking.host.commands()]
        assert 3 <= len(asked) <= 4
        assert all(later - earlier >= 60 for earlier, later in pairwise(asked))

    async def test_a_gap_asks_too(self, asking: Line) -> None:
        born(asking)
        asking.ddata(3, 3.5)
        await asking.wait(2.1)
        await asking.wait(2)
        assert len(asking.host.commands()) == 1

    async def test_no_more_than_a_bounded_number_waits(self, asking: Line, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(edge_node, "_MOST_UNREAD", 3)
        for number in range(5):
            asking.ddata(number, float(number), at=float(number))
        assert [decoded.message.payload for decoded in asking.decoded] == [
            payload(metric(value=float(number), alias=11, tells_type=False), seq=number, at=float(number)).SerializeToString()
            for number in (0, 1)
        ]


async def test_the_end_of_a_session_gives_what_nobody_sends_again(line: Line) -> None:
    born(line)
    line.ddata(3, 3.5)
    line.ddata(4, 4.5, qos=1, packet_id=9)
    line.keep(line.host.end())
    assert line.values == [*BORN, ("EM-30.power", 3.5)]
    line.ddata(4, 4.5, qos=1, packet_id=9, redelivered=True)
    assert line.values[-1] == ("EM-30.power", 4.5)


async def test_the_number_of_devices_remembered_is_bounded(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_node, "_MOST_PARTS", 5)
    line.nbirth(0)
    for number in range(1, 20):
        line.send("DBIRTH", payload(metric("A", 1.0, alias=number), seq=number), f"device-{number}")
    (node,) = line.host._nodes.values()
    assert [part.device for part in node._parts] == ["main", "device-16", "device-17", "device-18", "device-19"]
    await line.restart()
    (node,) = line.host._nodes.values()
    assert len(node._parts) == 5


def test_times_are_those_of_the_clock() -> None:
    assert ms(1.5) == 1_772_445_601_500
