"""The auditor's sample: drawn by a seed that the auditor names, so that nobody else could choose what is looked at."""

from collections.abc import Iterable
from hashlib import sha256
from heapq import nsmallest


def sample(seed: str, record_ids: Iterable[str], count: int) -> tuple[str, ...]:
    """Draws records: those with the smallest SHA-256(seed + ":" + record_id), in that order.

    Args:
        seed: what the auditor says.
        record_ids: all that can be drawn; one that comes twice counts once.
        count: how many to draw; all, if there are fewer.
    """
    return tuple(nsmallest(count, set(record_ids), key=lambda record_id: (_place(seed, record_id), record_id)))


def _place(seed: str, record_id: str) -> bytes:
    return sha256(f"{seed}:{record_id}".encode()).digest()
