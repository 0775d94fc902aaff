"""Builds evidence packs: a zip with files, a manifest, and the signature of the manifest.

The same content, signed by the same key, gives the same bytes. Nothing is signed that would not be verified again.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Final, TypeAlias
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ems_telemetry.errors import PermanentError
from ems_telemetry.evidence.finding import Findings
from ems_telemetry.evidence.manifest import (
    FORMAT,
    LINES,
    MANIFEST,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    MAX_TOTAL_BYTES,
    RECORDS,
    SIGNATURE,
    TRAIL,
    VERSION,
    ChainHead,
    LeafProof,
    Manifest,
    MerkleRoot,
    PackedFile,
    Signer,
    odd_names,
    read_manifest,
    write_manifest,
)
from ems_telemetry.evidence.measuring import Measured, TooLongError, exhaust
from ems_telemetry.evidence.merkle import Tree
from ems_telemetry.evidence.rows import Records, Trail, check_records, check_told, check_trail
from ems_telemetry.evidence.sampling import sample
from ems_telemetry.evidence.signing import SigningKey

Content: TypeAlias = bytes | Path

_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The first that a zip can tell; when a file was put in says nothing."""
_REGULAR_FILE: Final = 0o100644
_UNIX: Final = 3
_SHOWN: Final = 3


class PackError(PermanentError):
    """A pack cannot be built of what was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackContents:
    """What a pack is to hold.

    Attributes:
        pack_id: what it is called.
        scope: what it is about: site, period, whatever was asked for; anything with a canonical form.
        as_of: the state of the records it holds, as of this time.
        created_at: when it was made.
        generator: the program and its version.
        files: by their names in the pack, plain and relative. `records.ndjson` holds lines of `envelope.record_line`,
            `audit.ndjson` an unbroken part of the chain in lines of `chain.linked`; others may be anything.
        seed: what the sample is drawn by, as the auditor said it.
        sample_size: how many records are drawn; each has its Merkle proof in the manifest.
        chain: where the chain stood, for a pack without `audit.ndjson`; with it, its last entry says so.
    """

    pack_id: str
    scope: Mapping[str, object]
    as_of: datetime
    created_at: datetime
    generator: str
    files: Mapping[str, Content] = field(repr=False)
    seed: str = ""
    sample_size: int = 25
    chain: ChainHead | None = None


def build_pack(target: Path, contents: PackContents, key: SigningKey) -> Manifest:
    """Builds a pack and signs it; it is there whole and on disk when this returns, over an older one too.

    Files given as paths are read twice, piece by piece. The pack is for its owner alone (mode 0600) until somebody hands it on.

    Raises:
        PackError: a name is not plain, a record's hash is not that of its content or not the one that the trail tells, the
            chain does not hold, a file cannot be read or changes meanwhile, or the pack would be larger than can be verified.
    """
    _check_names(contents.files)
    try:
        manifest, text = _manifest(contents, key)
        _write(target, contents.files, manifest, text, key.sign(text))
    except OSError as error:
        raise PackError(f"{error.filename or target}: {error.strerror}") from error
    return manifest


def _check_names(files: Mapping[str, Content]) -> None:
    problems = odd_names([*files, MANIFEST, SIGNATURE])
    if len(files) > MAX_FILES:
        problems.append(f"there are {len(files)} files; a pack holds up to {MAX_FILES}")
    if problems:
        raise PackError("; ".join(problems[:_SHOWN]))


def _manifest(contents: PackContents, key: SigningKey) -> tuple[Manifest, bytes]:
    files, records, trail = _look_through(contents.files)
    drawn = sample(contents.seed, records.ids, contents.sample_size)
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        pack_id=contents.pack_id,
        scope=dict(contents.scope),
        as_of=contents.as_of,
        created_at=contents.created_at,
        generator=contents.generator,
        seed=contents.seed,
        sample=list(drawn),
        files=files,
        chain=trail.head or contents.chain,
        merkle=_merkle(records, drawn) if RECORDS in contents.files else None,
        signer=Signer(key_id=key.public.key_id, public_key=key.public.raw.hex()),
    )
    try:
        text = write_manifest(manifest)
    except (TypeError, ValueError) as error:
        raise PackError(f"{MANIFEST}: {error}") from error
    if len(text) > MAX_MANIFEST_BYTES:
        raise PackError(f"{MANIFEST} would have {len(text)} bytes; up to {MAX_MANIFEST_BYTES} are verified: draw fewer records")
    return read_manifest(text), text


def _look_through(files: Mapping[str, Content]) -> tuple[list[PackedFile], Records, Trail]:
    findings = Findings()
    records, trail = Records(), Trail()
    packed: list[PackedFile] = []
    left_bytes = MAX_TOTAL_BYTES
    for name in sorted(files):
        with _opened(files[name]) as stream:
            measured = Measured(stream, left_bytes)
            try:
                if name == RECORDS:
                    records = check_records(measured.lines(), findings)
                elif name == TRAIL:
                    trail = check_trail(measured.lines(), findings)
                else:
                    exhaust(measured.lines() if name.endswith(LINES) else measured.pieces())
            except TooLongError as error:
                raise PackError(f"{name} {error}") from error
        packed.append(measured.as_packed(name))
        left_bytes -= packed[-1].size
    if TRAIL in files:
        check_told(records, trail, findings)
    if findings:
        raise PackError("; ".join(str(finding) for finding in findings.all()[:_SHOWN]))
    return packed, records, trail


def _merkle(records: Records, drawn: tuple[str, ...]) -> MerkleRoot:
    tree = Tree(records.leaves)
    places = {record_id: index for index, record_id in enumerate(records.ids)}
    proofs = {
        record_id: LeafProof(index=places[record_id], path=[part.hex() for part in tree.audit_proof(places[record_id])])
        for record_id in drawn
    }
    return MerkleRoot(size=tree.size, root=tree.root.hex(), proofs=proofs)


def _write(target: Path, files: Mapping[str, Content], manifest: Manifest, text: bytes, signature: bytes) -> None:
    signed: dict[str, Content] = {MANIFEST: text, SIGNATURE: signature}
    expected = {packed.path: packed for packed in manifest.files}
    with _whole(target) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name in sorted([*files, *signed]):
            content = signed.get(name) or files[name]
            with _opened(content) as stream:
                _add(archive, name, stream, expected.get(name))


def _add(archive: ZipFile, name: str, stream: IO[bytes], expected: PackedFile | None) -> None:
    entry = ZipInfo(name, _NO_TIME)
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = _UNIX
    entry.external_attr = _REGULAR_FILE << 16
    entry.file_size = MAX_MANIFEST_BYTES if expected is None else expected.size  # decides whether it needs zip64
    measured = Measured(stream, entry.file_size)
    with archive.open(entry, "w") as packed:
        try:
            for piece in measured.pieces():
                packed.write(piece)
        except TooLongError as error:
            raise PackError(f"{name} changed while it was packed: {error}") from error
    if expected is not None and measured.as_packed(name).sha256 != expected.sha256:
        raise PackError(f"{name} changed while it was packed")


def _opened(content: Content) -> IO[bytes]:
    return BytesIO(content) if isinstance(content, bytes) else content.open("rb")


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """Lets a file be written that takes its place only when it is whole and on disk."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
