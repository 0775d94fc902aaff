"""The outcome of the newest reload as a file beside the spool: `ems-telemetry reload` sends a signal, and learns of it here."""

import contextlib
from pathlib import Path

from pydantic import ValidationError

from ems_telemetry.api.standing import Reload

FILE_NAME = "reload.json"


def write_outcome(directory: Path, reload: Reload | None) -> None:
    """Puts the outcome there in the place of the one before; None: there was no reload yet.

    Raises:
        OSError: the folder can't be written.
    """
    file = directory / FILE_NAME
    if reload is None:
        file.unlink(missing_ok=True)
        return
    fresh = file.with_suffix(".new")
    fresh.write_text(reload.model_dump_json(), encoding="utf-8")
    fresh.replace(file)


def read_outcome(directory: Path) -> Reload | None:
    """Gives the outcome of the newest reload; None if there was none."""
    with contextlib.suppress(OSError, ValidationError):
        return Reload.model_validate_json((directory / FILE_NAME).read_text(encoding="utf-8"))
    return None
