"""Verifies evidence packs: reads them piece by piece, unpacks nothing, and names everything that does not hold."""

import os
import stat
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ems_telemetry.evidence.finding import Finding, Findings
from ems_telemetry.evidence.manifest import (
    LINES,
    MANIFEST,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    MAX_TOTAL_BYTES,
    RECORDS,
    SIGNATURE,
    TRAIL,
    Manifest,
    MerkleRoot,
    PackedFile,
    odd_names,
    read_manifest,
)
from ems_telemetry.evidence.measuring import Measured, TooLongError, exhaust
from ems_telemetry.evidence.merkle import Tree, verify_audit
from ems_telemetry.evidence.rows import Records, Trail, check_records, check_told, check_trail
from ems_telemetry.evidence.sampling import sample
from ems_telemetry.evidence.signing import SIGNATURE_BYTES, PublicKey

_UNREADABLE: Final = (
    BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,  # places beyond the file
    RuntimeError,  # encrypted, or packed in a manner that is not known
    ValueError,
)
"""What reading a damaged zip may raise."""
_ENCRYPTED: Final = 0x1
_END: Final = b"PK\x05\x06" + bytes(18)
"""What a zip without comment ends with, as long as it is (APPNOTE 4.3.16)."""


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What a verification came to.

    Attributes:
        findings: everything that does not hold; none, if the pack is sound.
        manifest: what the pack says of itself; None if that cannot be read. Believe it only if the pack is sound.
        signed: the signature is that of the key that the manifest names.
        trusted: it is, and that key is the one that was to be trusted. A sound pack that is not trusted was made and not
            changed since by whoever holds that key.
        records: so many records were read.
        entries: so many entries of the audit trail hold.
    """

    findings: tuple[Finding, ...]
    manifest: Manifest | None = None
    signed: bool = False
    trusted: bool = False
    records: int = 0
    entries: int = 0

    @property
    def ok(self) -> bool:
        """Whether the pack is sound: everything in it is as it was signed, and by the trusted key if one was given."""
        return self.signed and not self.findings


def verify_pack(path: Path, trusted_key: bytes | None = None) -> PackVerdict:
    """Verifies a pack: names, signature, hashes of files and records, Merkle root, proofs, sample, chain, what it tells.

    Args:
        path: the pack.
        trusted_key: the raw public key of 32 bytes that the pack should be signed by. None if the caller knows none: then
            any key will do, and the verdict is never `trusted`.

    Raises:
        OSError: the file cannot be opened.
    """
    findings = Findings()
    with path.open("rb") as file:
        try:
            file.seek(-len(_END), os.SEEK_END)
            ends = file.read()
            archive = ZipFile(file)
        except _UNREADABLE as error:
            return PackVerdict((Finding(path.name, f"is no zip that can be read: {error}"),))
        if not ends.startswith(_END[:4]):
            findings.add(path.name, "has bytes behind the end of the zip")
        with archive:
            return _verify(archive, trusted_key, findings)


def _verify(archive: ZipFile, trusted_key: bytes | None, findings: Findings) -> PackVerdict:
    _check_form(archive, findings)
    if findings:
        return PackVerdict(findings.all())
    entries = {entry.filename: entry for entry in archive.infolist()}
    text = _read_small(archive, entries, MANIFEST, MAX_MANIFEST_BYTES, findings)
    signature = _read_small(archive, entries, SIGNATURE, SIGNATURE_BYTES, findings)
    if text is None:
        return PackVerdict(findings.all())
    try:
        manifest = read_manifest(text)
    except (TypeError, ValueError) as error:
        findings.add(MANIFEST, str(error))
        return PackVerdict(findings.all())
    signer = PublicKey(bytes.fromhex(manifest.signer.public_key))
    signed = signature is not None and _check_signature(signer, manifest, signature, text, findings)
    trusted = signed and trusted_key == signer.raw
    if trusted_key is not None and trusted_key != signer.raw:
        wanted = PublicKey(trusted_key).key_id
        findings.add(MANIFEST, f"names the key {signer.key_id} as its signer, which is not the trusted key {wanted}")
    records, trail = _check_files(archive, entries, manifest, findings)
    _check_records(manifest, records, findings)
    _check_chain(manifest, trail, findings)
    if records is not None and trail.head is not None and trail.head == manifest.chain:  # a part would not tell of all
        check_told(records, trail, findings)
    return PackVerdict(findings.all(), manifest, signed, trusted, len(records.ids) if records else 0, trail.entries)


def _check_form(archive: ZipFile, findings: Findings) -> None:
    """Refuses what is no plain zip of plain files, before anything in it is read."""
    entries = archive.infolist()
    if len(entries) > MAX_FILES + 2:
        findings.add(MANIFEST, f"there are {len(entries)} files; a pack holds up to {MAX_FILES}")
        return
    for problem in odd_names(entry.orig_filename for entry in entries):
        findings.add("names", problem)
    for entry in entries:
        if odd := _odd_entry(entry):
            findings.add(entry.filename, odd)
    total_bytes = sum(entry.file_size for entry in entries)
    if total_bytes > MAX_TOTAL_BYTES + MAX_MANIFEST_BYTES + SIGNATURE_BYTES:
        findings.add("sizes", f"the files have {total_bytes} bytes; a pack holds up to {MAX_TOTAL_BYTES}")
    if min((entry.header_offset for entry in entries), default=0) > 0:
        findings.add("zip", "has bytes before its first file")


def _odd_entry(entry: ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        return "is no regular file"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        return f"is packed by method {entry.compress_type}; packs know stored and deflated"
    return None


def _read_small(
    archive: ZipFile, entries: Mapping[str, ZipInfo], name: str, limit_bytes: int, findings: Findings
) -> bytes | None:
    if name not in entries:
        findings.add(name, "is missing")
        return None
    try:
        with archive.open(entries[name]) as stream:
            content = stream.read(limit_bytes + 1)
    except _UNREADABLE as error:
        findings.add(name, f"cannot be read: {error}")
        return None
    if len(content) > limit_bytes:
        findings.add(name, f"has more than {limit_bytes} bytes")
        return None
    return content


def _check_signature(signer: PublicKey, manifest: Manifest, signature: bytes, text: bytes, findings: Findings) -> bool:
    if manifest.signer.key_id != signer.key_id:
        findings.add(MANIFEST, f"calls its key {manifest.signer.key_id}, which is {signer.key_id}")
    if not signer.verifies(signature, text):
        findings.add(SIGNATURE, f"is not the signature of {MANIFEST} by the key {signer.key_id}: one of the two was changed")
        return False
    return True


def _check_files(
    archive: ZipFile, entries: Mapping[str, ZipInfo], manifest: Manifest, findings: Findings
) -> tuple[Records | None, Trail]:
    """Checks every file; gives what the records and the trail say, as far as they could be read."""
    for problem in odd_names([*(packed.path for packed in manifest.files), MANIFEST, SIGNATURE]):
        findings.add(MANIFEST, f"names files that cannot be: {problem}")
    expected = {packed.path: packed for packed in manifest.files}
    for name in entries.keys() - expected.keys() - {MANIFEST, SIGNATURE}:
        findings.add(name, f"is extra: {MANIFEST} does not name it")
    records, trail = None, Trail()
    for name, packed in sorted(expected.items()):
        if name not in entries:
            findings.add(name, "is missing")
        elif entries[name].file_size != packed.size:
            findings.add(name, f"has {entries[name].file_size} bytes, and {packed.size} by {MANIFEST}")
        else:
            found = _check_file(archive, entries[name], packed, findings)
            records = found if isinstance(found, Records) else records
            trail = found if isinstance(found, Trail) else trail
    return records, trail


def _check_file(archive: ZipFile, entry: ZipInfo, expected: PackedFile, findings: Findings) -> Records | Trail | None:
    """Reads one file; gives what its lines say, where it is one whose lines are known."""
    found: Records | Trail | None = None
    try:
        with archive.open(entry) as stream:
            measured = Measured(stream, expected.size)
            pieces = measured.lines() if expected.path.endswith(LINES) else measured.pieces()
            if expected.path == RECORDS:
                found = check_records(pieces, findings)
            elif expected.path == TRAIL:
                found = check_trail(pieces, findings)
            exhaust(pieces)
    except TooLongError as error:
        findings.add(expected.path, str(error))
        return None
    except _UNREADABLE as error:
        findings.add(expected.path, f"cannot be read: {error}")
        return None
    if (was := measured.as_packed(expected.path)) != expected:
        findings.add(expected.path, f"is other than it was signed: {_difference(was, expected)}")
    return found


def _difference(was: PackedFile, expected: PackedFile) -> str:
    if was.sha256 != expected.sha256:
        return f"its SHA-256 is {was.sha256}, and {expected.sha256} by {MANIFEST}"
    return f"it has {was.size} bytes and {was.rows} rows, and {expected.size} and {expected.rows} by {MANIFEST}"


def _check_records(manifest: Manifest, records: Records | None, findings: Findings) -> None:
    """Checks what the manifest says of all records together: root, sample, proofs. Each would only repeat the one before."""
    merkle = manifest.merkle
    if (merkle is not None) != any(packed.path == RECORDS for packed in manifest.files):
        findings.add(MANIFEST, f"has a Merkle root without {RECORDS}, or the other way round")
    if merkle is None or records is None:
        return
    tree = Tree(records.leaves)
    if tree.size != merkle.size or tree.root.hex() != merkle.root:
        findings.add(
            RECORDS, f"its {tree.size} records have the root {tree.root.hex()}; signed were {merkle.size}, {merkle.root}"
        )
        return
    drawn = sample(manifest.seed, records.ids, len(manifest.sample))
    if drawn != tuple(manifest.sample):
        findings.add(MANIFEST, f'its sample is not what the seed "{manifest.seed}" draws from the records')
    for record_id in set(manifest.sample) - merkle.proofs.keys():
        findings.add(MANIFEST, f"record {record_id}: is in the sample and has no proof")
    for record_id in merkle.proofs:
        _check_proof(merkle, record_id, records, findings)


def _check_proof(merkle: MerkleRoot, record_id: str, records: Records, findings: Findings) -> None:
    proof = merkle.proofs[record_id]
    if proof.index >= len(records.ids) or records.ids[proof.index] != record_id:
        findings.add(MANIFEST, f"record {record_id}: its proof is of line {proof.index + 1}, which is not this record")
        return
    path = [bytes.fromhex(part) for part in proof.path]
    if not verify_audit(records.leaves[proof.index], proof.index, merkle.size, path, bytes.fromhex(merkle.root)):
        findings.add(MANIFEST, f"record {record_id}: its proof does not lead to the root")


def _check_chain(manifest: Manifest, trail: Trail, findings: Findings) -> None:
    if trail.head is not None and trail.head != manifest.chain:
        stated = "none" if manifest.chain is None else f"{manifest.chain.head_hash} at {manifest.chain.head_seq}"
        findings.add(TRAIL, f"ends with the hash {trail.head.head_hash} at {trail.head.head_seq}; signed was {stated}")
