"""What stands in the files of a configuration: as it may be kept and shown, and as a digest that tells whether it changed."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from ems_telemetry.config.base import FilesRead
from ems_telemetry.config.document import Document
from ems_telemetry.config.masking import masked
from ems_telemetry.shipped import shipped

SHIPPED = ("connectors", "config")


@dataclass(frozen=True, slots=True)
class Content:
    """Digests of what a file says. They are for comparing in memory only: from one of a short secret it could be guessed."""

    data: bytes = b""
    """Of the values in the file, comments and layout aside, variables filled in, and of every file it names."""
    secrets: bytes = b""
    """Of the files it names that hold secrets."""


class Source(NamedTuple):
    """A file that was read, what it was checked by, and the further files that took."""

    document: Document
    model: type[BaseModel]
    files: FilesRead


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of the configuration as it may be kept: `text` is as it is written, with secrets masked.

    `name` is its path below the plant's folder (the one above that of the service file), or `shipped/…` for what comes with the
    product, or else its full path.
    """

    path: Path
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def content_of(document: Document, files: FilesRead) -> Content:
    """Takes the digests of a file and of those it names, as they are now."""
    secrets = _digest(_bytes_of(path) for path in files.secret)
    plain = _digest(_bytes_of(path) for path in files.plain)
    return Content(_digest((repr(document.data).encode(), plain, secrets)), secrets)


def written_files(service: Path, sources: Iterable[Source]) -> tuple[WrittenFile, ...]:
    """Gives the files of a configuration as they may be kept, each once, by their names. Takes as long as reading them did.

    Args:
        service: the path of the service file.
        sources: every file that was read.
    """
    texts: dict[Path, str] = {}
    for document, model, files in sources:
        texts[document.path] = masked(document, model)
        texts |= {path: _bytes_of(path).decode(errors="replace") for path in files.plain}
    written = (WrittenFile(path, _name(path, service), text) for path, text in texts.items())
    return tuple(sorted(written, key=lambda file: file.name))


def paths_of(sources: Iterable[Source]) -> tuple[Path, ...]:
    """Names every file that a configuration was read from, those that hold secrets too."""
    found = (path for source in sources for path in (source.document.path, *source.files.plain, *source.files.secret))
    return tuple(dict.fromkeys(found))


def hash_of(files: Sequence[WrittenFile]) -> str:
    """Gives one SHA-256 for a whole configuration: the same files with the same texts have the same."""
    return hashlib.sha256("\n".join(f"{file.sha256} {file.name}" for file in files).encode()).hexdigest()


def _name(path: Path, service: Path) -> str:
    absolute = path.resolve()
    root = service.resolve().parent.parent
    if absolute.is_relative_to(root):
        return str(absolute.relative_to(root))
    for folder in SHIPPED:
        if absolute.is_relative_to(shipped(folder)):
            return str(Path("shipped", folder, absolute.relative_to(shipped(folder))))
    return str(absolute)


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.digest()


def _bytes_of(path: Path) -> bytes:
    """A file that has gone since it was checked counts as empty: whoever needs it says so."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
