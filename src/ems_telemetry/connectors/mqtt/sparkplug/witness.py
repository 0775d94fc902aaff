"""What a connector tells of its edge nodes, and when it asks them to be born again, if it may."""

from itertools import count

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.mqtt.decoding import Change, Command
from ems_telemetry.connectors.mqtt.sparkplug.birth_store import Kept
from ems_telemetry.connectors.mqtt.sparkplug.parts import Standing
from ems_telemetry.connectors.mqtt.sparkplug.reading import ms_of
from ems_telemetry.connectors.mqtt.sparkplug.rebirths import Rebirths, rebirth_request
from ems_telemetry.connectors.mqtt.sparkplug.settings import SparkplugSettings
from ems_telemetry.connectors.mqtt.sparkplug.topic import NodeName, PartName, command_topic
from ems_telemetry.connectors.mqtt.sparkplug.troubles import Trouble
from ems_telemetry.observe import ConnectorReport

_IS_ASKED = "it is asked to be born again"
_CAN_BE_HELPED = 'set "request_rebirth: true" under "sparkplug", or restart the edge node'


class HostWitness:
    """The witness of all edge nodes of one connector; see `edge_node.Witness`.

    Nothing is ever asked of an edge node unless the file says `request_rebirth: true`.
    """

    def __init__(self, settings: SparkplugSettings, report: ConnectorReport, clock: Clock) -> None:
        self._settings = settings
        self._report = report
        self._clock = clock
        self._rebirths = Rebirths(settings.rebirth_interval)
        self._told: set[tuple[NodeName, Trouble]] = set()
        self._versions = count(1)

    @property
    def due_s(self) -> float | None:
        """When somebody is to be asked next; None if nobody is."""
        return self._rebirths.due_s

    def count(self, what: str, amount: int = 1) -> None:
        """Counts something, as `GET /connectors` shows it."""
        if amount:
            self._report.count(what, amount)

    def trouble(self, node: NodeName, trouble: Trouble, detail: str) -> None:
        """Counts a trouble, tells it once until the next birth, and sees to it that the edge node is asked, if that helps."""
        self._report.count(trouble.counter)
        is_asked = trouble.birth_helps and self._settings.request_rebirth
        if is_asked:
            self._rebirths.want(node, self._clock.monotonic())
        if (node, trouble) not in self._told:
            self._told.add((node, trouble))
            remedy = f"; {_IS_ASKED if is_asked else _CAN_BE_HELPED}" if trouble.birth_helps else ""
            self._report.note(f"edge node {node}: {trouble.words(detail)}{remedy}")

    def born(self, node: NodeName) -> None:
        """Takes note that an edge node has been born."""
        self._rebirths.born(node, self._clock.monotonic())
        self._told -= {(node, trouble) for trouble in Trouble}

    def expects_birth(self, node: NodeName) -> bool:
        """Tells whether a birth may come soon: it was asked for, or is about to be."""
        return self._rebirths.expects(node, self._clock.monotonic(), self._settings.birth_timeout)

    def change(self, part: PartName, standing: Standing | None) -> Change:
        """Makes what is to be kept of a part."""
        return Change(str(part), next(self._versions), Kept(part, standing))

    def requests(self) -> list[Command]:
        """Gives the rebirth requests that are due, and takes them for sent."""
        due = self._rebirths.take_due(self._clock.monotonic())
        payload = rebirth_request(ms_of(self._clock.now())) if due else b""
        for node in due:
            self._report.count("rebirths_requested")
            self._report.remark("rebirth_requested", "edge node is asked to be born again", edge_node=str(node))
        return [Command(command_topic(node), payload) for node in due]
