"""The manifest of an evidence pack: what is in the pack, and what is signed.

It is stored as canonical JSON, so that the bytes that are signed are the bytes that are read.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from ems_telemetry.evidence.canonical import canonical, parse

FORMAT: Final = "ems-telemetry evidence pack"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
RECORDS: Final = "records.ndjson"
TRAIL: Final = "audit.ndjson"
LINES: Final = ".ndjson"
"""Files that end so are counted by their lines."""

MAX_FILES: Final = 10_000
MAX_MANIFEST_BYTES: Final = 16 * 2**20
MAX_TOTAL_BYTES: Final = 16 * 2**30
MAX_LINE_BYTES: Final = 2**20
MAX_NAME: Final = 200

Hash: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

_PART: Final = r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_PLAIN: Final = re.compile(rf"{_PART}(/{_PART})*")


class PackedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its size in bytes, and of `.ndjson` its lines."""

    path: str
    sha256: Hash
    size: Count
    rows: Count | None = None


class ChainHead(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain of the audit trail stood."""

    head_seq: Count
    head_hash: Hash


class LeafProof(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of one record: which line of the records it is, from 0, and its path to the root (RFC 6962, 2.1.1)."""

    index: Count
    path: list[Hash]


class MerkleRoot(msgspec.Struct, frozen=True, kw_only=True):
    """The tree over all records in the order of their lines, with the proofs of those in the sample."""

    size: Count
    root: Hash
    proofs: dict[str, LeafProof]


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose signature it is: the raw public key in hexadecimal, and what the key is called."""

    key_id: str
    public_key: Hash


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole manifest. What a later version adds is read over."""

    format: str
    version: int
    pack_id: str
    scope: dict[str, Any]
    as_of: Time
    created_at: Time
    generator: str
    seed: str
    sample: list[str]
    files: list[PackedFile]
    chain: ChainHead | None
    merkle: MerkleRoot | None
    signer: Signer


def write_manifest(manifest: Manifest) -> bytes:
    """Gives the bytes that are stored and signed.

    Raises:
        TypeError: something in the scope has no canonical form.
        ValueError: likewise.
    """
    return canonical(msgspec.to_builtins(manifest, builtin_types=(datetime,)))


def read_manifest(text: bytes) -> Manifest:
    """Reads a manifest that is stored as it should be.

    Raises:
        ValueError: in words.
    """
    parsed = parse(text)
    if canonical(parsed) != text:
        raise ValueError("is not canonical JSON (RFC 8785)")
    if not isinstance(parsed, dict) or parsed.get("format") != FORMAT:
        raise ValueError(f'is not the manifest of an "{FORMAT}"')
    if parsed.get("version") != VERSION:
        raise ValueError(f"has version {parsed.get('version')}; this program knows version {VERSION}")
    try:
        return msgspec.convert(parsed, Manifest)
    except msgspec.ValidationError as error:
        raise ValueError(f"is not as it should be: {error}") from error


def odd_names(names: Iterable[str]) -> list[str]:
    """Tells, in words, which names could write elsewhere than they say, or over one another, when a pack is unpacked."""
    seen: dict[str, str] = {}
    problems = []
    for name in names:
        if len(name) > MAX_NAME or not _PLAIN.fullmatch(name):
            problems.append(f"{name[:MAX_NAME]!r} is not a plain relative name")
        elif name.lower() in seen:
            problems.append(f"{name!r} is there twice" if seen[name.lower()] == name else f"{name!r} differs in case alone")
        seen[name.lower()] = name
    return problems
