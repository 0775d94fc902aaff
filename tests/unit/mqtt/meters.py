"""Meters and messages as tests need them."""

from datetime import UTC, datetime
from typing import Any

from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.router import Router, compile_routes

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
