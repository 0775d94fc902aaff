"""The command `ems-telemetry`. Exit codes: 0 done, 1 the work failed, 2 usage or configuration."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final

import typer

from ems_telemetry.cli.output import EXIT_CONFIGURATION, EXIT_FAILED, complain
from ems_telemetry.cli.verbs import VERBS
from ems_telemetry.errors import ConfigurationError, EmsTelemetryError
from ems_telemetry.observe import configure_logging

HELP: Final = "Meters on OPC UA, Modbus and MQTT into TimescaleDB, as numbers that can be traced back to the raw reading."


def make_app(verb: str | None = None) -> typer.Typer:
    """Builds the command line: all of it, or one verb alone, which starts sooner since it imports only what that needs."""
    app = _make_frame()
    wanted = VERBS.get(verb or "")
    with _collector_at_rest():
        for module in dict.fromkeys([each.module for each in VERBS.values()] if wanted is None else [wanted.module]):
            import_module(f"ems_telemetry.cli.{module}").add_to(app)
    return app


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Searches for no cycles meanwhile, nor ever in what was made.

    Loading the service takes a fifth less, and no later search holds up its loop by going through all modules again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def make_index() -> typer.Typer:
    """Builds a command line that tells which verbs there are and imports none: for `--help`, and for what is no verb."""
    app = _make_frame()
    for name, verb in VERBS.items():
        app.command(name, help=verb.summary)(_nothing)
    return app


def _nothing() -> None:
    """Stands where a verb would, and is never run: what names a verb gets the verb."""


def _make_frame() -> typer.Typer:
    app = typer.Typer(
        name="ems-telemetry",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ems-telemetry {version('ems-telemetry')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    configure_logging("warning")  # to standard error: standard output belongs to the verb


def main() -> None:
    """Runs the command line and turns our errors into words and exit codes."""
    try:
        names_a_verb = any(argument in VERBS for argument in sys.argv[1:])
        (make_app(sys.argv[1]) if names_a_verb else make_index())()
    except ConfigurationError as error:
        for problem in error.problems:
            complain(str(problem))
        sys.exit(EXIT_CONFIGURATION)
    except EmsTelemetryError as error:
        complain(str(error))
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
