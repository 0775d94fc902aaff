"""`init`: writes a folder of example files to begin from."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ems_telemetry.cli.output import EXIT_FAILED, complain, say
from ems_telemetry.shipped import shipped


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("init")(init)


def init(directory: Annotated[Path, typer.Argument(help="The folder to write to; made if it is not there.")]) -> None:
    """Write example configuration files to begin from; overwrites nothing."""
    files = {directory / "config" / name: shipped("config") / name for name in ("ems-telemetry.yaml", "plant.yaml")}
    files |= {directory / "connectors" / path.name: path for path in sorted(shipped("connectors").glob("*.yaml"))}
    standing = [str(target) for target in files if target.exists()]
    if standing:
        complain(f"nothing written: {', '.join(standing)} would be overwritten; name another folder, or move them away")
        raise typer.Exit(EXIT_FAILED)
    for target, source in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        say(str(target))
    say(f"Edit them, then: cd {directory} && ems-telemetry check")
