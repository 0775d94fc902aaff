"""How the service stands, as `GET /status` tells it and `ems-telemetry status` reads it: numbers, and words for what is wrong.

Times are aware UTC, durations seconds, rates per second over the last minute. What is not known is null, never zero.
"""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from ems_telemetry.observe import LinkState


class Described(BaseModel):
    """A piece of the standing; what stands below a field is its description in OpenAPI."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Outcome(StrEnum):
    """What became of a reload."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    """Nothing that matters is other than before."""
    REFUSED = "refused"
    """The files are wrong: everything goes on as before."""


class Reload(Described):
    """One reading of the configuration while the service runs, and what came of it."""

    outcome: Outcome
    cause: str
    """Who asked: `signal`, `request` or `files`."""
    began_at: AwareDatetime
    took_s: float
    problems: list[str] = []
    """Why it was refused: each mistake with its file and line."""
    started: list[str] = []
    """Connectors that are new."""
    stopped: list[str] = []
    """Connectors that are gone."""
    restarted: list[str] = []
    """Connectors of which something changed."""
    kept: int = 0
    """How many connectors did not notice."""
    notes: list[str] = []
    """What else is good to know, as settings that take effect at the next start."""


class ServiceStanding(Described):
    """The process."""

    version: str
    process: int
    started_at: AwareDatetime


class ConnectorStanding(Described):
    """A connector."""

    name: str
    type: str
    endpoint: str
    enabled: bool
    """False: it is checked and listed, and not run."""
    state: LinkState
    since: AwareDatetime
    last_error: str | None
    """What last went wrong, in words; it may be over."""
    last_error_at: AwareDatetime | None
    last_sample_at: AwareDatetime | None
    per_second: dict[str, float]
    """Samples by what became of them: `stored`, `dead_letter`, `refused`, `redelivered`."""
    sessions: int
    """How often the endpoint began to answer, since the start of the service."""
    reconnects: int
    """Attempts to connect after the first."""
    clock_ahead_s: float | None
    """How far the endpoint's clock is ahead of ours."""


class Disk(Described):
    """The volume that something lies on."""

    path: str
    free_bytes: int
    total_bytes: int


class SpoolStanding(Described):
    """The buffer between meters and database."""

    batches: int
    size_bytes: int
    max_size_bytes: int
    share: float
    """How full it is, from 0 to 1."""
    oldest_age_s: float | None
    """How long the oldest batch has waited; null where none does."""
    in_bytes_per_s: float | None
    hours_left: float | None
    """How long what is free would last at the present rate if nothing were written; null where nothing comes in."""
    damaged: int
    """Entries set aside because they could not be read."""
    disk: Disk | None


class Pause(Described):
    """Writing that was paused on purpose."""

    by: str
    """Who asked: a user of the machine, or the name of a key."""
    since: AwareDatetime


class Writes(Described):
    """Whether the database is written to."""

    paused: Pause | None
    """Null while writing goes on."""
    at_rest: bool
    """True once the last transaction is over."""


class WriterStanding(Described):
    """The way from the spool into the database."""

    paused: Pause | None = None
    """Who paused it and when; null while writing goes on."""
    connected: bool
    lag_s: float
    """How long the oldest reading not yet written has waited; 0 where none does."""
    rows_per_s: float | None
    commit_s: float | None
    """How long the last portion took."""
    last_commit_at: AwareDatetime | None
    last_error: str | None
    last_error_at: AwareDatetime | None


class JobStanding(Described):
    """A job that TimescaleDB does by itself, on one of our tables."""

    id: int
    name: str
    ok: bool
    last_success_at: AwareDatetime | None
    next_start_at: AwareDatetime | None
    failures: int


class Missing(Described):
    """A stretch whose readings were written, and are no longer in the database."""

    connector: str
    received_from: AwareDatetime
    received_to: AwareDatetime


class DatabaseStanding(Described):
    """The database, as it last answered."""

    address: str
    """Host, port and name."""
    reachable: bool
    problem: str | None
    """Why it cannot be used now."""
    capability: str | None
    postgresql: str | None
    timescaledb: str | None
    license: str | None
    """Of TimescaleDB: `timescale` is the Community edition, `apache` the Apache edition."""
    jobs: list[JobStanding]
    upkeep_problems: list[str]
    """What the daily upkeep found wrong, beside what `jobs` tell themselves."""
    needed_past_retention: int = 0
    """Chunks or partitions of readings that are past `retention.readings` and stay, since records or holds need them."""
    disk: Disk | None
    """Of an embedded database; the disk of another one is not ours to see."""
    missing: list[Missing] = []
    """What had been written and was not there when the database was connected to last: a backup was restored."""


class GapsStanding(Described):
    """Stretches without readings."""

    open: int | None
    """How many grow still; null while the database does not answer."""


class IntervalsStanding(Described):
    """Interval data, which follows the readings."""

    waiting: int
    """How many points have intervals that wait to be computed, as of the last look."""
    last_done_at: AwareDatetime | None
    """When all that waited was done last; null if that was not since the start."""
    last_error: str | None
    """Why nothing can be computed now; null where that is not so."""


class WebhooksStanding(Described):
    """What is delivered to webhooks."""

    waiting: int = 0
    """Deliveries that wait, as of the last count."""
    failed: int = 0
    """Deliveries that were given up in the last 30 days; see `GET /outbox`."""
    failing: dict[str, str] = {}
    """Webhooks that do not take what is sent now, and why."""


class ConfigurationStanding(Described):
    """What the service runs by."""

    revision: int | None
    """Its number in the database; null until the database knows it."""
    hash: str
    accepted_at: AwareDatetime
    last_reload: Reload | None
    """The newest reload, refused ones too; null if there was none since the start."""
    waiting: list[str]
    """Settings that were changed and take effect at the next start."""


class Standing(Described):
    """Everything at one moment."""

    as_of: AwareDatetime
    well: bool
    """True if nothing is wrong."""
    troubles: list[str]
    """What is wrong, each in a sentence."""
    hints: list[str]
    """What is not wrong yet, and good to know."""
    service: ServiceStanding
    connectors: list[ConnectorStanding]
    spool: SpoolStanding
    writer: WriterStanding
    database: DatabaseStanding
    gaps: GapsStanding
    intervals: IntervalsStanding
    webhooks: WebhooksStanding = WebhooksStanding()
    configuration: ConfigurationStanding
