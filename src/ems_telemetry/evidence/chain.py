"""The hash chain: each entry's hash covers the one before, so that nothing can be changed, removed or put between.

`h_0` is 32 zero bytes, `h_n = SHA-256(h_(n-1) || leaf_n)`. It proves order and tampering to who knows a later hash; neither
the wall time nor who did it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ems_telemetry.evidence.canonical import leaf

START: Final = bytes(32)
"""The hash before the first entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it was kept: the content without its hashes, and the hash that was kept beside it (32 bytes)."""

    seq: int
    content: object
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of following a chain.

    Attributes:
        ok: every entry follows from the one before.
        first_bad_seq: the first number at which no entry follows: it was changed, or is missing. None if all is well.
        checked: so many entries hold.
        head: the hash of the last entry that holds, 32 bytes.
    """

    ok: bool
    first_bad_seq: int | None
    checked: int
    head: bytes


def extend(previous: bytes, value: object) -> bytes:
    """Gives the hash of the entry that follows, 32 bytes.

    Args:
        previous: the hash of the entry before, 32 bytes; `START` for the first.
        value: the entry's content, without its hashes.

    Raises:
        TypeError: the content has no canonical form.
        ValueError: likewise, or `previous` is no hash.
    """
    if len(previous) != len(START):
        raise ValueError(f"the hash before has {len(previous)} bytes; SHA-256 has {len(START)}")
    return sha256(previous + leaf(value)).digest()


def verify(entries: Iterable[Entry], previous: bytes = START, first_seq: int = 1) -> Verdict:
    """Follows a chain, or an unbroken part of one, up to the first entry that does not follow.

    Args:
        entries: in the order of their numbers, which count up by one.
        previous: the hash of the entry before the first of these, 32 bytes.
        first_seq: the number that the first of these must have.
    """
    checked = 0
    for entry in entries:
        expected = first_seq + checked
        if entry.seq != expected or not follows(previous, entry):
            return Verdict(ok=False, first_bad_seq=expected, checked=checked, head=previous)
        previous = entry.hash
        checked += 1
    return Verdict(ok=True, first_bad_seq=None, checked=checked, head=previous)


def follows(previous: bytes, entry: Entry) -> bool:
    """Tells whether an entry's hash is that of its content behind the hash before; content without a form follows nothing."""
    try:
        return extend(previous, entry.content) == entry.hash
    except (TypeError, ValueError):
        return False
