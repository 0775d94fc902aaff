"""Looking at connectors once: what each of them may do wrong, and that none of it holds up another."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.connector import ConnectorFile, Meter, Point
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.connectors.contract import Connector, ConnectorType, Refusal, Surroundings
from ems_telemetry.errors import ConnectionLostError
from ems_telemetry.model import Flag, Quality, Sample
from ems_telemetry.service.looking import SeenConnector, look_at

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
Answers = Sequence[Sample | Refusal]
Asked = Callable[[Any, Surroundings], Awaitable[Answers]]


class FakeFile(ConnectorFile[Meter[Point]]):
    type: Literal["fake"]
    endpoint: str = "fake://meter"
    meters: tuple[Meter[Point], ...] = ()


def never(_file: object, _surroundings: Surroundings) -> Connector:
    raise AssertionError("a look builds no connector")


def configured(folder: Path, *names: str) -> Configuration:
    (folder / "plant.yaml").write_text("sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin}]")
    (folder / "service.yaml").write_text("connectors: '*.connector.yaml'")
    flow = "{id: flow, quantity: water_flow, unit: L/min, range: [0, 100]}"
    volume = "{id: volume, quantity: water_volume, unit: m3, kind: counter}"
    for name in names:
        text = f"{{type: fake, site: BER1, meters: [{{id: {name}, points: [{flow}, {volume}]}}]}}"
        (folder / f"{name}.connector.yaml").write_text(text)
    return load(folder / "service.yaml", {"fake": FakeFile}, {})


async def look(folder: Path, looks: dict[str, Asked], timeout_s: float = 5.0) -> dict[str, SeenConnector]:
    configuration = configured(folder, *looks)
    types = {name: ConnectorType("fake", FakeFile, never, asked) for name, asked in looks.items()}
    pairs = [(loaded, types[loaded.name.partition(".")[0]]) for loaded in configuration.connectors]
    seen = await look_at(configuration, pairs, SystemClock(), timeout_s)
    return {connector.name.partition(".")[0]: connector for connector in seen}


def answering(*answers: Sample | Refusal) -> Asked:
    async def asked(_file: object, _surroundings: Surroundings) -> Answers:
        return answers

    return asked


async def silent(_file: object, _surroundings: Surroundings) -> Answers:
    await asyncio.Event().wait()
    return ()


async def absent(_file: object, _surroundings: Surroundings) -> Answers:
    raise ConnectionLostError("nobody listens there")


async def test_values_come_in_the_canonical_unit_beside_the_devices_own(tmp_path: Path) -> None:
    flow = Sample("W.flow", NOW - timedelta(seconds=3), 60, NOW)
    seen = await look(tmp_path, {"W": answering(flow, Sample("W.volume", NOW, 7.5, NOW, Quality.UNCERTAIN))})
    point, volume = seen["W"].points
    assert (point.value, point.said, point.age_s, point.quality, point.problem) == (3.6, 60, 3.0, Quality.GOOD, None)
    assert (volume.quality, volume.is_good_enough) == (Quality.UNCERTAIN, True)


async def test_one_endpoint_that_is_silent_or_absent_holds_up_no_other(tmp_path: Path) -> None:
    flow = answering(Sample("good.flow", NOW, 1, NOW), Sample("good.volume", NOW, 1, NOW))
    seen = await look(tmp_path, {"good": flow, "silent": silent, "absent": absent}, timeout_s=0.2)
    assert [point.is_good_enough for point in seen["good"].points] == [True, True]
    assert seen["silent"].problem == "no answer within 0.2 s"
    assert seen["absent"].problem == "nobody listens there"


async def test_what_is_wrong_with_a_point_is_said_in_words(tmp_path: Path) -> None:
    seen = await look(
        tmp_path,
        {
            "refused": answering(Refusal("refused.flow", "BadNodeIdUnknown")),
            "range": answering(Sample("range.flow", NOW, 101, NOW), Sample("range.volume", NOW, "a word", NOW)),
            "bad": answering(
                Sample("bad.flow", NOW, None, NOW),
                Sample("bad.volume", NOW, None, NOW, Quality.BAD, 0x80000000, Flag.BAD_STATUS),
            ),
            "clock": answering(
                Sample("clock.flow", datetime(1999, 1, 1, tzinfo=UTC), 1, NOW), Sample("clock.volume", None, 1, NOW)
            ),
        },
    )
    problems = {point.point.key: point.problem for connector in seen.values() for point in connector.points}
    assert problems == {
        "refused.flow": "BadNodeIdUnknown",
        "refused.volume": "no answer",
        "range.flow": "outside the point's range",
        "range.volume": '"a word" is no number and none of the states',
        "bad.flow": "the device sends no value",
        "bad.volume": "the device marks it as bad (status 0x80000000)",
        "clock.flow": "the device's clock is wrong",
        "clock.volume": None,
    }
    assert not any(point.is_good_enough for name in ("refused", "range", "bad", "clock") for point in seen[name].points[:1])


async def test_a_look_that_stores_something_is_found_out(tmp_path: Path) -> None:
    refused: list[str] = []

    async def storing(_file: object, surroundings: Surroundings) -> Answers:
        try:
            await surroundings.sink.offer([Sample("W.flow", NOW, 1, NOW)])
        except RuntimeError as error:
            refused.append(str(error))
        return ()

    await look(tmp_path, {"W": storing})
    assert refused == ["a look stores nothing"]
