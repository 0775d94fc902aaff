"""`status`: how the running service stands, and what can be known of one that does not answer."""

import asyncio
import shutil
import sys
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

import typer

from ems_telemetry.api.standing import Standing
from ems_telemetry.cli.asking import KEY_VARIABLE, Asker, KeyFileOption, read_key
from ems_telemetry.cli.output import EXIT_CONFIGURATION, EXIT_FAILED, ConfigOption, JsonOption, complain, print_json, say
from ems_telemetry.cli.status_text import absence_lines, check_lines, standing_lines
from ems_telemetry.clock import SystemClock
from ems_telemetry.config.load import DEFAULT_PATH, load_settings
from ems_telemetry.config.service import Settings
from ems_telemetry.errors import ConnectionLostError
from ems_telemetry.service.absence import look_from_outside

NARROW = 80
WIDE = 120
CLEAR = "\x1b[H\x1b[2J"


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("status")(status)


def status(
    config: ConfigOption = DEFAULT_PATH,
    key_file: KeyFileOption = None,
    watch: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.5, help="Show it again and again, until Ctrl-C.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how the running service stands. Exit codes: 0 all is well, 1 something is wrong, 2 it does not answer."""
    settings = load_settings(config)
    key = read_key(key_file)
    code = _show(settings, Asker(settings, key), as_json=as_json)
    try:
        while watch is not None:
            time.sleep(watch)
            if sys.stdout.isatty() and not as_json:
                say(CLEAR)
            code = _show(settings, Asker(settings, key), as_json=as_json)
    except KeyboardInterrupt:
        pass
    raise typer.Exit(code)


def _show(settings: Settings, asker: Asker, *, as_json: bool) -> int:
    """Asks and prints; gives the exit code."""
    try:
        answer = asker.get("/api/v1/status")
    except ConnectionLostError as error:
        return _show_absence(settings, asker, str(error), as_json=as_json)
    if answer.status == HTTPStatus.OK:
        standing = Standing.model_validate(answer.body)
        if as_json:
            print_json({"running": True, **answer.body})
        else:
            _print(standing_lines(standing, asker.address, _width()))
        return 0 if standing.well else EXIT_FAILED
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _show_checks(asker, str(answer.body.get("detail", "")), as_json=as_json)
    complain(f"the service at {asker.address} refuses to tell: {answer.body.get('detail', answer.status)}")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        complain(f"set {KEY_VARIABLE}, or name a file with --key-file")
    return EXIT_CONFIGURATION


def _show_checks(asker: Asker, reason: str, *, as_json: bool) -> int:
    """The database holds the keys: while it is away, a key that was not seen just before can't be checked. This needs none."""
    checks = [(one["name"], one["ok"], one["detail"]) for one in asker.get("/readyz").body.get("checks", ())]
    if as_json:
        told = [{"name": name, "ok": ok, "detail": detail} for name, ok, detail in checks]
        print_json({"running": True, "well": False, "problem": reason, "checks": told})
    else:
        _print(check_lines(checks, asker.address, reason, _width()))
    return EXIT_FAILED


def _show_absence(settings: Settings, asker: Asker, reason: str, *, as_json: bool) -> int:
    absence = asyncio.run(look_from_outside(settings, SystemClock()))
    if as_json:
        print_json({"running": False, "address": asker.address, "problem": reason, **absence.model_dump(mode="json")})
    else:
        _print(absence_lines(absence, asker.address, reason, _width()))
    return EXIT_CONFIGURATION


def _print(lines: Iterable[str]) -> None:
    say("\n".join(lines))


def _width() -> int:
    return min(WIDE, shutil.get_terminal_size((NARROW, 24)).columns) if sys.stdout.isatty() else NARROW
