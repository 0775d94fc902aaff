"""Topics of Sparkplug: who speaks, and what kind of message it is.

spBv1.0/GROUP/VERB/EDGE_NODE            spBv1.0/GROUP/VERB/EDGE_NODE/DEVICE
"""

from enum import StrEnum
from typing import NamedTuple

NAMESPACE = "spBv1.0"
ANY = "+"
_WITHOUT_DEVICE, _WITH_DEVICE = 4, 5


class Verb(StrEnum):
    """What a message is; N stands for the edge node itself, D for one of its devices."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"


COMMANDS = frozenset({Verb.NCMD, Verb.DCMD})
"""What hosts send, we among them; an edge node never does."""


class NodeName(NamedTuple):
    """An edge node, unique at a broker."""

    group: str
    edge_node: str

    def __str__(self) -> str:
        return f"{self.group}/{self.edge_node}"


class PartName(NamedTuple):
    """An edge node itself (`device` is None), or one of its devices: whatever is born and dies by itself."""

    group: str
    edge_node: str
    device: str | None

    @property
    def node(self) -> NodeName:
        """The edge node it belongs to."""
        return NodeName(self.group, self.edge_node)

    def __str__(self) -> str:
        return "/".join(level for level in self if level is not None)


class Heading(NamedTuple):
    """What a topic tells."""

    verb: Verb
    part: PartName


def read_topic(topic: str) -> Heading | None:
    """Reads a topic; None if it is none of an edge node or device."""
    levels = topic.split("/")
    if len(levels) not in {_WITHOUT_DEVICE, _WITH_DEVICE} or not all(levels):
        return None
    if levels[0] != NAMESPACE or levels[2] not in Verb.__members__:
        return None
    verb = Verb(levels[2])
    device = levels[4] if len(levels) == _WITH_DEVICE else None
    if (device is None) != verb.startswith("N"):
        return None
    return Heading(verb, PartName(levels[1], levels[3], device))


def filter_of(group: str, edge_node: str) -> str:
    """Gives the subscription to all that an edge node and its devices send; either name may be `ANY`."""
    return f"{NAMESPACE}/{group}/+/{edge_node}/#"


def command_topic(node: NodeName) -> str:
    """Gives the topic of commands to an edge node."""
    return f"{NAMESPACE}/{node.group}/{Verb.NCMD}/{node.edge_node}"
