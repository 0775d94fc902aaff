"""One edge node as its births, data and deaths tell it: a state machine without I/O, driven by messages and the time.

The edge node itself and each of its devices are parts. A part is born while its last birth holds: then data may name metrics by
alias. It is alive while its values may be taken for current: a death ends that, with one reading of each of its points.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple, Protocol

from ems_telemetry.connectors.mqtt.decoding import Change, Outcome
from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.payload import Refusal
from ems_telemetry.connectors.mqtt.sparkplug.births import Birth, bd_seq_of, is_older, read_birth
from ems_telemetry.connectors.mqtt.sparkplug.parts import Part, Standing
from ems_telemetry.connectors.mqtt.sparkplug.points import Points
from ems_telemetry.connectors.mqtt.sparkplug.reading import Read, read_metrics
from ems_telemetry.connectors.mqtt.sparkplug.sequence import Passed, Sequence, Turn
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Payload
from ems_telemetry.connectors.mqtt.sparkplug.topic import NodeName, PartName, Verb
from ems_telemetry.connectors.mqtt.sparkplug.troubles import Trouble

BEFORE_BIRTH = "before_birth"
UNKNOWN_METRIC = "unknown_metric"

_MOST_UNREAD = 500
_MOST_PARTS = 1_000
_SHOWN = 5


class Arrival(NamedTuple):
    """A message as it came, its payload open."""

    verb: Verb
    part: PartName
    message: Message
    payload: Payload


class Patience(NamedTuple):
    """How long messages wait: for those before them, and for a birth."""

    reorder_s: float
    birth_s: float


class Witness(Protocol):
    """Whom an edge node tells what it goes through."""

    def count(self, what: str, amount: int = 1) -> None:
        """Counts something."""

    def trouble(self, node: NodeName, trouble: Trouble, detail: str) -> None:
        """Hears of a trouble."""

    def born(self, node: NodeName) -> None:
        """Hears of a birth."""

    def expects_birth(self, node: NodeName) -> bool:
        """Tells whether a birth may come soon."""

    def change(self, part: PartName, standing: Standing | None) -> Change:
        """Makes what is to be kept of a part; None to forget it."""


class _Unread(NamedTuple):
    until_s: float
    arrival: Arrival


class EdgeNode:
    """The state of one edge node.

    Invariants:
    - Each message comes out once, decoded: from `receive`, or from a later call; only `end` keeps back what comes again.
    - A death counts once, and only for the session it names or one after it.
    - What is told to be kept stands in the message it was learnt from.

    `now_s` is everywhere that of a clock that never steps.
    """

    def __init__(self, name: NodeName, points: Points, witness: Witness, patience: Patience) -> None:
        self._name = name
        self._points = points
        self._witness = witness
        self._patience = patience
        self._sequence: Sequence[Arrival] = Sequence(patience.reorder_s)
        self._unread: list[_Unread] = []
        self._parts = {part: Part(part, points.bind_listed(part)) for part in points.listed_parts(name)}

    @property
    def due_s(self) -> float | None:
        """When `release` should be called; None if nothing waits."""
        times = (self._sequence.due_s, self._unread[0].until_s if self._unread else None)
        return min((at_s for at_s in times if at_s is not None), default=None)

    @property
    def held_bytes(self) -> int:
        """How much waits."""
        return sum(
            len(arrival.message.payload) for arrival in chain(self._sequence.waiting, (each.arrival for each in self._unread))
        )

    def restore(self, part: PartName, standing: Standing) -> None:
        """Takes back how a part stood before our restart; before the first message."""
        self._part(part, keep=True).restore(standing, self._points)

    def receive(self, arrival: Arrival, now_s: float) -> list[Outcome]:
        """Takes a message in; gives those that are ready by it."""
        if arrival.message.retained:
            return self._retained(arrival, now_s)
        if arrival.verb is Verb.NBIRTH:
            return self._node_birth(arrival, now_s)
        if arrival.verb is Verb.NDEATH:
            return self._node_death(arrival, now_s)
        if not arrival.payload.HasField("seq"):
            self._witness.trouble(self._name, Trouble.NO_NUMBER, "")
            return self._apply(Turn.NEXT, arrival, now_s)
        payload = arrival.payload
        return self._pass(self._sequence.put(payload.seq, payload.timestamp, arrival, now_s), now_s)

    def release(self, now_s: float, *, at_once: bool = False) -> list[Outcome]:
        """Gives what has waited long enough; all that wait if `at_once`."""
        decoded = self._pass(self._sequence.flush() if at_once else self._sequence.release(now_s), now_s)
        return decoded + self._give_up(lambda each: at_once or each.until_s <= now_s)

    def end(self, now_s: float) -> list[Outcome]:
        """Gives what waits and nobody sends again; forgets the rest, which the broker still has."""
        passed = self._sequence.flush()
        lost_for_good = [(turn, arrival) for turn, arrival in passed.items if not arrival.message.qos]
        decoded = self._pass(Passed(lost_for_good, passed.lost if lost_for_good else 0), now_s)
        self._unread = [each for each in self._unread if not each.arrival.message.qos]
        return decoded + self._give_up()

    def _pass(self, passed: Passed[Arrival], now_s: float) -> list[Outcome]:
        if passed.lost:
            self._witness.trouble(self._name, Trouble.SEQUENCE_GAP, f"{passed.lost} by their sequence numbers")
        return [each for turn, arrival in passed.items for each in self._apply(turn, arrival, now_s)]

    def _apply(self, turn: Turn, arrival: Arrival, now_s: float) -> list[Outcome]:
        if turn is not Turn.NEXT:
            self._witness.count("messages_late" if turn is Turn.LATE else "messages_repeated")
        if arrival.verb is Verb.DBIRTH:
            return self._device_birth(turn, arrival)
        if arrival.verb is Verb.DDEATH:
            return self._device_death(turn, arrival)
        return self._data(turn, arrival, now_s)

    def _retained(self, arrival: Arrival, now_s: float) -> list[Outcome]:
        """Believes a birth that the broker has kept, if we know no later one; nothing else."""
        if arrival.verb is Verb.NBIRTH and arrival.payload.timestamp > self._part(arrival.part).since_ms:
            return self._node_birth(arrival, now_s)
        if arrival.verb is Verb.DBIRTH:
            return self._device_birth(Turn.LATE, arrival)
        self._witness.count("retained_ignored")
        return [Outcome(arrival.message)]

    def _node_birth(self, arrival: Arrival, now_s: float) -> list[Outcome]:
        payload, birth = arrival.payload, read_birth(arrival.payload)
        decoded = self._pass(self._sequence.begin(payload.seq, payload.timestamp), now_s)
        changes = []
        node_is_born = self._part(arrival.part).born
        for part in self._parts.values():  # its devices are born after it, save those whose birth overtook its own
            if part.born and (node_is_born or part.since_ms < birth.sent_ms):
                part.born = False
                changes.append(self._change(part))
        decoded.append(self._be_born(arrival, birth, changes))
        self._witness.born(self._name)
        decoded += self._retry(arrival.part)
        return decoded + self._pass(self._sequence.drain(), now_s)

    def _device_birth(self, turn: Turn, arrival: Arrival) -> list[Outcome]:
        birth = read_birth(arrival.payload)
        part = self._part(arrival.part)
        if turn is not Turn.NEXT and birth.sent_ms < part.since_ms:  # what it tells has changed since
            return [
                self._finished(arrival, part, read_metrics(arrival.payload, part.table(with_aliases=False), arrival.message))
            ]
        node = self._parts.get(PartName(*self._name, None))
        if (node is None or not node.born) and not arrival.message.retained:
            self._witness.trouble(self._name, Trouble.DEVICE_BEFORE_NODE, f'device "{arrival.part.device}"')
        return [self._be_born(arrival, birth, []), *self._retry(arrival.part)]

    def _be_born(self, arrival: Arrival, birth: Birth, changes: list[Change]) -> Outcome:
        part = self._part(arrival.part, keep=True)
        self._witness.count("births")
        undiscovered = part.be_born(birth, self._points)
        self._witness.count("metrics_undiscovered", len(undiscovered))
        read = read_metrics(arrival.payload, part.table(with_aliases=True), arrival.message)
        read.refusals.extend(undiscovered)
        read.unwanted = 0  # a birth tells everything
        decoded = self._finished(arrival, part, read)
        return decoded._replace(changes=(*changes, *self._forgotten(), self._change(part)))

    def _data(self, turn: Turn, arrival: Arrival, now_s: float, *, is_last_try: bool = False) -> list[Outcome]:
        part = self._part(arrival.part)
        # What is late was sent while the birth held.
        table = part.table(with_aliases=part.born or turn is not Turn.NEXT)
        read = read_metrics(arrival.payload, table, arrival.message)
        if read.unread and not is_last_try:
            trouble = Trouble.UNKNOWN_METRIC if part.born else Trouble.BEFORE_BIRTH
            self._witness.trouble(self._name, trouble, f"{_listed(read.unread)} of {part.name}")
            if self._witness.expects_birth(self._name):
                self._unread.append(_Unread(now_s + self._patience.birth_s, arrival))
                oldest = self._unread[0]
                return self._give_up(lambda each: each is oldest) if len(self._unread) > _MOST_UNREAD else []
        changes = []
        if read.samples and turn is Turn.NEXT and not part.alive:
            part.alive = True
            changes.append(self._change(part))
        return [self._finished(arrival, part, read)._replace(changes=changes)]

    def _node_death(self, arrival: Arrival, now_s: float) -> list[Outcome]:
        birth = self._part(arrival.part).birth
        if is_older(bd_seq_of(arrival.payload), None if birth is None else birth.bd_seq):
            self._witness.count("deaths_of_older_sessions")
            return [Outcome(arrival.message)]
        decoded = self._pass(self._sequence.flush(), now_s) + self._give_up()
        self._sequence = Sequence(self._patience.reorder_s)
        # The broker sends it for the edge node, as it was written when that connected: its own time is no time of death.
        return [*decoded, self._die(arrival, self._parts.values(), 0)]

    def _device_death(self, turn: Turn, arrival: Arrival) -> list[Outcome]:
        part = self._part(arrival.part)
        at_ms = arrival.payload.timestamp
        if turn is not Turn.NEXT and at_ms < part.since_ms:  # it has been born again since
            samples = part.last_words(at_ms, arrival.message.received_at) if at_ms else []
            return [Outcome(arrival.message, samples)]
        decoded = self._give_up(lambda each: each.arrival.part == arrival.part)
        return [*decoded, self._die(arrival, [part], at_ms)]

    def _die(self, arrival: Arrival, parts: Iterable[Part], at_ms: int) -> Outcome:
        received_at = arrival.message.received_at
        dying = [part for part in parts if part.alive]
        self._witness.count("deaths" if dying else "deaths_repeated")
        samples = [sample for part in dying for sample in part.last_words(at_ms, received_at)]
        for part in dying:
            part.die(at_ms)
        changes = [self._change(part) for part in dying if part.name in self._parts]
        return Outcome(arrival.message, samples, (), not at_ms, changes)

    def _finished(self, arrival: Arrival, part: Part, read: Read) -> Outcome:
        if read.unread:
            reason = UNKNOWN_METRIC if part.born else BEFORE_BIRTH
            read.refusals.append(
                Refusal(None, reason, f"{_listed(read.unread)} of {part.name}: no birth that holds tells what it is")
            )
        if read.unwanted:
            self._witness.count("metrics_unwanted", read.unwanted)
        part.note_time(read.newest_ms)
        return Outcome(arrival.message, read.samples, read.refusals, bool(read.refusals) or read.lacks_time)

    def _retry(self, part: PartName) -> list[Outcome]:
        """Reads what waited for the birth of a part."""
        return self._give_up(lambda each: each.arrival.part == part)

    def _give_up(self, which: Callable[[_Unread], bool] = lambda _: True) -> list[Outcome]:
        """Reads what can be read by now of messages that wait for a birth."""
        given_up = [each.arrival for each in self._unread if which(each)]
        self._unread = [each for each in self._unread if not which(each)]
        return [decoded for arrival in given_up for decoded in self._data(Turn.NEXT, arrival, 0, is_last_try=True)]

    def _part(self, name: PartName, *, keep: bool = False) -> Part:
        part = self._parts.get(name) or Part(name, self._points.bind_listed(name))
        if keep:  # as the one born last
            self._parts.pop(name, None)
            self._parts[name] = part
        return part

    def _forgotten(self) -> list[Change]:
        """Forgets the parts that no file lists and that were born first, beyond the bound."""
        listed = self._points.listed_parts(self._name)
        spare = [name for name in self._parts if name not in listed] if len(self._parts) > _MOST_PARTS else []
        gone = spare[: len(self._parts) - _MOST_PARTS]
        for name in gone:
            del self._parts[name]
        return [self._witness.change(name, None) for name in gone]

    def _change(self, part: Part) -> Change:
        return self._witness.change(part.name, part.standing)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
