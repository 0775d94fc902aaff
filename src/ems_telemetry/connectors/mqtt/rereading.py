"""Reads the payloads of dead letters again, by the file as it is now."""

from collections.abc import Sequence

from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.payload import decode
from ems_telemetry.connectors.mqtt.router import Router, compile_routes
from ems_telemetry.model import DeadLetter, Sample


def reread(file: MqttFile, letter: DeadLetter) -> Sequence[Sample]:
    """Reads what a message held, for all meters it concerns now; see `contract.Reread`.

    Raises:
        ValueError: no meter has its topic, or not even one value can be read; says why.
    """
    message = Message(
        topic=letter.source,
        payload=letter.payload,
        qos=0,
        packet_id=0,
        redelivered=False,
        retained=False,
        received_at=letter.received_at,
    )
    routes = Router(compile_routes(file)).find(letter.source)
    if not routes:
        raise ValueError(f'no meter has the topic "{letter.source}"')
    decoded = decode(message, routes)
    refusals = [refusal for refusal in decoded.refusals if letter.point in {None, refusal.point} or refusal.point is None]
    if refusals and not any(letter.point in {None, sample.point} for sample in decoded.samples):
        raise ValueError("; ".join(refusal.detail for refusal in refusals))
    return decoded.samples
