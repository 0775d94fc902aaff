"""Makes a pack: gathers it as the database stands at one moment, signs it, and tells the audit trail."""

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from ems_telemetry.errors import PermanentError
from ems_telemetry.evidence.manifest import Manifest
from ems_telemetry.evidence.pack import PackContents, build_pack
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.records.method import Method
from ems_telemetry.records.methods import METHODS
from ems_telemetry.records.packing.asked import PackAsked
from ems_telemetry.records.packing.folder import PackFolder
from ems_telemetry.records.packing.gathering import gather
from ems_telemetry.records.packing.raw import MOST_ROWS
from ems_telemetry.storage.audit import Act, Actor, AuditRow, append_act
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.packs import hold_view

PIECE_BYTES = 2**20
GATHERING = ".pack-"
"""How folders begin in which packs are gathered."""


@dataclass(frozen=True, slots=True)
class MadePack:
    """A pack that lies in its file."""

    pack_id: str
    asked: PackAsked
    manifest: Manifest
    records: int
    size_bytes: int
    sha256: str

    async def tell(self, connection: Connection, actor: Actor, at: datetime) -> AuditRow:
        """Tells the audit trail in the open transaction."""
        made = {"records": self.records, "size_bytes": self.size_bytes, "key_id": self.manifest.signer.key_id}
        detail = {**self.asked.scope(), **made}
        act = Act(
            "audit_pack.made", "audit_pack", self.pack_id, site=self.asked.site, after_hash=self.sha256, detail=detail
        )  # fmt: skip
        return await append_act(connection, actor, act, at)


@dataclass(frozen=True, slots=True)
class PackBench:
    """What packs are made with."""

    database: Database
    key: SigningKey
    methods: Mapping[str, Method] = field(default_factory=lambda: METHODS)
    most_raw_rows: int = MOST_ROWS

    async def make(self, target: Path, pack_id: str, asked: PackAsked, now: datetime) -> MadePack:
        """Makes a pack in its file; nobody is told yet.

        Raises:
            PermanentError: it cannot be made; says why.
            TransientError: the database is out of reach.
        """
        try:
            with tempfile.TemporaryDirectory(prefix=GATHERING, dir=target.parent) as directory:
                return await self._make(Path(directory), target, pack_id, asked, now)
        except OSError as error:
            raise PermanentError(f"{target.parent} cannot be written: {error.strerror}") from error

    async def _make(self, directory: Path, target: Path, pack_id: str, asked: PackAsked, now: datetime) -> MadePack:
        folder = PackFolder(directory)
        async with self.database.connection() as connection:
            await hold_view(connection)
            contents = await gather(connection, asked, folder, self.methods, self.most_raw_rows)
        what = PackContents(
            pack_id=pack_id,
            scope=asked.scope(),
            as_of=asked.as_of,
            created_at=now,
            generator=f"ems-telemetry {version('ems-telemetry')}",
            files=folder.files,
            seed=asked.seed,
            sample_size=asked.sample,
        )
        manifest = await asyncio.to_thread(build_pack, target, what, self.key)
        size, sha256 = await asyncio.to_thread(_measure, target)
        return MadePack(pack_id, asked, manifest, contents.records, size, sha256)


def _measure(path: Path) -> tuple[int, str]:
    hashed, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            hashed.update(piece)
            size += len(piece)
    return size, hashed.hexdigest()
