"""Puts together how the service stands, and says in words what of it is wrong."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime

from ems_telemetry.api.standing import (
    ConfigurationStanding,
    ConnectorStanding,
    DatabaseStanding,
    GapsStanding,
    IntervalsStanding,
    JobStanding,
    Missing,
    Outcome,
    ServiceStanding,
    SpoolStanding,
    Standing,
    WebhooksStanding,
    WriterStanding,
)
from ems_telemetry.clock import Clock
from ems_telemetry.config.service import EMBEDDED, Settings
from ems_telemetry.observe import ConnectorStatus, LinkState
from ems_telemetry.service.deriving import Deriving
from ems_telemetry.service.readiness import FILLING, Watch, pause_words, refusal_words
from ems_telemetry.service.reloading import Reloader
from ems_telemetry.service.storing import Storing
from ems_telemetry.storage.condition import Job
from ems_telemetry.wording import duration_words, size_words

LAG_S = 60.0
"""A reading that has waited for longer while the database answers is a sign that the writer does not keep up."""
WANTED_HOURS = 72.0
"""A spool that holds less than a long weekend is worth a hint."""
LEAST_DISK_BYTES = 2**30
OUTCOMES = ("stored", "dead_letter", "refused", "redelivered")


class Standings:
    """Tells how the service stands, at once and from memory."""

    def __init__(
        self, storing: Storing, deriving: Deriving, watch: Watch, reloader: Reloader, *, clock: Clock, version: str
    ) -> None:
        self._storing = storing
        self._deriving = deriving
        self._watch = watch
        self._reloader = reloader
        self._clock = clock
        self._service = ServiceStanding(version=version, process=os.getpid(), started_at=clock.now())

    def now(self) -> Standing:
        """Gives everything as it is at this moment."""
        standing = Standing(
            as_of=self._clock.now(),
            well=True,
            troubles=[],
            hints=[],
            service=self._service,
            connectors=[self._connector(status) for status in sorted(self._watch.connectors(), key=lambda one: one.name)],
            spool=self._spool_standing(),
            writer=self._writer(),
            database=self._database(),
            gaps=self._gaps(),
            intervals=self._intervals(),
            webhooks=self._webhooks(),
            configuration=self._configuration(),
        )
        troubles = list(find_troubles(standing))
        return standing.model_copy(update={"well": not troubles, "troubles": troubles, "hints": list(find_hints(standing))})

    @property
    def _settings(self) -> Settings:
        return self._reloader.running.configuration.settings

    def _connector(self, status: ConnectorStatus) -> ConnectorStanding:
        rates = {outcome: self._watch.rates.per_second((status.name, f"samples_{outcome}")) for outcome in OUTCOMES}
        return ConnectorStanding(
            name=status.name,
            type=status.type,
            endpoint=status.endpoint,
            enabled=status.name in self._reloader.enabled,
            state=status.state,
            since=status.since,
            last_error=status.last_error,
            last_error_at=status.last_error_at,
            last_sample_at=status.last_sample_at,
            per_second={outcome: round(rate, 3) for outcome, rate in rates.items() if rate is not None},
            sessions=status.counters.get("sessions", 0),
            reconnects=status.counters.get("reconnects", 0),
            clock_ahead_s=status.clock_ahead_s,
        )

    def _spool_standing(self) -> SpoolStanding:
        state = self._storing.spool.state()
        left_s = self._watch.seconds_left()
        return SpoolStanding(
            batches=state.batches,
            size_bytes=state.size_bytes,
            max_size_bytes=state.max_size_bytes,
            share=state.size_bytes / state.max_size_bytes,
            oldest_age_s=None if state.oldest_at is None else self._watch.oldest_age_s(),
            in_bytes_per_s=self._watch.rates.per_second("spool"),
            hours_left=None if left_s is None else left_s / 3600,
            damaged=state.damaged,
            disk=self._watch.disks.get(self._settings.spool.directory),
        )

    def _writer(self) -> WriterStanding:
        state = self._storing.writer.state
        return WriterStanding(
            connected=state.connected,
            paused=self._watch.paused(),
            lag_s=self._watch.oldest_age_s(),
            rows_per_s=self._watch.rates.per_second("rows"),
            commit_s=state.commit_s,
            last_commit_at=state.last_commit_at,
            last_error=state.last_error,
            last_error_at=state.last_error_at,
        )

    def _database(self) -> DatabaseStanding:
        seen, state, settings = self._watch.condition, self._storing.writer.state, self._settings
        is_used = state.connected or self._watch.paused() is not None
        upkeep = self._deriving.maintenance.state
        problem = self._watch.away or (None if is_used else state.last_error or "not connected yet")
        return DatabaseStanding(
            address=EMBEDDED if settings.database.url == EMBEDDED else self._storing.database.address,
            reachable=problem is None,
            problem=problem,
            capability=None if seen is None else str(seen.capability),
            postgresql=None if seen is None else seen.postgresql,
            timescaledb=None if seen is None else seen.timescaledb,
            license=None if seen is None else seen.license,
            jobs=[] if seen is None else [JobStanding(**job._asdict()) for job in seen.jobs],
            upkeep_problems=untold(upkeep.problems, seen.jobs if seen else ()) if problem is None else [],
            needed_past_retention=len(upkeep.needed),
            disk=self._watch.disks.get(settings.database.directory) if settings.database.url == EMBEDDED else None,
            missing=[
                Missing(connector=gap.connector, received_from=gap.start, received_to=gap.end) for gap in self._storing.missing
            ],
        )

    def _gaps(self) -> GapsStanding:
        seen = self._watch.condition
        return GapsStanding(open=None if seen is None or self._watch.away is not None else seen.gaps_open)

    def _intervals(self) -> IntervalsStanding:
        state = self._deriving.intervals.state
        return IntervalsStanding(waiting=state.waiting, last_done_at=state.last_done_at, last_error=state.last_error)

    def _webhooks(self) -> WebhooksStanding:
        state = self._deriving.deliveries.state
        return WebhooksStanding(waiting=state.waiting, failed=state.failed, failing=dict(state.failing))

    def _configuration(self) -> ConfigurationStanding:
        reloader = self._reloader
        return ConfigurationStanding(
            revision=self._storing.revision,
            hash=reloader.running.accepted.hash,
            accepted_at=reloader.running.accepted.accepted_at,
            last_reload=reloader.last,
            waiting=list(reloader.waiting),
        )


def find_troubles(standing: Standing) -> Iterator[str]:
    """Says what is wrong, the most important first."""
    yield from _storing_troubles(standing)
    yield from _spool_troubles(standing.spool)
    for connector in standing.connectors:
        yield from _connector_troubles(connector, standing.as_of)
    yield from _database_troubles(standing.database)
    yield from _webhook_troubles(standing.webhooks)
    reload = standing.configuration.last_reload
    if reload is not None and reload.outcome is Outcome.REFUSED:
        yield refusal_words(reload)


def _storing_troubles(standing: Standing) -> Iterator[str]:
    pause = standing.writer.paused
    if pause is not None:
        yield f"{pause_words(pause)}; readings wait in the spool until `ems-telemetry resume-writes`"
    if not standing.database.reachable:
        yield f"the database is away: {standing.database.problem}; readings wait in the spool"
    elif pause is None and standing.writer.lag_s > LAG_S:
        yield f"the writer lags {duration_words(standing.writer.lag_s)} behind: more comes in than the database takes"


def _spool_troubles(spool: SpoolStanding) -> Iterator[str]:
    if spool.share >= FILLING[1]:
        yield f"the spool is {spool.share:.0%} full{_room_words(spool)}"
    if spool.disk is not None and spool.disk.free_bytes < LEAST_DISK_BYTES:
        yield f"the spool's disk has {size_words(spool.disk.free_bytes)} left"


def _connector_troubles(connector: ConnectorStanding, as_of: datetime) -> Iterator[str]:
    if connector.enabled and connector.state is LinkState.DOWN:
        down_s = max(0.0, (as_of - connector.since).total_seconds())
        yield f"{connector.name} is down for {duration_words(down_s)}: {connector.last_error or 'no reason is known'}"
    if connector.per_second.get("refused"):
        yield f"{connector.name}: samples are refused, since the spool has no room"


def _database_troubles(database: DatabaseStanding) -> Iterator[str]:
    if database.disk is not None and database.disk.free_bytes < LEAST_DISK_BYTES:
        yield f"the database's disk has {size_words(database.disk.free_bytes)} left"
    failing = [job for job in database.jobs if not job.ok]
    for job in failing:
        yield f"the database's job {job.id} ({job.name}) fails; see timescaledb_information.job_errors"
    yield from database.upkeep_problems


def untold(problems: Sequence[str], jobs: Sequence[Job]) -> list[str]:
    """Gives what the daily upkeep found wrong, without what it saw of jobs: these tell it themselves, and sooner."""
    return [problem for problem in problems if not any(f"job {job.id} " in problem for job in jobs)]


def _webhook_troubles(webhooks: WebhooksStanding) -> Iterator[str]:
    for webhook, problem in webhooks.failing.items():
        yield f"the webhook {webhook} does not take what is sent: {problem}; it waits in the outbox"


def find_hints(standing: Standing) -> Iterator[str]:
    """Says what is worth knowing before it goes wrong."""
    spool, disk = standing.spool, standing.spool.disk
    if FILLING[0] <= spool.share < FILLING[1]:
        yield f"the spool is {spool.share:.0%} full{_room_words(spool)}"
    elif spool.hours_left is not None and spool.hours_left < WANTED_HOURS and spool.share < FILLING[0]:
        yield f"an outage of the database of {duration_words(spool.hours_left * 3600)} would fill the spool; see spool.max_size"
    room_bytes = spool.max_size_bytes - spool.size_bytes
    if disk is not None and LEAST_DISK_BYTES <= disk.free_bytes < room_bytes:
        yield f"the spool may grow by {size_words(room_bytes)}, and its disk has {size_words(disk.free_bytes)} left"
    for missing in standing.database.missing:
        yield (
            f"the database lacks what {missing.connector} delivered from {missing.received_from:%Y-%m-%d %H:%M:%S} to "
            f"{missing.received_to:%Y-%m-%d %H:%M:%S} UTC, which was written: it was restored from a backup, or is another one"
        )
    if spool.damaged:
        yield f"{spool.damaged} damaged entries of the spool were set aside"
    if standing.webhooks.failed:
        yield f"{standing.webhooks.failed} deliveries to webhooks were given up; see GET /api/v1/outbox?status=failed"
    for name in standing.configuration.waiting:
        yield f"{name} was changed and takes effect at the next start"


def _room_words(spool: SpoolStanding) -> str:
    return "" if spool.hours_left is None else f", room for {duration_words(spool.hours_left * 3600)} at the present rate"
