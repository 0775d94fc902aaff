"""Listens to a broker for a while: a session that leaves nothing behind, and takes nothing away from the connector's own."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.mqtt.broker import Broker
from ems_telemetry.connectors.mqtt.file import MqttFile, Version
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.reasons import NotUnderstoodError
from ems_telemetry.waiting import first_of

_GROUP = 500


async def listen(
    file: MqttFile, topics: Sequence[str], clock: Clock, hear: Callable[[Message], None], enough: asyncio.Event
) -> dict[str, str]:
    """Subscribes at QoS 0 under a client id of the moment, and hands on what comes until there is enough.

    Args:
        file: the broker and how to speak to it.
        topics: topic filters.
        clock: dates the messages.
        hear: called with each message.
        enough: ends it when set.

    Returns:
        The topics that the broker refuses, each with its reason.

    Raises:
        ConnectionLostError, EndpointRefusedError: the broker is out of reach, refuses us, or has ended the connection.
    """
    quiet = file.model_copy(update={"qos": 0, "status_topic": None})
    versions = (Version.V5, Version.V311) if file.version is Version.AUTO else (file.version,)
    for version in versions[:-1]:
        try:
            return await _listen(quiet, version, topics, clock, hear, enough)
        except NotUnderstoodError:
            continue
    return await _listen(quiet, versions[-1], topics, clock, hear, enough)


async def _listen(
    file: MqttFile,
    version: Version,
    topics: Sequence[str],
    clock: Clock,
    hear: Callable[[Message], None],
    enough: asyncio.Event,
) -> dict[str, str]:
    broker = Broker(file, f"ems-telemetry-listen-{secrets.token_hex(4)}", version, clock, is_durable=False)
    try:
        await broker.open()
        hearing = asyncio.create_task(_hear(broker, hear), name="mqtt-listen")
        try:
            granted = await broker.subscribe(topics)
            await first_of(enough.wait(), broker.ended.wait())
        finally:
            broker.stop_reading()
            await hearing
    finally:
        await broker.close()
    broker.raise_failure()
    return granted.refused


async def _hear(broker: Broker, hear: Callable[[Message], None]) -> None:
    while messages := await broker.arrived.take(_GROUP):
        for message in messages:
            hear(message)
