"""`mqtt listen`: what is published at a broker, and a connector file made from it."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from ems_telemetry.cli.mqtt_shown import as_json, as_table, sparkplug_words
from ems_telemetry.cli.mqtt_target import (
    CaOption,
    CertificateOption,
    EndpointArgument,
    KeyOption,
    Login,
    PasswordFileOption,
    Target,
    UserOption,
    find_target,
)
from ems_telemetry.cli.mqtt_writing import Writing, write_connector
from ems_telemetry.cli.output import EXIT_FAILED, ConfigOption, JsonOption, complain, print_json, say
from ems_telemetry.clock import SystemClock
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.connectors.mqtt.hearing import Hearing
from ems_telemetry.connectors.mqtt.topics import check_filter
from ems_telemetry.errors import ConfigurationError, Problem

_REFRESH_S = 0.5


def add_to(group: typer.Typer) -> None:
    """Adds the verb."""
    group.command("listen")(listen)


def listen(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    endpoint: EndpointArgument,
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Topics; + is any level, # any rest. All if not said.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="How long; until Ctrl-C if not said.")] = None,
    write: Annotated[Path | None, typer.Option(help="Write a connector file from what was heard.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --write.")] = False,
    site: Annotated[str | None, typer.Option(help="The site for the file of --write.")] = None,
    user: UserOption = None,
    password_file: PasswordFileOption = None,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json_: JsonOption = False,
) -> None:
    """Show what is published at a broker, and write a connector file from it if told to. Leaves nothing behind there."""
    if write is not None and write.exists() and not force:
        complain(f"nothing written: {write} would be overwritten; name another file, or say --force")
        raise typer.Exit(EXIT_FAILED)
    wanted = topics or ["#"]
    _check_topics(wanted)
    target = find_target(endpoint, config, Login(user, password_file, ca, certificate, key))
    hearing = Hearing()
    refused = asyncio.run(_listen(target, wanted, seconds, hearing, live=not as_json_ and sys.stdout.isatty()))
    for topic, reason in refused.items():
        complain(f'the broker refuses the subscription to "{topic}": {reason}; check its access rules')
    if write is not None:
        write_connector(target, hearing, Writing(write, site, as_json_))
    elif as_json_:
        print_json(as_json(target.file.endpoint, hearing))
    else:
        as_table(hearing)
        for words in sparkplug_words(hearing):
            say(words)


def _check_topics(topics: list[str]) -> None:
    try:
        for topic in topics:
            check_filter(topic)
    except ValueError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error


async def _listen(target: Target, topics: list[str], seconds: float | None, hearing: Hearing, *, live: bool) -> dict[str, str]:
    from ems_telemetry.connectors.mqtt.listening import listen as listen_to  # noqa: PLC0415 - loads paho

    clock, enough = SystemClock(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_, enough.set)
    if seconds is not None:
        loop.call_later(seconds, enough.set)
    complain(f"listening to {target.file.endpoint}; Ctrl-C ends it")
    showing = asyncio.create_task(_show(hearing), name="mqtt-listen-show") if live else None
    try:
        return await listen_to(target.file, topics, clock, lambda message: hearing.hear(message, clock.monotonic()), enough)
    finally:
        if showing is not None:
            showing.cancel()
            await asyncio.wait({showing})


async def _show(hearing: Hearing) -> None:
    """Shows the table anew every half second, until it is cancelled; the last table is printed by whoever asked."""
    from ems_telemetry.cli.mqtt_shown import table_of  # noqa: PLC0415 - beside its only use

    with Live(auto_refresh=False, transient=True) as screen:
        while True:
            screen.update(table_of(hearing, most_rows=max(screen.console.height - 4, 1)), refresh=True)
            await asyncio.sleep(_REFRESH_S)
