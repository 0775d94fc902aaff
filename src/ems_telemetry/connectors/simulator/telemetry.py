"""What the plant's own MQTT devices publish, and when. The payloads are pure; publishing them is a loop per topic."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from ems_telemetry.connectors.simulator.faults import UNREADABLE_MESSAGE
from ems_telemetry.connectors.simulator.live import LivePlant

AT_LEAST_ONCE = 1


class Publisher(Protocol):
    """Who takes messages for the subscribers."""

    def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Hands a message to every subscriber of its topic, now or when it is back."""
        ...


class Topic(NamedTuple):
    """A topic, how often it speaks, and what it says of the plant."""

    name: str
    every_s: float
    payload: Callable[[LivePlant], bytes]


def _iso_time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _washing_water(plant: LivePlant) -> bytes:
    volume, flow = plant.read("WM-02.volume"), plant.read("WM-02.flow")
    return _json(ts=_iso_time(plant.now()), total_m3=round(volume, 4), flow_m3h=round(flow, 3))


def _effluent(plant: LivePlant) -> bytes:
    return _json(
        ts=_iso_time(plant.now()),
        ph=round(plant.read("EF-01.ph"), 2),
        temperature=round(plant.read("EF-01.temperature"), 1),
        flow_m3h=round(plant.read("EF-01.flow"), 3),
    )


def _air_of_hall_2(plant: LivePlant) -> bytes:
    volume, flow = plant.read("CA-02.volume"), plant.read("CA-02.flow")
    return _json(t=int(plant.now().timestamp() * 1000), air={"total": round(volume, 3), "flow": round(flow, 2)})


def _temperature_of_hall_1(plant: LivePlant) -> bytes:
    return f"{plant.read('TT-01.temperature'):.2f}".encode()


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


WASHING_WATER = Topic("plant/hall-2/wm02/telemetry", 1.0, _washing_water)
TOPICS = (
    WASHING_WATER,
    Topic("plant/utilities/ef01/telemetry", 2.0, _effluent),
    Topic("plant/hall-2/ca02/telemetry", 1.0, _air_of_hall_2),
    Topic("plant/hall-1/temperature", 2.0, _temperature_of_hall_1),
)


async def keep_publishing(topic: Topic, plant: LivePlant, publisher: Publisher) -> None:
    """Publishes a topic at its pace, QoS 1, until cancelled."""
    unreadable = 0
    while True:
        payload = topic.payload(plant)
        begun = plant.times_begun(UNREADABLE_MESSAGE)
        if topic is WASHING_WATER and begun > unreadable:
            payload = payload[: len(payload) // 2]
        unreadable = begun
        publisher.publish(topic.name, payload, AT_LEAST_ONCE)
        await plant.clock.sleep(topic.every_s)
