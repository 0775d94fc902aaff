"""A collecting process without a database: one MQTT connector, its pipeline and its spool. For tests that kill it.

    python collector.py FOLDER      reads FOLDER/broker.yaml, keeps FOLDER/spool and FOLDER/state, ends at SIGTERM

It makes FOLDER/up once the broker has taken its subscriptions.
"""

import asyncio
import signal
import sys
from pathlib import Path

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.check import check_connectors
from ems_telemetry.config.load import read_connector
from ems_telemetry.config.plant import Plant
from ems_telemetry.config.service import WhenFull
from ems_telemetry.connectors.contract import Shared, Surroundings
from ems_telemetry.connectors.mqtt import CONNECTOR_TYPE
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.observe import ConnectorReport, LinkState, Metrics
from ems_telemetry.retry import Backoff
from ems_telemetry.service.pipeline import Pipeline
from ems_telemetry.spool.sqlite import SqliteSpool

SPOOL_BYTES = 10**9


def open_spool(folder: Path) -> SqliteSpool:
    return SqliteSpool(folder / "spool", max_size_bytes=SPOOL_BYTES, when_full=WhenFull.REFUSE)


async def collect(folder: Path) -> None:
    read = read_connector(folder / "broker.yaml", {"mqtt": MqttFile})
    plant = Plant.model_validate({"sites": [{"id": "BER1", "name": "Berlin", "timezone": "Europe/Berlin"}]})
    points = check_connectors(plant, [read], [])
    clock = SystemClock()
    report = ConnectorReport("broker", "mqtt", "mqtt://", clock=clock, metrics=Metrics())
    spool = open_spool(folder)
    await spool.open()
    pipeline = Pipeline(Normalizer("broker", points), spool, report, clock)
    given = Surroundings(
        pipeline, report, clock, Backoff(initial_s=0.05, cap_s=0.2), folder / "state", folder / "pki", Shared()
    )
    connector = CONNECTOR_TYPE.build(read[1], given)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, connector.stop)
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(tell_when_up(report, folder / "up"))
        await connector.run()
        telling.cancel()
    await spool.close()


async def tell_when_up(report: ConnectorReport, sign: Path) -> None:
    while report.status.state is not LinkState.UP:
        await asyncio.sleep(0.02)
    sign.touch()


if __name__ == "__main__":
    asyncio.run(collect(Path(sys.argv[1])))
