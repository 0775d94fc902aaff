"""Sessions with an endpoint. The one owner of reconnecting is `keep_connected`: every connector with a link runs through it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, NoReturn

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.waiting import first_of

STEADY_AFTER_S = 30.0
"""A session that lasted this long was a success: the back-off begins anew after it."""


async def keep_connected(
    session: Callable[[], Awaitable[object]],
    stopping: asyncio.Event,
    surroundings: Surroundings,
    shut_for_s: Callable[[], float] = lambda: 0.0,
) -> None:
    """Runs one session after another until `stopping` is set, waiting longer after each failure in a row.

    Args:
        session: connects, calls `report.up()`, works until the link fails or `stopping` is set, and closes its link in any
            case. It raises an `EmsTelemetryError` in words an OT engineer understands for whatever is wrong with the endpoint.
        stopping: set by the connector's `stop`; the session watches it too.
        surroundings: report, clock and back-off.
        shut_for_s: tells, after a failure, for how long another attempt would be of no use.
    """
    report, clock = surroundings.report, surroundings.clock
    failures = 0
    try:
        while not stopping.is_set():
            report.connecting()
            began_s = clock.monotonic()
            try:
                await session()
            except EmsTelemetryError as error:
                failures = 1 if clock.monotonic() - began_s >= STEADY_AFTER_S else failures + 1
                delay_s = max(surroundings.backoff.delay_s(failures), shut_for_s())
                report.down(str(error), delay_s)
                await first_of(clock.sleep(delay_s), stopping.wait())
    finally:
        report.stopped()


async def first_error(endless: Iterable[Callable[[], Coroutine[Any, Any, NoReturn]]]) -> NoReturn:
    """Runs side by side what never ends by itself, and raises the first error of ours bare, not in a group."""
    failures: list[EmsTelemetryError] = []
    try:
        async with asyncio.TaskGroup() as group:
            for begin in endless:
                group.create_task(begin())
    except* EmsTelemetryError as errors:
        failures = [error for error in errors.exceptions if isinstance(error, EmsTelemetryError)]
    raise failures[0]
