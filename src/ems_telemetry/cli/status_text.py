"""How the service stands, as lines for people: aligned, marked, and at home in a terminal of 80 columns."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime

from ems_telemetry.api.standing import ConnectorStanding, DatabaseStanding, Disk, Outcome, Reload, Standing
from ems_telemetry.observe import LinkState
from ems_telemetry.service.absence import Absence
from ems_telemetry.wording import duration_words, rate_words, size_words

WELL, HINT, WRONG, IDLE = "✓", "◆", "✕", "■"
LABEL = 11
STATES = {LinkState.UP: WELL, LinkState.CONNECTING: HINT, LinkState.DOWN: WRONG, LinkState.STOPPED: IDLE}
COLUMNS = ("state", "for", "stored/s", "dead/s", "refused/s", "sessions")
WIDTHS = (10, 9, 9, 7, 10, 9)
RECENT_S = 3600.0
"""A last error of a connector that answers is shown for so long: it may be over."""


def standing_lines(standing: Standing, address: str, width: int) -> Iterator[str]:
    """Writes how a service stands that answers."""
    up_s = (standing.as_of - standing.service.started_at).total_seconds()
    head = f"ems-telemetry {standing.service.version} at {address}, up {duration_words(up_s)}"
    count = len(standing.troubles)
    verdict = "all is well" if standing.well else f"{count} thing{'s are' if count > 1 else ' is'} wrong"
    yield from _marked(WELL if standing.well else WRONG, f"{head}: {verdict}", width)
    for trouble in standing.troubles:
        yield from _marked(WRONG, trouble, width, indent=2)
    for hint in standing.hints:
        yield from _marked(HINT, hint, width, indent=2)
    yield ""
    for mark, label, text in _parts(standing):
        yield from _marked(mark, text, width, label=label)
    yield ""
    yield from _connector_lines(standing, width)


def absence_lines(absence: Absence, address: str, reason: str, width: int) -> Iterator[str]:
    """Writes what is known of a service that does not answer."""
    yield from _marked(WRONG, f"the service does not answer at {address}: {reason}", width)
    yield from _marked(WRONG if absence.spool_is_held else IDLE, _holder_words(absence), width, label="process")
    if absence.writes is not None and absence.writes.paused:
        yield from _marked(HINT, f"{absence.writes}; the next start writes nothing", width, label="writer")
    spool = absence.spool_problem or _waiting_words(absence)
    yield from _marked(HINT if absence.batches or absence.spool_problem else WELL, spool, width, label="spool")
    database = absence.database or "embedded; it runs together with the service"
    mark = {True: WELL, False: WRONG, None: IDLE}[absence.database_answers]
    yield from _marked(mark, database, width, label="database")


def check_lines(checks: Sequence[tuple[str, bool, str]], address: str, reason: str, width: int) -> Iterator[str]:
    """Writes what `/readyz` tells of a service that can't check a key: name, whether it holds, and in words."""
    yield from _marked(WRONG, f"the service at {address} runs, and can't check the key: {reason}", width)
    for name, ok, detail in checks:
        yield from _marked(WELL if ok else WRONG, detail, width, label=name)


def _waiting_words(absence: Absence) -> str:
    oldest = "" if absence.oldest_age_s is None else f"; the oldest has waited {duration_words(absence.oldest_age_s)}"
    held = f"{size_words(absence.size_bytes or 0)} of {size_words(absence.max_size_bytes)}"
    return f"{absence.batches:,} batches wait, {held}{oldest}"


def _holder_words(absence: Absence) -> str:
    if absence.process is not None:
        return f"process {absence.process} holds the spool {absence.spool_directory}: it runs, and does not answer"
    if absence.spool_is_held:
        return f"a process of another container holds the spool {absence.spool_directory}"
    return f"none holds the spool {absence.spool_directory}: the service does not run"


def _parts(standing: Standing) -> Iterator[tuple[str, str, str]]:
    database, writer, spool = standing.database, standing.writer, standing.spool
    jobs_ok = all(job.ok for job in database.jobs) and not database.upkeep_problems
    yield WELL if database.reachable and jobs_ok else WRONG, "database", _database_words(database)
    yield HINT if writer.paused else WELL if writer.connected else WRONG, "writer", _writer_words(standing)
    yield _mark_of_spool(spool.share), "spool", _spool_words(standing)
    gaps = standing.gaps.open
    mark = IDLE if gaps is None else HINT if gaps else WELL
    yield mark, "gaps", "not known while the database is away" if gaps is None else f"{gaps or 'none'} open"
    intervals = standing.intervals
    yield HINT if intervals.last_error else WELL, "intervals", _intervals_words(standing)
    reload = standing.configuration.last_reload
    refused = reload is not None and reload.outcome is Outcome.REFUSED
    mark = WRONG if refused else HINT if standing.configuration.waiting else WELL
    yield mark, "files", _configuration_words(standing)


def _intervals_words(standing: Standing) -> str:
    intervals = standing.intervals
    waiting = f"of {intervals.waiting:,} points wait" if intervals.waiting else "up to date"
    if intervals.last_error is not None:
        return f"wait: {intervals.last_error}"
    return waiting if intervals.last_done_at is None else f"{waiting}, looked {_age(standing, intervals.last_done_at)} ago"


def _mark_of_spool(share: float) -> str:
    return WELL if share < 0.5 else HINT if share < 0.8 else WRONG  # noqa: PLR2004 - the marks of the alarm


def _database_words(database: DatabaseStanding) -> str:
    timescaledb = f", TimescaleDB {database.timescaledb} ({database.license})" if database.timescaledb else ""
    server = f"PostgreSQL {database.postgresql}{timescaledb}" if database.postgresql else "never answered yet"
    where = f"{database.address}: " + ("" if database.reachable else "away; ") + server
    failing = sum(not job.ok for job in database.jobs)
    jobs = f"; {len(database.jobs)} jobs, {failing or 'none'} failing" if database.jobs else ""
    needed = database.needed_past_retention
    stays = f"; {needed} old chunks stay, since records or holds need them" if needed else ""
    return f"{where}{jobs}{stays}{_disk_words(database.disk)}"


def _writer_words(standing: Standing) -> str:
    writer = standing.writer
    if writer.paused is not None:
        return f"paused by {writer.paused.by} for {_age(standing, writer.paused.since)}; lag {duration_words(writer.lag_s)}"
    commit = "" if writer.commit_s is None else f", {writer.commit_s * 1000:.0f} ms a commit"
    words = f"{rate_words(writer.rows_per_s)} rows/s{commit}, lag {duration_words(writer.lag_s)}"
    if writer.connected or writer.last_error is None or writer.last_error_at is None:
        return words
    return f"{words}; {_age(standing, writer.last_error_at)} ago: {writer.last_error}"


def _spool_words(standing: Standing) -> str:
    spool = standing.spool
    room = "nothing comes in" if spool.hours_left is None else f"room for {duration_words(spool.hours_left * 3600)}"
    rate = "" if not spool.in_bytes_per_s else f" at {size_words(spool.in_bytes_per_s)}/s"
    oldest = "" if spool.oldest_age_s is None else f", oldest {duration_words(spool.oldest_age_s)}"
    held = f"{spool.share:.1%} of {size_words(spool.max_size_bytes)}, {spool.batches:,} batches{oldest}"
    return f"{held}; {room}{rate}{_disk_words(spool.disk)}"


def _disk_words(disk: Disk | None) -> str:
    return "" if disk is None else f"; disk {size_words(disk.free_bytes)} free"


def _configuration_words(standing: Standing) -> str:
    configuration = standing.configuration
    number = f"revision {configuration.revision}" if configuration.revision is not None else "not known to the database yet"
    words = f"{number}, in force for {_age(standing, configuration.accepted_at)}"
    reload = configuration.last_reload
    return words if reload is None else f"{words}; {_reload_words(reload)} {_age(standing, reload.began_at)} ago"


def _reload_words(reload: Reload) -> str:
    if reload.outcome is Outcome.REFUSED:
        return "a reload was refused"
    if reload.outcome is Outcome.UNCHANGED:
        return "a reload found nothing changed"
    touched = [f"{len(names)} {verb}" for verb in ("started", "restarted", "stopped") if (names := getattr(reload, verb))]
    return f"reloaded ({', '.join([*touched, f'{reload.kept} kept'])})"


def _connector_lines(standing: Standing, width: int) -> Iterator[str]:
    room = width - 2 - sum(WIDTHS)
    longest = max((len(connector.name) for connector in standing.connectors), default=0)
    name_width = max(len("connector"), min(longest, room))
    yield f"  {'connector':<{name_width}}" + "".join(f"{name:>{size}}" for name, size in zip(COLUMNS, WIDTHS, strict=True))
    for connector in standing.connectors:
        cells = zip(_cells(connector, standing.as_of), WIDTHS, strict=True)
        name = connector.name if len(connector.name) <= name_width else f"{connector.name[: name_width - 1]}…"
        mark = STATES[connector.state] if connector.enabled else IDLE
        yield f"{mark} {name:<{name_width}}" + "".join(f"{cell:>{size}}" for cell, size in cells)
        yield from _error_lines(connector, standing.as_of, width)


def _cells(connector: ConnectorStanding, as_of: datetime) -> Sequence[str]:
    rates = [rate_words(connector.per_second.get(outcome, 0.0)) for outcome in ("stored", "dead_letter", "refused")]
    since = duration_words(max(0.0, (as_of - connector.since).total_seconds()))
    return (str(connector.state) if connector.enabled else "off", since, *rates, str(connector.sessions))


def _error_lines(connector: ConnectorStanding, as_of: datetime, width: int) -> Iterator[str]:
    if connector.last_error is None or connector.last_error_at is None:
        return
    age_s = max(0.0, (as_of - connector.last_error_at).total_seconds())
    if connector.state is LinkState.DOWN or age_s < RECENT_S:
        yield from textwrap.wrap(
            f"{duration_words(age_s)} ago: {connector.last_error}", width, initial_indent="    ", subsequent_indent="    "
        )


def _marked(mark: str, text: str, width: int, *, label: str = "", indent: int = 0) -> Iterator[str]:
    head = f"{' ' * indent}{mark} {f'{label:<{LABEL}}' if label else ''}"
    yield from textwrap.wrap(text, width, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False)


def _age(standing: Standing, since: datetime) -> str:
    return duration_words(max(0.0, (standing.as_of - since).total_seconds()))
