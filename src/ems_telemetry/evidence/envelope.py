"""The hash of a record: SHA-256 of its canonical envelope without the hash itself.

A value is hashed alike as decimals and times in memory and as the strings that were read back from JSON.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from ems_telemetry.evidence.canonical import canonical, leaf_of

HASHLESS: Final = frozenset({"hash"})
"""Fields of an envelope that its hash does not cover."""


def record_hash(envelope: Mapping[str, object]) -> str:
    """Gives the hash of a record as 64 hexadecimal digits; a `hash` that is in the envelope already is left out.

    Raises:
        TypeError: something in it has no canonical form, as floats.
        ValueError: likewise.
    """
    return sha256(hashed_content(envelope)).hexdigest()


def record_leaf(envelope: Mapping[str, object]) -> bytes:
    """Gives the leaf of a record in Merkle trees, 32 bytes: SHA-256(0x00 || what its hash covers). Raises likewise."""
    return leaf_of(hashed_content(envelope))


def record_line(envelope: Mapping[str, object]) -> bytes:
    """Writes a record as its line of `records.ndjson`: canonical, with its hash. Raises likewise."""
    return canonical({**envelope, "hash": record_hash(envelope)}) + b"\n"


def hashed_content(envelope: Mapping[str, object]) -> bytes:
    """Gives the bytes that the hash of a record is taken of. Raises likewise."""
    return canonical({name: value for name, value in envelope.items() if name not in HASHLESS})
