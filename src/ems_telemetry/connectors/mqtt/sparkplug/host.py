"""The host of Sparkplug within a connector: a decoder that knows each edge node by its births, also after a restart of ours.

It is passive: it publishes nothing but rebirth requests, and these only if the file allows it. It is never a primary host, and
says nothing on the topic STATE.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.mqtt.decoding import Change, Command, Outcome
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.payload import Refusal
from ems_telemetry.connectors.mqtt.routes import unwanted
from ems_telemetry.connectors.mqtt.sparkplug.birth_store import BirthStore, Kept
from ems_telemetry.connectors.mqtt.sparkplug.edge_node import Arrival, EdgeNode, Patience
from ems_telemetry.connectors.mqtt.sparkplug.opening import open_payload
from ems_telemetry.connectors.mqtt.sparkplug.points import Points
from ems_telemetry.connectors.mqtt.sparkplug.settings import SparkplugSettings
from ems_telemetry.connectors.mqtt.sparkplug.topic import ANY, COMMANDS, NodeName, filter_of, read_topic
from ems_telemetry.connectors.mqtt.sparkplug.witness import HostWitness
from ems_telemetry.errors import TransientError

MOST_NODES = 2_000
"""Edge nodes remembered; beyond, the one not heard of for longest is forgotten."""
MOST_HELD_BYTES = 64 * 2**20
"""Bound of all messages that wait for others."""


class SparkplugHost:
    """See `ems_telemetry.connectors.mqtt.decoding.Decoder`."""

    def __init__(self, file: MqttFile, settings: SparkplugSettings, surroundings: Surroundings) -> None:
        report = surroundings.report
        self._settings = settings
        self._report = report
        self._clock = surroundings.clock
        self._points = Points(report.status.name, file, settings, surroundings.sink.declare)
        self._witness = HostWitness(settings, report, surroundings.clock)
        self._patience = Patience(settings.reorder_timeout, settings.birth_timeout)
        self._store = BirthStore(surroundings.state_directory)
        self._is_open = False
        self._nodes: dict[NodeName, EdgeNode] = {}
        self._held_bytes: dict[NodeName, int] = {}
        self._kept_versions: dict[str, int] = {}
        self._keeping = asyncio.Lock()

    @property
    def filters(self) -> Sequence[str]:
        """One subscription brings everything."""
        return [filter_of(self._settings.group, self._settings.edge_node)]

    @property
    def due_s(self) -> float | None:
        """The first time that an edge node, or a request, waits for."""
        times = [self._witness.due_s, *(self._nodes[name].due_s for name in self._held_bytes)]
        return min((at_s for at_s in times if at_s is not None), default=None)

    async def open(self) -> None:
        """Reads the births kept, and makes the points found in them known again."""
        if self._is_open:
            return
        aside = await asyncio.to_thread(self._store.open)
        if aside is not None:
            self._report.note(f"the births kept could not be read and are set aside as {aside}; edge nodes must be born again")
        for part, standing in await asyncio.to_thread(self._store.load):
            if self._listens_to(part.node):
                self._node(part.node).restore(part, standing)
        self._is_open = True

    def receive(self, message: Message) -> Sequence[Outcome]:
        """Reads a message by what is known of its edge node."""
        heading = read_topic(message.topic)
        if heading is None or not self._listens_to(heading.part.node):
            return [unwanted(message)]
        if heading.verb in COMMANDS:
            self._report.count("commands_passed_over")
            return [Outcome(message)]
        try:
            payload = open_payload(message.payload)
        except ValueError as error:
            return [Outcome(message, (), [Refusal(None, "payload_unreadable", str(error))], needs_receipt=True)]
        arrival = Arrival(heading.verb, heading.part, message, payload)
        return self._from(heading.part.node, lambda node, now_s: node.receive(arrival, now_s))

    def release(self, *, at_once: bool = False) -> Sequence[Outcome]:
        """Reads what has waited long enough."""
        return self._from_all(lambda node, now_s: node.release(now_s, at_once=at_once))

    def end(self) -> Sequence[Outcome]:
        """Reads what waits and came at QoS 0; the rest comes again."""
        return self._from_all(lambda node, now_s: node.end(now_s))

    def commands(self) -> Sequence[Command]:
        """Gives the rebirth requests that are due."""
        return self._witness.requests()

    async def keep(self, changes: Sequence[Change]) -> bool:
        """Writes down how edge nodes and devices stand, unless something later is written already."""
        async with self._keeping:
            latest = {change.key: change for change in sorted(changes, key=lambda change: change.version)}
            newer = [each for each in latest.values() if each.version > self._kept_versions.get(each.key, 0)]
            if not newer:
                return True
            try:
                kept = [change.content for change in newer if isinstance(change.content, Kept)]
                await asyncio.to_thread(self._store.save, kept)
            except TransientError as error:
                self._report.note(f"waiting: {error}")
                return False
            self._kept_versions.update((each.key, each.version) for each in newer)
            return True

    def silent(self) -> Mapping[str, Sequence[str]]:
        """Says nothing: an edge node tells by its births and deaths what it has."""
        return {}

    async def close(self) -> None:
        """Closes the file of births."""
        self._is_open = False
        await asyncio.to_thread(self._store.close)

    def _listens_to(self, node: NodeName) -> bool:
        return self._settings.group in {ANY, node.group} and self._settings.edge_node in {ANY, node.edge_node}

    def _node(self, name: NodeName) -> EdgeNode:
        node = self._nodes.pop(name, None) or EdgeNode(name, self._points, self._witness, self._patience)
        self._nodes[name] = node  # as the last one heard of
        return node

    def _from(self, name: NodeName, ask: Callable[[EdgeNode, float], list[Outcome]]) -> list[Outcome]:
        """Asks an edge node for what is ready, and looks at what waits after that."""
        node = self._node(name)
        decoded = ask(node, self._clock.monotonic())
        if node.due_s is None:
            self._held_bytes.pop(name, None)
        else:
            self._held_bytes[name] = node.held_bytes
            if sum(self._held_bytes.values()) > MOST_HELD_BYTES:
                decoded += self._from_all(lambda node, now_s: node.release(now_s, at_once=True))
        if len(self._nodes) > MOST_NODES:
            decoded += self._forget(next(iter(self._nodes)))
        return decoded

    def _from_all(self, ask: Callable[[EdgeNode, float], list[Outcome]]) -> list[Outcome]:
        return [decoded for name in list(self._held_bytes) for decoded in self._from(name, ask)]

    def _forget(self, name: NodeName) -> list[Outcome]:
        self._held_bytes.pop(name, None)
        return self._nodes.pop(name).release(self._clock.monotonic(), at_once=True)
