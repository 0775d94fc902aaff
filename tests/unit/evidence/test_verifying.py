import re
import struct
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from evidence_packs import IDS, contents, packed, record, signed_anew, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st

from ems_telemetry.evidence.canonical import parse
from ems_telemetry.evidence.envelope import record_hash, record_leaf, record_line
from ems_telemetry.evidence.merkle import Tree
from ems_telemetry.evidence.pack import build_pack
from ems_telemetry.evidence.sampling import sample
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.evidence.verifying import PackVerdict, verify_pack

pytestmark = pytest.mark.unit

NAMES = ["audit.ndjson", "manifest.json", "manifest.sig", "methods.ndjson", "readings/EL-01.csv", "records.ndjson"]


class Original:
    """A sound pack, and a place for what others make of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = SigningKey.make(folder / "signing.pem")
        self.path = folder / "pack.zip"
        build_pack(self.path, contents(), self.key)
        self.files = unpacked(self.path)

    def verify(self, files: dict[str, bytes]) -> PackVerdict:
        return verify_pack(packed(self.folder / "other.zip", files), self.key.public.raw)

    def verify_bytes(self, content: bytes) -> PackVerdict:
        path = self.folder / "raw.zip"
        path.write_bytes(content)
        return verify_pack(path, self.key.public.raw)

    def verify_manifest(self, change: Callable[[dict[str, Any]], object]) -> list[str]:
        """Changes the manifest as who has the key could."""
        return messages(self.verify(signed_anew(self.files, change, self.key)))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("packs"))


def messages(verdict: PackVerdict) -> list[str]:
    assert verdict.ok == (not verdict.findings)
    return [str(finding) for finding in verdict.findings]


def test_only_content_matters_not_how_it_is_packed(original: Original) -> None:
    assert messages(original.verify(dict(reversed(original.files.items())))) == []


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_any_changed_byte_of_any_file_is_found_and_named(original: Original, name: str, data: st.DataObject) -> None:
    content = bytearray(original.files[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    verdict = original.verify({**original.files, name: bytes(content)})
    assert not verdict.ok
    if name.startswith("manifest."):
        assert not verdict.signed
        assert name in " ".join(messages(verdict))
    else:
        assert {finding.path for finding in verdict.findings} == {name}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_any_cut_or_longer_file_is_found_and_named(original: Original, name: str, data: st.DataObject) -> None:
    content = original.files[name]
    other = data.draw(
        st.sampled_from([content + b"\n", content + content, content[: data.draw(st.integers(0, len(content) - 1))]])
    )
    verdict = original.verify({**original.files, name: other})
    assert not verdict.ok
    assert name in " ".join(messages(verdict))


@given(data=st.data())
def test_a_damaged_zip_is_told_and_never_breaks_the_verifier(original: Original, data: st.DataObject) -> None:
    content = bytearray(original.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    original.verify_bytes(bytes(content))
    assert not original.verify_bytes(bytes(content[:cut])).ok or cut == len(content)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("manifest.")])
def test_a_missing_file_is_named(original: Original, name: str) -> None:
    rest = {other: content for other, content in original.files.items() if other != name}
    assert f"{name}: is missing" in messages(original.verify(rest))


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig"])
def test_a_pack_without_manifest_or_signature_is_not_sound(original: Original, name: str) -> None:
    verdict = original.verify({other: content for other, content in original.files.items() if other != name})
    assert messages(verdict) == [f"{name}: is missing"]
    assert not verdict.signed


def test_an_extra_file_is_named(original: Original) -> None:
    found = messages(original.verify({**original.files, "notes.txt": b"believe me"}))
    assert found == ["notes.txt: is extra: manifest.json does not name it"]


@pytest.mark.parametrize(
    "name", ["../notes.txt", "/notes.txt", "a\\..\\notes.txt", "C:notes.txt", "a//b", "notes.txt ", "a/./b"]
)
def test_names_that_lead_elsewhere_are_refused(original: Original, name: str) -> None:
    assert "is not a plain relative name" in messages(original.verify({**original.files, name: b""}))[0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["records.ndjson", "RECORDS.ndjson"])
def test_a_name_that_is_there_twice_is_refused(original: Original, name: str) -> None:
    path = packed(original.folder / "twice.zip", original.files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, original.files["records.ndjson"])
    assert "is there twice" in messages(verify_pack(path))[0] or "differs in case alone" in messages(verify_pack(path))[0]


def test_links_are_refused(original: Original) -> None:
    path = packed(original.folder / "link.zip", original.files)
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("link.txt")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    assert messages(verify_pack(path)) == ["link.txt: is no regular file"]


def test_other_packings_are_refused(original: Original) -> None:
    path = packed(original.folder / "lzma.zip", original.files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a.txt", b"x", zipfile.ZIP_LZMA)
    assert messages(verify_pack(path)) == ["a.txt: is packed by method 14; packs know stored and deflated"]


def headers_changed(content: bytes, name: bytes, at: tuple[int, int], field: bytes) -> bytes:
    """Writes a field of a file into its two headers, at these places in the local one and in the central directory."""
    local, central = content.index(name) - 30 + at[0], content.rindex(name) - 46 + at[1]
    changed = bytearray(content)
    changed[local : local + len(field)] = changed[central : central + len(field)] = field
    return bytes(changed)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_the_zip_itself_says_is_damaged_is_named(original: Original, name: str) -> None:
    damaged = headers_changed(original.path.read_bytes(), name.encode(), (14, 16), bytes(4))
    verdict = original.verify_bytes(damaged)
    assert not verdict.ok
    assert messages(verdict) == [f"{name}: cannot be read: Bad CRC-32 for file {name!r}"]


def test_a_line_longer_than_any_record_is_not_read_on(original: Original) -> None:
    content = b'"' + b"x" * 2**20 + b'"\n'
    what = {"path": "methods.ndjson", "sha256": sha256(content).hexdigest(), "size": len(content), "rows": 1}
    files = signed_anew(original.files, lambda it: it["files"].__setitem__(1, what), original.key)
    found = messages(original.verify({**files, "methods.ndjson": content}))
    assert found == [f"methods.ndjson: has more than {2**20} bytes in line 1"]


def test_encrypted_files_are_refused(original: Original) -> None:
    locked = headers_changed(original.path.read_bytes(), b"methods.ndjson", (6, 8), b"\1\0")
    assert messages(original.verify_bytes(locked)) == ["methods.ndjson: is encrypted"]


def test_more_than_a_pack_may_hold_is_refused_unread(original: Original) -> None:
    files = {**original.files, **{f"extra-{number}": b"x" for number in range(5)}}
    content = packed(original.folder / "large.zip", files).read_bytes()
    for number in range(5):
        content = headers_changed(content, f"extra-{number}".encode(), (22, 24), struct.pack("<I", 2**32 - 2))
    (told,) = messages(original.verify_bytes(content))
    assert re.fullmatch(rf"sizes: the files have 2147\d{{7}} bytes; a pack holds up to {2**34}", told)


@pytest.mark.parametrize(("before", "behind"), [(b"#!/bin/sh\n", b""), (b"", b"more")])
def test_bytes_around_the_zip_are_told(original: Original, before: bytes, behind: bytes) -> None:
    verdict = original.verify_bytes(before + original.path.read_bytes() + behind)
    assert "bytes be" in " ".join(messages(verdict))


def test_a_zip_bomb_is_not_read(original: Original) -> None:
    """A file that claims a few bytes and would unpack to many is read no further than it claims."""
    bomb = packed(original.folder / "bomb.zip", {**original.files, "readings/EL-01.csv": bytes(2**22)}).read_bytes()
    claimed = struct.pack("<I", len(original.files["readings/EL-01.csv"]))
    smaller = headers_changed(bomb, b"readings/EL-01.csv", (22, 24), claimed)
    assert smaller != bomb
    assert [finding.path for finding in original.verify_bytes(smaller).findings] == ["readings/EL-01.csv"]
    told = messages(original.verify_bytes(bomb))
    assert told == [f"readings/EL-01.csv: has {2**22} bytes, and {len(original.files['readings/EL-01.csv'])} by manifest.json"]


def test_sizes_beyond_every_bound_are_refused_unread(original: Original) -> None:
    verdict = original.verify({**original.files, "manifest.json": bytes(17 * 2**20)})
    assert messages(verdict) == [f"manifest.json: has more than {16 * 2**20} bytes"]
    assert messages(original.verify({f"{number}": b"" for number in range(10_003)})) == [
        "manifest.json: there are 10003 files; a pack holds up to 10000"
    ]


def test_what_is_no_zip_is_told(original: Original) -> None:
    for content in (b"", b"PK", b"hello" * 100):
        assert "is no zip that can be read" in messages(original.verify_bytes(content))[0]
    with pytest.raises(FileNotFoundError):
        verify_pack(original.folder / "nowhere.zip")


def test_a_signature_by_another_key_is_told(original: Original, tmp_path: Path) -> None:
    other = SigningKey.make(tmp_path / "other.pem")
    verdict = original.verify({**original.files, "manifest.sig": other.sign(original.files["manifest.json"])})
    assert not verdict.signed
    by = f"by the key {original.key.public.key_id}: one of the two was changed"
    assert messages(verdict) == [f"manifest.sig: is not the signature of manifest.json {by}"]


def test_a_pack_that_was_signed_anew_by_a_stranger_is_sound_only_to_who_trusts_nobody(
    original: Original, tmp_path: Path
) -> None:
    stranger = SigningKey.make(tmp_path / "stranger.pem")
    build_pack(tmp_path / "pack.zip", contents(), stranger)
    told = verify_pack(tmp_path / "pack.zip", original.key.public.raw)
    assert (told.ok, told.signed, told.trusted) == (False, True, False)
    but = f"which is not the trusted key {original.key.public.key_id}"
    assert messages(told) == [f"manifest.json: names the key {stranger.public.key_id} as its signer, {but}"]
    untold = verify_pack(tmp_path / "pack.zip")
    assert (untold.ok, untold.signed, untold.trusted) == (True, True, False)


def test_a_record_that_was_changed_with_its_hash_is_still_not_what_was_signed(original: Original) -> None:
    lines = original.files["records.ndjson"].splitlines(keepends=True)
    lines[3] = record_line(record(IDS[3], "99.4"))
    found = messages(original.verify({**original.files, "records.ndjson": b"".join(lines)}))
    assert [message.partition(":")[0] for message in found] == ["records.ndjson"] * 3
    assert "is other than it was signed" in found[0]
    assert "its 10 records have the root" in found[1]
    assert found[2].startswith("records.ndjson:4: record R-0004, revision 1: entry 4 of audit.ndjson tells hash ")


def forged(original: Original, records: list[bytes]) -> dict[str, bytes]:
    """Other records, with a manifest that fits them; signed by whoever has a key."""
    content = b"".join(records)
    tree = Tree([record_leaf(as_object(line)) for line in records])
    ids = tuple(str(as_object(line)["record_id"]) for line in records)

    def fit(it: dict[str, Any]) -> None:
        drawn = sample(it["seed"], ids, 3)
        (file,) = (each for each in it["files"] if each["path"] == "records.ndjson")
        file.update(sha256=sha256(content).hexdigest(), size=len(content), rows=len(records))
        proofs = {id_: [part.hex() for part in tree.audit_proof(ids.index(id_))] for id_ in drawn}
        proved = {id_: {"index": ids.index(id_), "path": path} for id_, path in proofs.items()}
        key = {"key_id": stranger.public.key_id, "public_key": stranger.public.raw.hex()}
        it.update(merkle={"size": tree.size, "root": tree.root.hex(), "proofs": proved}, sample=list(drawn), signer=key)

    path = original.folder / "forger.pem"
    stranger = SigningKey.load(path) if path.exists() else SigningKey.make(path)
    return {**signed_anew(original.files, fit, stranger), "records.ndjson": content}


def as_object(line: bytes) -> dict[str, Any]:
    read = parse(line)
    assert isinstance(read, dict)
    return read


def test_a_forged_record_that_was_signed_anew_by_another_key_is_not_what_the_trail_tells(original: Original) -> None:
    records = original.files["records.ndjson"].splitlines(keepends=True)
    genuine = packed(original.folder / "genuine.zip", forged(original, records))
    assert messages(verify_pack(genuine)) == []
    records[3] = record_line(record(IDS[3], "99.4"))
    verdict = verify_pack(packed(original.folder / "forged.zip", forged(original, records)))
    assert verdict.signed
    was, is_ = record_hash(record(IDS[3])), record_hash(record(IDS[3], "99.4"))
    assert messages(verdict) == [
        f"records.ndjson:4: record R-0004, revision 1: entry 4 of audit.ndjson tells hash {was}, its content gives {is_}"
    ]


def test_a_record_that_was_put_in_is_told_by_no_entry_of_the_trail(original: Original) -> None:
    records = original.files["records.ndjson"].splitlines(keepends=True)
    added = record_line({**record(IDS[3], "99.4"), "revision": 2})
    verdict = verify_pack(packed(original.folder / "added.zip", forged(original, [*records, added])))
    assert messages(verdict) == ["records.ndjson:11: record R-0004, revision 2: no entry of audit.ndjson tells of it"]


def test_each_wrong_record_is_named_with_its_line(original: Original) -> None:
    changed = original.files["records.ndjson"].replace(b'"15.4"', b'"15.5"', 2)
    found = messages(original.verify({**original.files, "records.ndjson": changed}))
    assert found[0].startswith("records.ndjson:1: record R-0001: says hash ")
    assert found[1].startswith("records.ndjson:2: record R-0002: says hash ")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda it: it["merkle"]["proofs"].update({"R-0001": it["merkle"]["proofs"]["R-0004"]}),
            "R-0001: its proof is of line 4",
        ),
        (
            lambda it: it["merkle"]["proofs"]["R-0001"].update(path=it["merkle"]["proofs"]["R-0004"]["path"]),
            "record R-0001: its proof does not lead to the root",
        ),
        (lambda it: it["merkle"]["proofs"]["R-0001"].update(index=99), "R-0001: its proof is of line 100"),
        (lambda it: it["merkle"]["proofs"].pop("R-0001"), "record R-0001: is in the sample and has no proof"),
        (lambda it: it["merkle"].update(root="00" * 32), "records.ndjson: its 10 records have the root"),
        (lambda it: it["merkle"].update(size=11), "signed were 11"),
        (lambda it: it.update(merkle=None), "has a Merkle root without records.ndjson, or the other way round"),
        (lambda it: it.update(seed="mine"), 'not what the seed "mine" draws'),
        (lambda it: it["sample"].reverse(), "not what the seed"),
        (lambda it: it["chain"].update(head_seq=6), "audit.ndjson: ends with the hash"),
        (lambda it: it.update(chain=None), "signed was none"),
        (lambda it: it["files"][0].update(rows=6), "audit.ndjson: is other than it was signed: it has"),
        (lambda it: it["files"][0].update(path="../audit.ndjson"), "names files that cannot be"),
        (lambda it: it["files"].append(it["files"][0]), "'audit.ndjson' is there twice"),
        (lambda it: it["signer"].update(key_id="0123456789abcdef"), "calls its key 0123456789abcdef, which is"),
        (lambda it: it["signer"].update(public_key="zz"), "is not as it should be"),
        (lambda it: it.update(version=2), "has version 2; this program knows version 1"),
        (lambda it: it.update(format="zip"), "is not the manifest of"),
        (lambda it: it.pop("seed"), "missing required field `seed`"),
        (lambda it: it.update(as_of="2026-04-06T00:00:00"), "is not as it should be"),
    ],
)
def test_a_manifest_that_does_not_fit_is_told_though_its_signature_holds(
    original: Original, change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    assert any(problem in message for message in original.verify_manifest(change))


def test_what_a_later_manifest_adds_is_read_over(original: Original) -> None:
    assert original.verify_manifest(lambda it: it.update(later={"a": 1})) == []


def test_a_manifest_that_is_not_canonical_is_refused(original: Original) -> None:
    text = original.files["manifest.json"] + b"\n"
    found = messages(original.verify({**original.files, "manifest.json": text, "manifest.sig": original.key.sign(text)}))
    assert found == ["manifest.json: is not canonical JSON (RFC 8785)"]


def test_findings_are_listed_as_far_as_they_can_be_read(original: Original) -> None:
    lines = b"nothing\n" * 250
    found = messages(original.verify({**original.files, "methods.ndjson": lines, "records.ndjson": lines}))
    assert len([message for message in found if message.startswith("records.ndjson")]) <= 101
