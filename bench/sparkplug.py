"""Metrics per second of one core's time, from the bytes of a Sparkplug message to readings: decoded by its birth, normalized.

A device sends messages of 100 metrics by alias alone: a third each are doubles, 64-bit counters beyond 2^53 and 16-bit
integers.

    PYTHONPATH=tests python bench/sparkplug.py [MESSAGES] [ROUNDS]
"""

import asyncio
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median

from fakes import surroundings

from ems_telemetry.config.check import configure
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.sparkplug.host import SparkplugHost
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Payload
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import configure_logging

METRICS = 100
REQUIRED_PER_S = 100_000
START_MS = 1_780_000_000_000


def file() -> MqttFile:
    points = [
        {"id": f"p{number}", "metric": f"Meter/P{number}", "quantity": "active_energy_import", "unit": "Wh"}
        for number in range(METRICS)
    ]
    content = {"type": "mqtt", "endpoint": "mqtt://broker", "site": "S", "payload": "sparkplug_b"}
    section = {"group": "G", "edge_node": "E"}
    return MqttFile.model_validate({**content, "sparkplug": section, "meters": [{"id": "M", "device": "D", "points": points}]})


def payload(number: int, *, is_birth: bool) -> Payload:
    made = Payload(timestamp=START_MS + number, seq=number % 256)
    for index in range(METRICS):
        metric = made.metrics.add(alias=index, timestamp=START_MS + number)
        if is_birth:
            metric.name = f"Meter/P{index}"
            metric.datatype = (DataType.DOUBLE, DataType.UINT64, DataType.INT16)[index % 3]
        if index % 3 == 0:
            metric.double_value = number + index / 8
        elif index % 3 == 1:
            metric.long_value = 2**60 + number
        else:
            metric.int_value = 2**16 - 1 - index
    return made


def message(verb: str, content: Payload, now: datetime) -> Message:
    topic = f"spBv1.0/G/{verb}/E/D"
    return Message(topic, content.SerializeToString(), 0, 0, redelivered=False, retained=False, received_at=now)


async def measure(messages: int, folder: Path) -> tuple[float, float]:
    """Gives metrics per second, decoded alone, and decoded and normalized."""
    checked = file()
    assert checked.sparkplug is not None
    given = surroundings(folder)
    host = SparkplugHost(checked, checked.sparkplug, given)
    await host.open()
    (meter,) = checked.meters
    normalizer = Normalizer("bench", [configure("bench", checked, meter, point) for point in meter.points])
    now = given.clock.now()
    host.receive(message("DBIRTH", payload(0, is_birth=True), now))
    sent = [message("DDATA", payload(number, is_birth=False), now) for number in range(1, messages + 1)]
    decoding_s = normalizing_s = 0.0
    count = 0
    for each in sent:
        began_s = time.process_time()
        decoded = host.receive(each)
        decoded_s = time.process_time()
        for one in decoded:
            count += len(normalizer.normalize(one.samples).readings)
        decoding_s += decoded_s - began_s
        normalizing_s += time.process_time() - decoded_s
    await host.close()
    assert count == messages * METRICS, f"{count} readings of {messages * METRICS} metrics"
    return count / decoding_s, count / (decoding_s + normalizing_s)


def main(messages: int, rounds: int) -> int:
    configure_logging("error")
    with tempfile.TemporaryDirectory(prefix="bench-sparkplug-") as folder:
        results = [asyncio.run(measure(messages, Path(folder) / str(each))) for each in range(rounds)]
    decoded, whole = (median(column) for column in zip(*results, strict=True))
    size_bytes = len(payload(1, is_birth=False).SerializeToString())
    print(f"message                  {METRICS} metrics by alias, {size_bytes} bytes; {messages}, median of {rounds} rounds")
    print(f"decoded                  {decoded:10,.0f} metrics/s")
    print(f"decoded and normalized   {whole:10,.0f} metrics/s")
    print(f"required                 {REQUIRED_PER_S:10,.0f} metrics/s")
    return int(whole < REQUIRED_PER_S)


if __name__ == "__main__":
    given_messages, given_rounds, *_ = (*map(int, sys.argv[1:]), *(2_000, 5)[len(sys.argv) - 1 :])
    sys.exit(main(given_messages, given_rounds))
