"""The hash chain: each entry's hash covers the one before, so that nothing can be changed, removed or put between.

`h_0` is 32 zero bytes, `h_n = SHA-256(h_(n-1) || leaf_n)`. It proves order and tampering to who knows a later hash; neither
the wall time nor who did it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ems_telemetry.evidence.canonical import leaf

START: Final = bytes(32)
"""The hash before the first entry."""
HASHES: Final = frozenset({"hash", "prev_hash"})
"""Fields that an entry is kept with and that are no part of its content."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it was kept: the content without its hashes, and the hashes that were kept beside it (32 bytes each).

    `previous` is None where only the own hash was kept.
    """

    seq: int
    content: object
    hash: bytes
    previous: bytes | None = None


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


def linked(content: Mapping[str, object], previous: bytes) -> dict[str, object]:
    """Gives an entry as it is kept: its content with `prev_hash` and `hash`, in hexadecimal. Raises as `extend` does.

    Args:
        content: with its number, `seq`; hashes in it are put in the place of older ones.
        previous: the hash of the entry before, 32 bytes; `START` for the first.
    """
    bare = _without_hashes(content)
    return {**bare, "prev_hash": previous.hex(), "hash": extend(previous, bare).hex()}


def entry_of(kept: Mapping[str, object]) -> Entry:
    """Reads an entry as `linked` gives it.

    Raises:
        ValueError: `seq`, `hash` or `prev_hash` is missing, or is not what it should be.
    """
    seq, own, before = kept.get("seq"), kept.get("hash"), kept.get("prev_hash")
    if not isinstance(seq, int) or not isinstance(own, str) or not isinstance(before, str):
        raise ValueError("has no seq, hash and prev_hash")  # noqa: TRY004 - its content is wrong, not the call
    return Entry(seq, _without_hashes(kept), bytes.fromhex(own), bytes.fromhex(before))


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
    if entry.previous not in {None, previous}:
        return False
    try:
        return extend(previous, entry.content) == entry.hash
    except (TypeError, ValueError):
        return False


def _without_hashes(kept: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in kept.items() if name not in HASHES}
