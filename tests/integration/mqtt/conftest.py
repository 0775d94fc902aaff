"""A broker, and connectors run against it for the length of a `with`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import RememberingSink, surroundings
from servers.mosquitto import Mosquitto
from servers.process import LOOPBACK, serving

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.mqtt import CONNECTOR_TYPE
from ems_telemetry.connectors.mqtt.file import MqttFile

END_S = 10.0
Settings = dict[str, Any]
Run = Callable[..., contextlib.AbstractAsyncContextManager[Surroundings]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path / "mosquitto")
    with serving(started):
        yield started


def volume_meter(topic: str = "plant/wm02", **settings: object) -> Settings:
    """A water meter whose messages look like {"ts": …, "total": …}, without the time if `time` is None."""
    point = {"id": "volume", "value": "$.total", "quantity": "water_volume", "unit": "m3", "kind": "counter"}
    meter: Settings = {"id": "WM-02", "topic": topic, "time": "$.ts", "points": [point], **settings}
    return {key: value for key, value in meter.items() if value is not None}


@pytest.fixture
def run(tmp_path: Path, broker: Mosquitto) -> Run:
    """Runs a connector; the end of the `with` stops it (or cancels it, if `abruptly`) and waits for its end."""

    @contextlib.asynccontextmanager
    async def run_one(
        sink: RememberingSink,
        *meters: Settings,
        port: int | None = None,
        abruptly: bool = False,
        state: str = "state",
        **settings: object,
    ) -> AsyncIterator[Surroundings]:
        endpoint = f"mqtt://{LOOPBACK}:{port or broker.port}"
        content = {"type": "mqtt", "endpoint": endpoint, "site": "BER1", "meters": meters or [volume_meter()], **settings}
        given = surroundings(tmp_path / state, sink=sink, name="water")
        connector = CONNECTOR_TYPE.build(MqttFile.model_validate(content), given)
        running = asyncio.create_task(connector.run(), name="under-test")
        try:
            yield given
            if not abruptly:
                connector.stop()
                await asyncio.wait_for(running, END_S)
        finally:
            running.cancel()
            await asyncio.wait({running}, timeout=END_S)

    return run_one
