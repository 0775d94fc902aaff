"""The host of a connector: whom it listens to, what it keeps on disk, and how much it remembers."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.mqtt.sparkplug.line import ENERGY, METER, Line, metric, payload, sparkplug_file

from ems_telemetry.connectors.mqtt.sparkplug import host as host_module
from ems_telemetry.connectors.mqtt.sparkplug.birth_store import FILE_NAME, BirthStore, Kept
from ems_telemetry.connectors.mqtt.sparkplug.births import Birth, Definition, Record
from ems_telemetry.connectors.mqtt.sparkplug.parts import Standing
from ems_telemetry.connectors.mqtt.sparkplug.topic import Heading, NodeName, PartName, Verb, read_topic
from ems_telemetry.errors import TransientError


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.host.open()
    yield line
    await line.host.close()


@pytest.mark.parametrize(
    ("topic", "heading"),
    [
        ("spBv1.0/G/NBIRTH/E", Heading(Verb.NBIRTH, PartName("G", "E", None))),
        ("spBv1.0/G/DDATA/E/D", Heading(Verb.DDATA, PartName("G", "E", "D"))),
        ("spBv1.0/G 1/NDEATH/E ü", Heading(Verb.NDEATH, PartName("G 1", "E ü", None))),
        ("spBv1.0/G/NBIRTH/E/D", None),
        ("spBv1.0/G/DDATA/E", None),
        ("spBv1.0/STATE/host", None),
        ("spBv1.0/G/STATE/E", None),
        ("spAv1.0/G/NBIRTH/E", None),
        ("spBv1.0/G/DDATA/E/D/X", None),
        ("spBv1.0//NDATA/E", None),
        ("plant/wm02", None),
    ],
)
def test_topics(topic: str, heading: Heading | None) -> None:
    assert read_topic(topic) == heading


@pytest.mark.parametrize(
    ("group", "edge_node", "filter_", "heard"),
    [
        ("Plant-1", "line-3", "spBv1.0/Plant-1/+/line-3/#", [True, False, False]),
        ("Plant-1", "+", "spBv1.0/Plant-1/+/+/#", [True, True, False]),
        ("+", "line-3", "spBv1.0/+/+/line-3/#", [True, False, False]),
        ("+", "+", "spBv1.0/+/+/+/#", [True, True, True]),
    ],
)
async def test_it_listens_to_whom_the_file_names(
    tmp_path: Path, group: str, edge_node: str, filter_: str, heard: list[bool]
) -> None:
    meter = {**METER, "group": "Plant-1", "edge_node": "line-3", "points": [ENERGY]}
    line = Line(tmp_path, sparkplug_file(meter, group=group, edge_node=edge_node))
    assert line.host.filters == [filter_]
    names = ("Plant-1/NBIRTH/line-3", "Plant-1/NBIRTH/line-4", "Plant-2/NBIRTH/line-5")
    assert [line.send("NBIRTH", payload(seq=0), topic=f"spBv1.0/{name}")[0].is_unwanted for name in names] == [
        not each for each in heard
    ]


async def test_where_nobody_may_be_asked_nobody_ever_is(line: Line) -> None:
    for number in (5, 90, 3, 200):
        line.ddata(number, 1.5, at=float(number))
        await line.wait(100)
        assert line.host.commands() == []


async def test_what_was_learnt_later_is_not_undone_by_what_is_kept_later(line: Line) -> None:
    (birth,) = line.nbirth(0)
    (death,) = line.ndeath(1)
    assert await line.host.keep(death.changes)
    assert await line.host.keep(birth.changes)
    await line.host.close()
    line.host = line.make_host()
    await line.host.open()
    line.ndeath(1)
    assert line.decoded[-1].samples == []


async def test_it_says_so_when_nothing_can_be_kept_and_can_later(line: Line, tmp_path: Path) -> None:
    (birth,) = line.nbirth(0)
    with sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None) as other:
        other.execute("PRAGMA busy_timeout = 0")
        line.host._store._opened().execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        assert not await line.host.keep(birth.changes)
        assert "births.db cannot be written: database is locked" in str(line.given.report.status.last_error)
        other.execute("ROLLBACK")
    other.close()
    assert await line.host.keep(birth.changes)


async def test_births_that_cannot_be_read_are_set_aside_and_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 100)
    line = Line(tmp_path)
    await line.host.open()
    await line.host.open()
    assert "are set aside as" in str(line.given.report.status.last_error)
    assert len(list(tmp_path.glob("births.db.damaged-*"))) == 1
    await line.host.close()


async def test_a_folder_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    line = Line(tmp_path / "folder")
    with pytest.raises(TransientError, match="cannot be opened"):
        await line.host.open()
    (tmp_path / "folder").unlink()
    await line.host.open()
    await line.host.close()


async def test_the_number_of_edge_nodes_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "MOST_NODES", 3)
    line = Line(tmp_path, sparkplug_file({**METER, "edge_node": "line-3", "points": [ENERGY]}, edge_node="+"))
    for number in range(10):
        line.send("NBIRTH", payload(seq=0), topic=f"spBv1.0/Plant-1/NBIRTH/n{number}")
        line.send("NDATA", payload(metric("A", 1.0), seq=2), topic=f"spBv1.0/Plant-1/NDATA/n{number}")
    assert list(line.host._nodes) == [NodeName("Plant-1", f"n{number}") for number in (7, 8, 9)]
    assert len(line.decoded) == 10 + 7  # what waited at those forgotten has come out


async def test_the_bytes_that_wait_are_bounded(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "MOST_HELD_BYTES", 10_000)
    line.nbirth(0)
    for number in range(2, 100):
        line.send("NDATA", payload(metric("A" * 1000, 1.0), seq=number))
    assert len(line.decoded) > 80
    assert sum(line.host._held_bytes.values()) <= 10_000


def test_the_store_forgets_what_changed_longest_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ems_telemetry.connectors.mqtt.sparkplug.birth_store.MOST_PARTS", 3)
    store = BirthStore(tmp_path)
    store.open()
    standing = Standing(born=True, alive=True, record=Record(Birth({"A": Definition(1, 10)}, 5, 7), "M", {"A": "a"}))
    for number in (1, 2, 3, 4, 2, 5):
        store.save([Kept(PartName("G", "E", str(number)), standing)])
    assert [part.device for part, _ in store.load()] == ["4", "2", "5"]
    assert all(kept == standing for _, kept in store.load())
    store.save([Kept(PartName("G", "E", "2"), None), Kept(PartName("G", "E", None), standing._replace(born=False))])
    assert [(part.device, kept.born) for part, kept in store.load()] == [("4", True), ("5", True), (None, False)]
    store.close()
    store.close()


def test_a_record_of_another_version_is_passed_over(tmp_path: Path) -> None:
    store = BirthStore(tmp_path)
    store.open()
    standing = Standing(born=True, alive=True, record=None)
    store.save([Kept(PartName("G", "E", "1"), standing), Kept(PartName("G", "E", "2"), standing)])
    store._opened().execute("UPDATE parts SET record = x'ff' WHERE device = '1'")
    assert [part.device for part, _ in store.load()] == ["2"]
    store.close()


def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="it is not open"):
        BirthStore(tmp_path).load()
