"""`run`: the service."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import typer

from ems_telemetry.cli.output import EXIT_FAILED, ConfigOption, load_configuration
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.config.service import LogSettings
from ems_telemetry.observe import configure_logging, get_logger
from ems_telemetry.service.service import Service

AT_ONCE_S = 2.0
"""How long closing may take once there is no more time."""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("run")(run)


def run(config: ConfigOption = DEFAULT_PATH) -> None:
    """Run the service: collect, store and serve until it is told to stop.

    The first SIGTERM or SIGINT lets what is under way reach the spool and the database; a second one ends at once. SIGHUP makes
    it read its files anew.
    """
    configuration = load_configuration(config)
    _configure_log(configuration.settings.log)
    run_until_stopped(lambda: Service(configuration, follow_log=_configure_log))


def _configure_log(settings: LogSettings) -> None:
    configure_logging(settings.level, as_json=settings.format == "json")


def run_until_stopped(build: Callable[[], Service]) -> None:
    """Runs a service on the fastest loop there is, with the signals wired to its stop."""

    async def running() -> None:
        service = build()
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def told_to_stop() -> None:
            if service.stopping and task is not None:
                task.cancel()
                loop.call_later(AT_ONCE_S, _end_at_once)
                return
            service.stop()
            loop.call_later(service.stop_within_s + AT_ONCE_S, _end_at_once)

        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, told_to_stop)
        loop.add_signal_handler(signal.SIGHUP, service.reload)
        await service.run()

    try:
        run_fast(running())
    except asyncio.CancelledError:
        sys.exit(1)


def _end_at_once() -> NoReturn:
    """Ends the process though something still hangs, as a database that no longer answers. What was acknowledged is on disk."""
    get_logger("ems_telemetry.service").error(
        "not all parts stopped in time; ending at once", event_code="service_ended_at_once"
    )
    os._exit(EXIT_FAILED)


def run_fast(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine on uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
