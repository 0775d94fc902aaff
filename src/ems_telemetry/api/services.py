"""What the API works with, given by whoever wires the service, and how an operation reaches it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from ems_telemetry.api.readiness import Readiness
from ems_telemetry.api.retried import Retried
from ems_telemetry.api.standing import Pause, Reload, Standing, Writes
from ems_telemetry.clock import Clock
from ems_telemetry.config.access import IssuerSettings
from ems_telemetry.model import DeadLetter
from ems_telemetry.observe import ConnectorStatus, Metrics
from ems_telemetry.records.packing.maker import PackRoom
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.database import Database


class TakeIn(NamedTuple):
    """A sheet of readings: CSV, of points at these sites alone where `sites` are told."""

    file: Path
    sites: Sequence[str] | None
    dry_run: bool
    by: Actor
    """Who sends it, as the audit trail is told with the readings."""


class TakenIn(NamedTuple):
    """What became of it: so many readings are durable in the spool, or would be, and whether they are in the database."""

    readings: int
    stored: bool


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Everything the API needs. The callables answer at once, from memory, but for those that are awaited."""

    database: Database
    connectors: Callable[[], Sequence[ConnectorStatus]]
    readiness: Callable[[], Readiness]
    retry: Callable[[DeadLetter, Actor], Awaitable[Retried]]
    """Sends a dead letter on its way again; waits for the spool and the database. Takes who asks, for the audit trail."""
    standing: Callable[[], Standing]
    reload: Callable[[Actor, str | None], Awaitable[Reload]]
    """Reads the files anew and gives the outcome; takes who asks, and why if they say so."""
    pause: Callable[[str, Actor], Awaitable[Writes]]
    """Lets nothing more be written to the database; takes who asks, for people and for the audit trail. Its counterpart is
    `resume`."""
    resume: Callable[[str, Actor], Awaitable[Writes]]
    paused: Callable[[], Pause | None]
    """Who paused writing, and since when; None while it goes on."""
    writing: Callable[[], AbstractContextManager[None]]
    """Entered by each request that changes tables, until it is answered: a pause waits for it."""
    take_in: Callable[[TakeIn], Awaitable[TakenIn]]
    """Takes a sheet of hand-read values into the spool, or looks for mistakes in it.

    It raises ConfigurationError with every mistake, and SpoolFullError.
    """
    metrics: Metrics
    clock: Clock
    allow_anonymous: bool
    version: str
    oidc: Sequence[IssuerSettings] = ()
    """Issuers whose tokens are taken."""
    rate_limit: str | None = None
    """How often each caller may ask, as `600/minute`; None: as often as it likes."""
    failed_login_limit: str | None = None
    """How often keys and tokens that do not hold may come from one address."""
    packs: PackRoom = field(default_factory=PackRoom)
    """Where evidence packs are kept, and whether they can be signed."""


def services_of(request: Request) -> ApiServices:
    """Gives an operation the services of its application."""
    services: ApiServices = request.app.state.services
    return services


Services = Annotated[ApiServices, Depends(services_of)]
