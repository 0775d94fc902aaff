"""`reload`: makes the running service read its files anew, and tells what came of it."""

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import typer

from ems_telemetry.api.standing import Outcome, Reload
from ems_telemetry.cli.output import EXIT_CONFIGURATION, EXIT_FAILED, ConfigOption, JsonOption, complain, print_json, say
from ems_telemetry.config.load import DEFAULT_PATH, load_settings
from ems_telemetry.errors import PermanentError
from ems_telemetry.service.outcome_file import read_outcome
from ems_telemetry.spool.lock import ReaderLock

WAIT_S = 60.0
LOOK_EVERY_S = 0.1


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("reload")(reload)


def reload(config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """Make the running service read its files anew: only connectors that changed are restarted.

    Exit codes: 0 done, 1 the files are wrong and everything goes on as before, 2 no service runs.
    """
    directory = load_settings(config).spool.directory
    lock = ReaderLock(directory)
    process = lock.holding_process()
    if process is None:
        complain(_absent(lock, directory))
        raise typer.Exit(EXIT_CONFIGURATION)
    outcome = _reload(process, directory)
    if as_json:
        print_json(outcome.model_dump(mode="json"))
    elif outcome.outcome is Outcome.REFUSED:
        for problem in outcome.problems:
            complain(problem)
        complain("nothing was changed; the service goes on as before")
    else:
        for line in outcome_lines(outcome):
            say(line)
    if outcome.outcome is Outcome.REFUSED:
        raise typer.Exit(EXIT_FAILED)


def outcome_lines(outcome: Reload) -> list[str]:
    """Says what became of a reload that was not refused."""
    verbs = ("started", "restarted", "stopped")
    touched = [f"{verb} {', '.join(names)}" for verb in verbs if (names := getattr(outcome, verb))]
    if outcome.outcome is Outcome.UNCHANGED:
        touched = ["nothing has changed"]
    return [f"{'; '.join(touched) or 'no connector had to be restarted'}; {outcome.kept} kept", *outcome.notes]


def _reload(process: int, directory: Path) -> Reload:
    """Sends the signal and waits for the outcome of a reload that began after it."""
    sent_at, deadline_s = datetime.now(UTC), time.monotonic() + WAIT_S
    try:
        os.kill(process, signal.SIGHUP)
    except PermissionError as error:
        raise PermanentError(f"the service is process {process} of another user; run this as that user or as root") from error
    while time.monotonic() < deadline_s:
        outcome = read_outcome(directory)
        if outcome is not None and outcome.began_at >= sent_at:
            return outcome
        time.sleep(LOOK_EVERY_S)
    raise PermanentError(f"process {process} did not tell within {WAIT_S:.0f} s what came of it; see its log")


def _absent(lock: ReaderLock, directory: Path) -> str:
    if lock.is_held():
        return f"the process that holds the spool {directory} is not one of this machine; send SIGHUP to it where it runs"
    return f"no service runs on the spool {directory}"
