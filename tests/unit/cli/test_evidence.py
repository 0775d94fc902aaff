"""The verbs by which an auditor settles what a pack is worth."""

import json
import subprocess
from pathlib import Path

import pytest
from evidence_packs import contents, packed, signed_anew, unpacked
from typer.testing import CliRunner, Result

from ems_telemetry.cli.main import make_app
from ems_telemetry.errors import ConfigurationError, EmsTelemetryError
from ems_telemetry.evidence.pack import build_pack
from ems_telemetry.evidence.signing import KeyFileError, SigningKey

GUIDE = Path(__file__).parents[3] / "docs/evidence.md"


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(make_app("evidence"), ["evidence", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.make(tmp_path / "signing.pem")


@pytest.fixture
def pack(tmp_path: Path, key: SigningKey) -> Path:
    build_pack(tmp_path / "march.zip", contents(), key)
    return tmp_path / "march.zip"


def changed(pack: Path) -> Path:
    files = unpacked(pack)
    return packed(pack, {**files, "records.ndjson": files["records.ndjson"].replace(b"15.4", b"15.5", 1)})


def test_a_sound_pack_of_a_trusted_key_is_said_to_be_so(pack: Path, key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "plant.pem").write_text(key.public.pem())
    for given in (key.public.raw.hex(), tmp_path / "plant.pem", tmp_path / "signing.pem"):
        result = run("verify", pack, "--key", given)
        assert result.exit_code == 0
        assert f"✓ {pack} is sound" in result.stdout
        assert f"✓ signed by {key.public.key_id}, the key you trust" in result.stdout
        assert '  records  10; the seed "2026-Q1-audit" draws R-0009, R-0004, R-0001' in result.stdout
        assert "  chain    10 entries followed; it stood at 10, " in result.stdout


def test_a_key_that_nobody_trusted_is_said_plainly(pack: Path, key: SigningKey) -> None:
    result = run("verify", pack)
    assert result.exit_code == 0
    assert f"◆ signed by {key.public.key_id}, which is not a key this command was told to trust" in result.stdout


def test_a_pack_by_another_key_is_not_sound(pack: Path, key: SigningKey, tmp_path: Path) -> None:
    other = SigningKey.make(tmp_path / "other.pem").public
    result = run("verify", pack, "--key", other.raw.hex())
    assert result.exit_code == 1
    assert f"names the key {key.public.key_id} as its signer, which is not the trusted key {other.key_id}" in result.stdout


def test_a_changed_pack_is_not_sound_and_the_record_is_named(pack: Path) -> None:
    result = run("verify", changed(pack))
    assert result.exit_code == 1
    assert f"✕ {pack} is not sound\n  records.ndjson:1: record R-0001: says hash " in result.stdout
    assert "✓" not in result.stdout


def test_a_script_gets_the_same_as_json(pack: Path, key: SigningKey) -> None:
    sound = run("verify", pack, "--key", key.public.raw.hex(), "--json")
    told = json.loads(sound.stdout)
    assert (sound.exit_code, told["sound"], told["signed"], told["trusted"], told["findings"]) == (0, True, True, True, [])
    assert (told["records"], told["entries"], told["as_of"]) == (10, 10, "2026-04-06T00:00:00Z")
    wrong = run("verify", changed(pack), "--json")
    told = json.loads(wrong.stdout)
    assert (wrong.exit_code, told["sound"], told["signed"], told["trusted"]) == (1, False, True, False)
    assert told["findings"][0]["path"] == "records.ndjson"
    assert told["findings"][0]["line"] == 1


def test_what_is_no_pack_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"hello")
    result = run("verify", tmp_path / "a.zip")
    assert result.exit_code == 1
    assert "is no zip that can be read" in result.stdout
    assert json.loads(run("verify", tmp_path / "a.zip", "--json").stdout)["pack_id"] is None


def test_files_and_keys_that_are_not_there_are_mistakes_of_usage(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.zip: cannot be read: No such file"):
        run("verify", tmp_path / "nowhere.zip")
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem cannot be read: No such file"):
        run("verify", pack, "--key", tmp_path / "nowhere.pem")
    with pytest.raises(ConfigurationError, match="--key is no public key"):
        run("verify", pack, "--key", "g" * 64)
    assert run("verify").exit_code == 2


def test_words_of_a_pack_do_not_steer_the_terminal(pack: Path, key: SigningKey) -> None:
    files = signed_anew(unpacked(pack), lambda it: it.update(pack_id="\x1b[2J\n✓ signed by me"), key)
    result = run("verify", packed(pack, files))
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\n✓ signed" not in result.stdout


def test_a_key_is_made_once_and_shown(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    made = run("key", "make", path)
    public = SigningKey.load(path).public
    assert made.stdout == f"key         {public.key_id}\npublic key  {public.raw.hex()}\n"
    assert run("key", "show", path).stdout == made.stdout
    assert run("key", "show", path, "--pem").stdout == public.pem()
    assert json.loads(run("key", "show", path, "--json").stdout)["key_id"] == public.key_id
    with pytest.raises(KeyFileError, match="is there already"):
        run("key", "make", path)


def test_nothing_of_the_private_key_is_printed(tmp_path: Path) -> None:
    made = run("key", "make", tmp_path / "signing.pem", "--json")
    secret = (tmp_path / "signing.pem").read_text().splitlines()[1]
    assert secret not in made.output
    (tmp_path / "signing.pem").chmod(0o644)
    with pytest.raises(EmsTelemetryError) as refused:
        run("key", "show", tmp_path / "signing.pem")
    assert secret not in str(refused.value)


def by_hand(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the steps of the guide, as they are printed there."""
    steps = "\n".join(part.partition("```")[0] for part in GUIDE.read_text().split("```bash by hand\n")[1:])
    assert "openssl pkeyutl -verify" in steps
    command = ("bash", "-euo", "pipefail", "-c", steps)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own guide


def test_the_guide_verifies_a_pack_by_hand(pack: Path, key: SigningKey) -> None:
    (pack.parent / "plant.pem").write_text(key.public.pem())
    done = by_hand(pack.parent)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert "records.ndjson: OK" in done.stdout
    assert "10 records and 10 entries are as they were signed" in done.stdout


def test_the_guide_finds_by_hand_what_was_changed(pack: Path, key: SigningKey, tmp_path: Path) -> None:
    (pack.parent / "plant.pem").write_text(SigningKey.make(tmp_path / "other.pem").public.pem())
    assert "Signature Verification Failure" in by_hand(pack.parent).stdout
    (pack.parent / "plant.pem").write_text(key.public.pem())
    changed(pack)
    done = by_hand(pack.parent)
    assert done.returncode != 0
    assert "records.ndjson: FAILED" in done.stdout
