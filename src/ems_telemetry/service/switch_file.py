"""Whether writing is paused, as a small file in the spool's folder: it holds over restarts, and the command writes it too."""

import contextlib
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

FILE_NAME = "writes.json"


class Switch(BaseModel):
    """What was asked for last, by whom and when. `in_force`: the service has seen it, and its last transaction is over."""

    model_config = ConfigDict(frozen=True)

    paused: bool
    by: str
    at: AwareDatetime
    in_force: bool = False

    def __str__(self) -> str:
        return f"{'paused' if self.paused else 'resumed'} by {self.by} since {self.at:%Y-%m-%d %H:%M:%S} UTC"


def read_switch(directory: Path) -> Switch | None:
    """Gives what was asked for last; None where nothing was, or where it cannot be read."""
    with contextlib.suppress(OSError, ValidationError, UnicodeDecodeError):
        return Switch.model_validate_json((directory / FILE_NAME).read_text(encoding="utf-8"))
    return None


def write_switch(directory: Path, switch: Switch) -> None:
    """Puts it there for the next start too; whoever runs the service may read it, whoever wrote it.

    Raises:
        OSError: the folder can't be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / FILE_NAME
    fresh = file.with_suffix(".new")
    fresh.write_text(switch.model_dump_json(), encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(file)
