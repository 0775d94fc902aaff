"""The MQTT connector: keeps a durable session at a broker and hands over what its meters publish."""

import asyncio

from ems_telemetry.config.connector import point_key
from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.link import keep_connected
from ems_telemetry.connectors.mqtt.broker import Broker
from ems_telemetry.connectors.mqtt.decoding import Decoder
from ems_telemetry.connectors.mqtt.file import MqttFile, Version
from ems_telemetry.connectors.mqtt.handover import Handover
from ems_telemetry.connectors.mqtt.intake import Intake
from ems_telemetry.connectors.mqtt.name_book import NameBook
from ems_telemetry.connectors.mqtt.reasons import NotUnderstoodError
from ems_telemetry.connectors.mqtt.router import Router, compile_routes
from ems_telemetry.connectors.mqtt.routes import RouteDecoder
from ems_telemetry.connectors.mqtt.subscriptions import Granted, SubscriptionNotes
from ems_telemetry.connectors.mqtt.watching import SILENT_AFTER_S, Watch
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.waiting import first_of, unless

_LAST_GROUPS_LIMIT_S = 5.0
"""How long what has been received may take to become durable once the connection ends."""


class MqttConnector:
    """One broker; see `ems_telemetry.connectors.contract.Connector`."""

    def __init__(self, file: MqttFile, surroundings: Surroundings) -> None:
        self._file = file
        self._surroundings = surroundings
        self._report = surroundings.report
        self._name = surroundings.report.status.name
        self._client_id = file.client_id or f"ems-telemetry-{self._name}"
        self._decoder = make_decoder(file, surroundings)
        self._intake = Intake(self._decoder, surroundings.sink, surroundings.report, surroundings.clock)
        self._notes = SubscriptionNotes(surroundings.state_directory)
        self._stopping = asyncio.Event()
        self._spoken: Version | None = None

    @property
    def _slow_points(self) -> frozenset[str]:
        return frozenset(
            point_key(meter, point)
            for meter in self._file.meters
            for point in meter.points
            if (point.expected_interval or 0) > SILENT_AFTER_S
        )

    async def run(self) -> None:
        """Serves the broker until `stop`."""
        try:
            await keep_connected(self._session, self._stopping, self._surroundings)
        finally:
            await self._decoder.close()

    def stop(self) -> None:
        """Asks `run` to end once what has been received is durable and acknowledged."""
        self._stopping.set()

    async def _session(self) -> None:
        await self._decoder.open()
        *newer, oldest = self._versions()
        for version in newer:
            try:
                await self._converse(version)
            except NotUnderstoodError:
                continue
            return
        await self._converse(oldest)

    def _versions(self) -> tuple[Version, ...]:
        if self._file.version is not Version.AUTO:
            return (self._file.version,)
        return (Version.V5, Version.V311) if self._spoken is None else (self._spoken,)

    async def _converse(self, version: Version) -> None:
        broker = Broker(self._file, self._client_id, version, self._surroundings.clock)
        try:
            was_known = await unless(self._stopping, broker.open())
            if was_known is None:
                return
            self._spoken = version
            await self._serve(broker, was_known=was_known)
        except NotUnderstoodError:
            self._spoken = None
            raise
        finally:
            await broker.close()
        broker.raise_failure()

    async def _subscribe(self, broker: Broker, *, was_known: bool) -> Granted:
        """Brings the subscriptions that the broker holds in line with the file, and says that we are here if told to."""
        wanted = self._decoder.filters
        noted = await asyncio.to_thread(self._notes.read)
        stale = noted.difference(wanted) if was_known else set()
        if noted != stale.union(wanted):
            await asyncio.to_thread(self._notes.write, stale.union(wanted))
        granted = await broker.subscribe(wanted)
        if stale:
            await broker.unsubscribe(sorted(stale))
            await asyncio.to_thread(self._notes.write, wanted)
        self._report.up()
        topic = self._file.status_topic
        if topic is not None and (reason := await broker.announce(topic)) is not None:
            self._report.note(f'the broker does not let us publish to "{topic}": {reason}; check its access rules')
        return granted

    async def _serve(self, broker: Broker, *, was_known: bool) -> None:
        """Stores and acknowledges until the connection ends or it is time to stop; then what has been received already.

        Storing begins before subscribing: a broker that knows us sends what it has kept before it answers anything.
        """
        failure: EmsTelemetryError | None = None
        handover = Handover(broker, self._decoder, self._intake, self._report, self._surroundings.clock)
        async with asyncio.TaskGroup() as group:
            storing = [
                group.create_task(part(), name=f"mqtt-{self._name}-{part.__name__}")
                for part in (handover.decode, handover.deliver, handover.offer, handover.release)
            ]
            try:
                granted = await unless(self._stopping, self._subscribe(broker, was_known=was_known))
                if granted is not None:
                    watch = Watch(broker, self._decoder, self._slow_points, self._surroundings)
                    await first_of(self._stopping.wait(), broker.ended.wait(), watch.run(granted))
            except EmsTelemetryError as error:
                failure = error
            broker.stop_reading()
            _, late = await asyncio.wait(storing, timeout=_LAST_GROUPS_LIMIT_S)
            for task in late:  # not acknowledged: the broker will send these messages again
                task.cancel()
        if failure is not None:
            raise failure


def make_decoder(file: MqttFile, surroundings: Surroundings) -> Decoder:
    """Makes what reads the messages of a file."""
    if file.sparkplug is None:
        names = NameBook(surroundings.state_directory / "item_names.json")
        return RouteDecoder(Router(compile_routes(file, names)), surroundings)
    from ems_telemetry.connectors.mqtt.sparkplug.host import SparkplugHost  # noqa: PLC0415 - only then protobuf is needed

    return SparkplugHost(file, file.sparkplug, surroundings)
