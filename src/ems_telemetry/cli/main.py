"""The command `ems-telemetry`. Exit codes: 0 done, 1 the work failed, 2 usage or configuration."""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final

import typer

from ems_telemetry.cli.output import EXIT_CONFIGURATION, EXIT_FAILED, complain
from ems_telemetry.errors import ConfigurationError, EmsTelemetryError
from ems_telemetry.observe import configure_logging

HELP: Final = "Meters on OPC UA, Modbus and MQTT into TimescaleDB, as numbers that can be traced back to the raw reading."
MODULES: Final[Mapping[str, str]] = {
    "backfill": "backfill",
    "check": "check",
    "config": "config",
    "dead-letters": "dead_letters",
    "demo": "demo",
    "evidence": "evidence",
    "import": "importing",
    "init": "init",
    "intervals": "intervals",
    "keys": "keys",
    "meters": "meters",
    "migrate": "migrating",
    "modbus": "modbus",
    "mqtt": "mqtt",
    "opcua": "opcua",
    "pause-writes": "pausing",
    "profiles": "profiles",
    "reload": "reloading",
    "resume-writes": "pausing",
    "run": "run",
    "schema": "schema",
    "simulate": "simulate",
    "spool": "spool",
    "status": "status",
}
"""Every verb, with the module of this package that adds it."""


def make_app(verb: str | None = None) -> typer.Typer:
    """Builds the command line: all of it, or one verb alone, which starts sooner since it imports only what that needs."""
    app = typer.Typer(
        name="ems-telemetry",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    wanted = MODULES.get(verb or "")
    for module in dict.fromkeys(MODULES.values() if wanted is None else [wanted]):
        import_module(f"ems_telemetry.cli.{module}").add_to(app)
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
        make_app(sys.argv[1] if len(sys.argv) > 1 else None)()
    except ConfigurationError as error:
        for problem in error.problems:
            complain(str(problem))
        sys.exit(EXIT_CONFIGURATION)
    except EmsTelemetryError as error:
        complain(str(error))
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
