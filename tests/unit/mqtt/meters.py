"""Meters and messages as tests need them."""

from datetime import UTC, datetime
from typing import Any

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.intake import Intake
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.router import Router, compile_routes
from ems_telemetry.connectors.mqtt.routes import RouteDecoder

RECEIVED = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def meter(*paths: str, **settings: object) -> dict[str, Any]:
    points = [{"id": f"p{number}", "value": path, **QUANTITY} for number, path in enumerate(paths)]
    return {"id": "M", "topic": "t", "points": points, **settings}


QUANTITY = {"quantity": "active_power", "unit": "W"}


def file_of(*meters: dict[str, Any], **settings: object) -> MqttFile:
    content = {"type": "mqtt", "endpoint": "mqtt://broker", "site": "BER1", "meters": meters, **settings}
    return MqttFile.model_validate(content)


def router_of(*meters: dict[str, Any]) -> Router:
    return Router(compile_routes(file_of(*meters)))


def message(payload: str | bytes, topic: str = "t", **settings: Any) -> Message:  # noqa: ANN401 - fields of Message
    content = payload if isinstance(payload, bytes) else payload.encode()
    return Message(topic, content, 1, 1, redelivered=False, retained=False, received_at=RECEIVED)._replace(**settings)


class DecodingIntake:
    """Hands messages through a decoder to the intake, as a connection does."""

    def __init__(self, given: Surroundings, *meters: dict[str, Any]) -> None:
        self.decoder = RouteDecoder(router_of(*meters), given)
        self.intake = Intake(self.decoder, given.sink, given.report, given.clock)

    async def deliver(self, *messages: Message) -> None:
        await self.intake.deliver([decoded for each in messages for decoded in self.decoder.receive(each)])

    async def offer(self, *messages: Message) -> None:
        await self.intake.offer([decoded for each in messages for decoded in self.decoder.receive(each)])
