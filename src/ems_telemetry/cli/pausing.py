"""`pause-writes`, `resume-writes`: let the database alone for its maintenance, while everything goes into the spool."""

import getpass
import time
from datetime import UTC, datetime
from pathlib import Path

import typer

from ems_telemetry.cli.output import ConfigOption, say
from ems_telemetry.config.load import DEFAULT_PATH, load_settings
from ems_telemetry.errors import PermanentError
from ems_telemetry.service.switch_file import Switch, read_switch, write_switch
from ems_telemetry.spool.lock import ReaderLock

WAIT_S = 150.0
"""Longer than a transaction may take."""
LOOK_EVERY_S = 0.1


def add_to(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command("pause-writes")(pause_writes)
    app.command("resume-writes")(resume_writes)


def pause_writes(config: ConfigOption = DEFAULT_PATH) -> None:
    """Write nothing to the database until resume-writes; collecting goes on, into the spool.

    Returns when the last transaction is over. Holds over restarts. Exit codes: 0 paused, 1 that cannot be done or told.
    """
    directory = load_settings(config).spool.directory
    before = read_switch(directory)
    if before is not None and before.paused and (before.in_force or not ReaderLock(directory).is_held()):
        say(f"writing is {before} already")
        return
    if before is None or not before.paused:
        _ask(directory, paused=True)
    if _is_done(directory):
        say("writing is paused; everything goes into the spool until `ems-telemetry resume-writes`")
    else:
        say("no service runs; the next one writes nothing until `ems-telemetry resume-writes`")


def resume_writes(config: ConfigOption = DEFAULT_PATH) -> None:
    """Write to the database again, what waits in the spool first. Exit codes: 0 done, 1 that cannot be done or told."""
    directory = load_settings(config).spool.directory
    before = read_switch(directory)
    if before is None or not before.paused:
        say("writing is not paused")
        return
    _ask(directory, paused=False)
    say("writing goes on" if _is_done(directory) else "no service runs; the next one writes")


def _ask(directory: Path, *, paused: bool) -> None:
    try:
        write_switch(directory, Switch(paused=paused, by=_who(), at=datetime.now(UTC)))
    except OSError as error:
        raise PermanentError(
            f"the spool's folder {directory} cannot be written: {error.strerror}; run this as its owner"
        ) from error


def _is_done(directory: Path) -> bool:
    """Waits until the service has done what was asked for; False where none runs."""
    lock, deadline_s = ReaderLock(directory), time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        if not lock.is_held():
            return False
        switch = read_switch(directory)
        if switch is not None and switch.in_force:
            return True
        time.sleep(LOOK_EVERY_S)
    raise PermanentError(f"the service did not tell within {WAIT_S:.0f} s that it was done; see its log")


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an unknown user"
