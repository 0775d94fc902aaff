"""`evidence verify`: whether a pack is what was signed; needs the pack alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ems_telemetry.cli.output import EXIT_FAILED, JsonOption, print_json, say
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.evidence.canonical import canonical, time_words
from ems_telemetry.evidence.manifest import Manifest
from ems_telemetry.evidence.signing import KEY_BYTES, KeyFileError, PublicKey, read_public_key
from ems_telemetry.evidence.verifying import PackVerdict, verify_pack


def add_to(group: typer.Typer) -> None:
    """Adds the verb."""
    group.command("verify")(verify)


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The pack, a zip.")],
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="FILE|HEX", help="The public key you trust: a file (PEM), or its 64 hexadecimal digits."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a pack: whether every file, record and entry in it is as it was signed, and by whom."""
    trusted = None if key is None else _public_key(key)
    try:
        verdict = verify_pack(file, trusted)
    except OSError as error:
        raise ConfigurationError([Problem(file, None, f"cannot be read: {error.strerror}")]) from error
    if as_json:
        print_json(_as_object(file, verdict))
    else:
        for line in _as_lines(file, verdict):
            say(_printable(line))
    if not verdict.ok:
        raise typer.Exit(EXIT_FAILED)


def _public_key(given: str) -> bytes:
    """Reads what was given with --key."""
    try:
        is_hexadecimal = len(given.strip()) == 2 * KEY_BYTES and not Path(given).exists()
        return (PublicKey.from_text(given, "--key") if is_hexadecimal else read_public_key(Path(given))).raw
    except KeyFileError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error


def _as_lines(file: Path, verdict: PackVerdict) -> Iterator[str]:
    if verdict.ok:
        yield f"✓ {file} is sound: every file, record and entry in it is as it was signed"
    else:
        yield f"✕ {file} is not sound"
    yield from (f"  {finding}" for finding in verdict.findings)
    if verdict.manifest is None:
        return
    if verdict.ok:
        yield from _facts(verdict, verdict.manifest)
    yield _signer(verdict, verdict.manifest)


def _facts(verdict: PackVerdict, manifest: Manifest) -> Iterator[str]:
    made = f"made {time_words(manifest.created_at)} by {manifest.generator}"
    yield f"  pack     {manifest.pack_id}, as of {time_words(manifest.as_of)}, {made}"
    yield f"  scope    {canonical(manifest.scope).decode()}"
    yield f"  files    {len(manifest.files)}"
    drawn = f'; the seed "{manifest.seed}" draws {", ".join(manifest.sample)}' if manifest.sample else ""
    yield f"  records  {verdict.records}{drawn}"
    if manifest.chain is not None:
        head = manifest.chain
        yield f"  chain    {verdict.entries} entries followed; it stood at {head.head_seq}, {head.head_hash}"


def _signer(verdict: PackVerdict, manifest: Manifest) -> str:
    signer = PublicKey(bytes.fromhex(manifest.signer.public_key)).key_id
    if not verdict.signed:
        return f"✕ not signed by {signer}, the key that it names"
    if verdict.trusted:
        return f"✓ signed by {signer}, the key you trust"
    return (
        f"◆ signed by {signer}, which is not a key this command was told to trust: anybody can sign with a key of their own. "
        "Ask the plant for its public key by another way, and give it with --key"
    )


def _as_object(file: Path, verdict: PackVerdict) -> dict[str, object]:
    manifest = verdict.manifest
    return {
        "file": file,
        "sound": verdict.ok,
        "signed": verdict.signed,
        "trusted": verdict.trusted,
        "findings": [{"path": one.path, "line": one.line, "message": one.message} for one in verdict.findings],
        "records": verdict.records,
        "entries": verdict.entries,
        "key_id": None if manifest is None else manifest.signer.key_id,
        "public_key": None if manifest is None else manifest.signer.public_key,
        "pack_id": None if manifest is None else manifest.pack_id,
        "scope": None if manifest is None else manifest.scope,
        "as_of": None if manifest is None else manifest.as_of,
        "created_at": None if manifest is None else manifest.created_at,
        "generator": None if manifest is None else manifest.generator,
        "seed": None if manifest is None else manifest.seed,
        "sample": None if manifest is None else manifest.sample,
        "files": None if manifest is None else [packed.path for packed in manifest.files],
    }


def _printable(line: str) -> str:
    """Keeps words of a pack that nobody vouches for from steering the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in line)
