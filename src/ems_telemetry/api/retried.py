"""What the service tells of a dead letter that a client had retried."""

from typing import NamedTuple


class Retried(NamedTuple):
    """What became of a dead letter that was retried. No readings: nothing became of it, and `note` says why."""

    readings: int
    note: str
