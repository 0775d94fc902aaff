"""What can be wrong with an edge node, and what is to be done about it."""

from enum import Enum
from typing import NamedTuple


class _Meaning(NamedTuple):
    counter: str
    words: str
    birth_helps: bool


class Trouble(Enum):
    """A kind of trouble; each is counted every time, and told once until the edge node is born again."""

    SEQUENCE_GAP = _Meaning("sequence_gaps", "messages of it did not arrive: {detail}", birth_helps=True)
    BEFORE_BIRTH = _Meaning("data_before_birth", "it sends data, and no birth that holds was seen: {detail}", birth_helps=True)
    UNKNOWN_METRIC = _Meaning(
        "data_of_unknown_metrics", "it sends metrics that its birth does not tell: {detail}", birth_helps=True
    )
    DEVICE_BEFORE_NODE = _Meaning(
        "device_births_before_node", "a device is born, and no birth of its edge node was seen: {detail}", birth_helps=True
    )
    NO_NUMBER = _Meaning(
        "messages_without_number", "its messages have no sequence number, so that a lost one is not noticed", birth_helps=False
    )

    @property
    def counter(self) -> str:
        """Under which it is counted."""
        return self.value.counter

    @property
    def birth_helps(self) -> bool:
        """Tells whether a birth would set it right."""
        return self.value.birth_helps

    def words(self, detail: str) -> str:
        """Says it to people."""
        return self.value.words.format(detail=detail)
