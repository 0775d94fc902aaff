"""`evidence key`: the key that signs packs, and the public half of it that auditors are given."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ems_telemetry.cli.output import JsonOption, complain, print_json, say
from ems_telemetry.evidence.signing import PublicKey, SigningKey, read_public_key

key = typer.Typer(help="The key that signs packs.", no_args_is_help=True)

FileArgument: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="Where the key lies (PEM).")]


def add_to(group: typer.Typer) -> None:
    """Adds the verbs."""
    group.add_typer(key, name="key")


@key.command()
def make(file: FileArgument, as_json: JsonOption = False) -> None:
    """Make a key in a file that only its owner may read; nothing is written over."""
    _show(SigningKey.make(file).public, as_json=as_json)
    complain(f"Keep {file} as long as it signs, and where nobody else gets it. Give auditors the public half, by another way.")


@key.command()
def show(
    file: FileArgument,
    pem: Annotated[bool, typer.Option("--pem", help="Print the public half as PEM, as openssl and --key take it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the public half of a key, which everybody may know."""
    public = read_public_key(file)
    if pem and not as_json:
        say(public.pem().rstrip())
    else:
        _show(public, as_json=as_json)


def _show(public: PublicKey, *, as_json: bool) -> None:
    if as_json:
        print_json({"key_id": public.key_id, "public_key": public.raw.hex(), "pem": public.pem()})
        return
    say(f"key         {public.key_id}")
    say(f"public key  {public.raw.hex()}")
