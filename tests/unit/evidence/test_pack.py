import os
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from evidence_packs import IDS, READINGS, contents, record, trail, unpacked

from ems_telemetry.evidence.canonical import canonical, parse
from ems_telemetry.evidence.envelope import record_hash, record_leaf, record_line
from ems_telemetry.evidence.manifest import ChainHead
from ems_telemetry.evidence.merkle import root
from ems_telemetry.evidence.pack import Content, PackContents, PackError, build_pack
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.evidence.verifying import verify_pack

pytestmark = pytest.mark.unit


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.make(tmp_path / "signing.pem")


def test_the_manifest_says_what_is_in_the_pack(tmp_path: Path, key: SigningKey) -> None:
    manifest = build_pack(tmp_path / "pack.zip", contents(), key)
    files = unpacked(tmp_path / "pack.zip")
    stored = parse(files["manifest.json"])
    assert isinstance(stored, dict)
    assert canonical(stored) == files["manifest.json"]
    assert stored["format"] == "ems-telemetry evidence pack"
    assert stored["scope"] == {"site": "BER1", "from": "2026-03-01T00:00:00Z", "tolerance": "0.5"}
    assert stored["as_of"] == "2026-04-06T00:00:00Z"
    assert stored["sample"] == ["R-0009", "R-0004", "R-0001"]  # CR-52
    assert stored["signer"] == {"key_id": key.public.key_id, "public_key": key.public.raw.hex()}
    assert {packed.path: (packed.sha256, packed.size, packed.rows) for packed in manifest.files} == {
        name: (sha256(content).hexdigest(), len(content), content.count(b"\n") if name.endswith(".ndjson") else None)
        for name, content in files.items()
        if not name.startswith("manifest.")
    }
    assert manifest.merkle is not None
    assert manifest.merkle.root == root([record_leaf(record(record_id)) for record_id in IDS]).hex()
    assert manifest.chain is not None
    assert manifest.chain.head_seq == 10
    assert key.public.verifies(files["manifest.sig"], files["manifest.json"])


def test_a_pack_verifies(tmp_path: Path, key: SigningKey) -> None:
    build_pack(tmp_path / "pack.zip", contents(), key)
    verdict = verify_pack(tmp_path / "pack.zip", key.public.raw)
    assert (verdict.findings, verdict.ok, verdict.signed, verdict.trusted) == ((), True, True, True)
    assert (verdict.records, verdict.entries) == (10, 10)
    assert verdict.manifest is not None
    assert verdict.manifest.pack_id == "01JQ-BER1-2026-03"


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, key: SigningKey) -> None:
    build_pack(tmp_path / "one.zip", contents(), key)
    (tmp_path / "on-disk.csv").write_bytes(READINGS)
    other = contents()
    turned: dict[str, Content] = dict(reversed(list(other.files.items())))
    turned["readings/EL-01.csv"] = tmp_path / "on-disk.csv"
    os.utime(tmp_path / "on-disk.csv", (0, 0))
    build_pack(tmp_path / "two.zip", replace(other, files=turned), key)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {stat.S_IFMT(entry.external_attr >> 16) for entry in archive.infolist()} == {stat.S_IFREG}


@pytest.mark.parametrize(
    "given",
    [
        contents({}),
        contents({"records.ndjson": b"", "audit.ndjson": b""}),
        contents({"notes.txt": b"nothing else"}, chain=ChainHead(head_seq=7, head_hash="ab" * 32)),
        contents({"audit.ndjson": trail(9, first=4)}),
        contents({"records.ndjson": record_line(record("R-1")).rstrip(b"\n")}, sample_size=5),
        contents({"records.ndjson": record_line(record("R-1")) + record_line({**record("R-1"), "revision": 2})}),
        contents(sample_size=0),
    ],
    ids=["empty", "empty files", "chain alone", "part of the trail", "no end of line", "two revisions", "no sample"],
)
def test_packs_of_little_verify_too(tmp_path: Path, key: SigningKey, given: PackContents) -> None:
    build_pack(tmp_path / "pack.zip", given, key)
    assert verify_pack(tmp_path / "pack.zip", key.public.raw).findings == ()


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"../evil.txt": b""}, "not a plain relative name"),
        ({"/etc/passwd": b""}, "not a plain relative name"),
        ({"a\\b": b""}, "not a plain relative name"),
        ({"a/": b""}, "not a plain relative name"),
        ({".hidden": b""}, "not a plain relative name"),
        ({"a" * 201: b""}, "not a plain relative name"),
        ({"A.txt": b"", "a.TXT": b""}, "differs in case alone"),
        ({"manifest.json": b"{}"}, "'manifest.json' is there twice"),
        ({"Manifest.sig": b""}, "differs in case alone"),
        ({"records.ndjson": record_line(record("R-1")).replace(b"15.4", b"15.5")}, r"records.ndjson:1: record R-1: says hash"),
        ({"records.ndjson": b'{"record_id":"R-1"}\n'}, "records.ndjson:1: has no record_id and hash"),
        ({"records.ndjson": b'{"record_id":"R-1","hash":"","value":1.5}\n'}, "records.ndjson:1: has the number 1.5"),
        ({"records.ndjson": b"[]\n"}, "records.ndjson:1: is not an object"),
        ({"records.ndjson": b"\n"}, "records.ndjson:1: Expecting value"),
        ({"audit.ndjson": trail(3) + trail(5, first=5)}, "audit.ndjson:4: the chain breaks at entry 4"),
        ({"audit.ndjson": b'{"seq":1}\n'}, "audit.ndjson:1: has no seq, hash and prev_hash"),
        (
            {"records.ndjson": record_line(record("R-0001", "99.4")), "audit.ndjson": trail(2)},
            r"records.ndjson:1: record R-0001, revision 1: entry 1 of audit.ndjson tells hash",
        ),
        (
            {"records.ndjson": record_line({**record("R-0001"), "revision": 2}), "audit.ndjson": trail(2)},
            r"records.ndjson:1: record R-0001, revision 2: no entry of audit.ndjson tells of it",
        ),
        ({"long.ndjson": b"x" * (2**20 + 1)}, "long.ndjson has more than 1048576 bytes in line 1"),
    ],
)
def test_what_would_not_be_verified_is_not_signed(
    tmp_path: Path, key: SigningKey, files: dict[str, Content], problem: str
) -> None:
    with pytest.raises(PackError, match=problem):
        build_pack(tmp_path / "pack.zip", contents(files), key)
    assert [path.name for path in tmp_path.iterdir()] == ["signing.pem"]


def test_files_that_are_not_there_and_scopes_without_a_form_are_told(tmp_path: Path, key: SigningKey) -> None:
    with pytest.raises(PackError, match=r"nowhere.csv: No such file"):
        build_pack(tmp_path / "pack.zip", contents({"a.csv": tmp_path / "nowhere.csv"}), key)
    with pytest.raises(PackError, match=r"manifest.json: \$.scope.limit: 0.5 is a float"):
        build_pack(tmp_path / "pack.zip", contents(scope={"limit": 0.5}), key)
    with pytest.raises(PackError, match="No such file"):
        build_pack(tmp_path / "nowhere" / "pack.zip", contents(), key)


def test_a_file_that_changes_while_it_is_packed_is_not_signed(tmp_path: Path, key: SigningKey) -> None:
    changes_always = Path("/proc/sys/kernel/random/uuid")
    with pytest.raises(PackError, match=r"live.csv changed while it was packed"):
        build_pack(tmp_path / "pack.zip", contents({"live.csv": changes_always}), key)
    assert [path.name for path in tmp_path.iterdir()] == ["signing.pem"]


def test_cr_51_the_pack_of_an_older_revision_still_verifies(tmp_path: Path, key: SigningKey) -> None:
    first = record("BER1-2026-03", "71500")
    build_pack(tmp_path / "pack.zip", contents({"records.ndjson": record_line(first)}), key)
    amended = {**first, "revision": 2, "status": "amended", "reason": "late_data", "value": Decimal(71800)}
    assert record_hash(amended) != record_hash(first)
    build_pack(tmp_path / "later.zip", contents({"records.ndjson": record_line(amended)}), key)
    for name, value in (("pack.zip", b'"71500"'), ("later.zip", b'"71800"')):
        assert verify_pack(tmp_path / name, key.public.raw).ok
        assert value in unpacked(tmp_path / name)["records.ndjson"]


def test_evidence_needs_no_database_no_web_and_no_protocol() -> None:
    code = (
        "import sys, ems_telemetry.evidence.pack, ems_telemetry.evidence.verifying; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} "
        "& {'psycopg', 'fastapi', 'asyncua', 'pymodbus', 'paho', 'pydantic', 'asyncio', 'httpx', 'typer'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)  # noqa: S603 - ourselves
    assert done.stdout == "[]\n"
