"""Packs for tests: one of a month, and what somebody might do to it."""

import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ems_telemetry.evidence.canonical import canonical, parse
from ems_telemetry.evidence.chain import START, linked
from ems_telemetry.evidence.envelope import record_hash, record_line
from ems_telemetry.evidence.manifest import MANIFEST, SIGNATURE
from ems_telemetry.evidence.pack import PackContents
from ems_telemetry.evidence.signing import SigningKey

IDS = [f"R-{number:04}" for number in range(1, 11)]
READINGS = b"time,value\n2026-03-01T09:45:00Z,15.4\n"


def record(record_id: str, value: str = "15.4") -> dict[str, object]:
    return {
        "record_id": record_id,
        "revision": 1,
        "period_start": datetime(2026, 3, 1, 9, 45, tzinfo=UTC),
        "value": Decimal(value),
        "unit": "kWh",
    }


def trail(count: int, first: int = 1) -> bytes:
    """The entries of the audit trail from `first` to `count`."""
    lines, previous = [], START
    for seq in range(1, count + 1):
        about = {"object_type": "record", "object_id": IDS[(seq - 1) % 10], "object_revision": 1}
        hash_ = record_hash(record(IDS[(seq - 1) % 10]))
        kept = linked({"seq": seq, "action": "record.created", **about, "after_hash": hash_}, previous)
        previous = bytes.fromhex(str(kept["hash"]))
        lines.append(canonical(kept) + b"\n")
    return b"".join(lines[first - 1 :])


def contents(files: Mapping[str, bytes | Path] | None = None, **other: Any) -> PackContents:  # noqa: ANN401 - whatever it takes
    given: dict[str, Any] = {
        "pack_id": "01JQ-BER1-2026-03",
        "scope": {"site": "BER1", "from": datetime(2026, 3, 1, tzinfo=UTC), "tolerance": Decimal("0.5")},
        "as_of": datetime(2026, 4, 6, tzinfo=UTC),
        "created_at": datetime(2026, 4, 7, 8, 30, tzinfo=UTC),
        "generator": "ems-telemetry 0.1.0",
        "seed": "2026-Q1-audit",
        "sample_size": 3,
        "files": {
            "records.ndjson": b"".join(record_line(record(record_id)) for record_id in IDS),
            "audit.ndjson": trail(10),
            "readings/EL-01.csv": READINGS,
            "methods.ndjson": b'{"method":"counter_delta_interp@3"}\n{"method":"twa@1"}\n',
        },
    }
    return PackContents(**{**given, "files": given["files"] if files is None else files, **other})


def unpacked(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(target: Path, files: Mapping[str, bytes]) -> Path:
    """Makes a plain zip of files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def signed_anew(files: Mapping[str, bytes], change: Callable[[dict[str, Any]], object], key: SigningKey) -> dict[str, bytes]:
    """Changes the manifest, and signs what comes of it."""
    manifest: Any = parse(files[MANIFEST])
    change(manifest)
    text = canonical(manifest)
    return {**files, MANIFEST: text, SIGNATURE: key.sign(text)}
