"""A line with a Sparkplug edge node, as the tests at a real broker need it."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fakes import until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from servers.process import LOOPBACK
from servers.sparkplug_client import EdgeNode, metric

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.model import Sample
from ems_telemetry.observe import LinkState

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
ENERGY = {"id": "energy", "metric": "Energy/Import", "quantity": "active_energy_import", "unit": "kWh", "kind": "counter"}
POWER = {"id": "power", "metric": "Power", "quantity": "active_power", "unit": "kW"}
EM_30: dict[str, Any] = {"id": "EM-30", "device": "main", "medium": "electricity", "points": [ENERGY, POWER]}


def line_3(**settings: object) -> dict[str, Any]:
    """The keys of a file that listens to the edge node."""
    return {"payload": "sparkplug_b", "sparkplug": {"group": "Plant-1", "edge_node": "line-3", **settings}}


def ms(at: float) -> int:
    return round((START - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 + at * 1000)


def time(at: float) -> datetime:
    return START + timedelta(seconds=at)


def give_birth(node: EdgeNode, *, at: float, energy: int = 0, power: float = 0.0) -> None:
    rebirth = metric("Boolean", value=False, name="Node Control/Rebirth")
    node.nbirth(rebirth, at_ms=ms(at))
    node.dbirth(
        "main",
        metric("Int64", energy, name="Energy/Import", alias=0),
        metric("Int32", power, name="Power", alias=1),
        at_ms=ms(at),
    )


def told(samples: list[Sample]) -> list[tuple[str, float | None, object, int]]:
    """What counts of samples: point without its meter, seconds after `START`, value, flags."""
    return [
        (
            sample.point.split(".")[1],
            None if sample.time is None else (sample.time - START).total_seconds(),
            sample.value,
            sample.flags,
        )
        for sample in samples
    ]


async def is_up(given: Surroundings) -> None:
    await until(lambda: given.report.status.state is LinkState.UP)


async def counted(given: Surroundings, what: str, count: int = 1) -> None:
    await until(lambda: given.report.status.counters.get(what, 0) >= count)


@contextlib.contextmanager
def overhearing(port: int) -> Iterator[list[str]]:
    """Gives the topics of all that is published at a broker, in a list that grows."""
    topics: list[str] = []
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        topics.append(message.topic)

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(LOOPBACK, port)
    client.subscribe("#")
    client.loop_start()
    try:
        assert subscribed.wait(10)
        yield topics
    finally:
        client.disconnect()
        client.loop_stop()


async def off(function: Any, *arguments: Any, **settings: Any) -> Any:  # noqa: ANN401 - hands a call to a thread
    """Does something that blocks on a thread."""
    return await asyncio.to_thread(function, *arguments, **settings)
