"""A service with which all is well, to be told otherwise piece by piece."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ems_telemetry.api.standing import (
    ConfigurationStanding,
    ConnectorStanding,
    DatabaseStanding,
    Disk,
    GapsStanding,
    IntervalsStanding,
    JobStanding,
    Outcome,
    Reload,
    ServiceStanding,
    SpoolStanding,
    Standing,
    WriterStanding,
)
from ems_telemetry.observe import LinkState
from ems_telemetry.service.standing import find_hints, find_troubles

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
GIB = 2**30


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def connector(name: str = "hall-1", **fields: Any) -> ConnectorStanding:  # noqa: ANN401 - fields of a standing
    plain = {
        "name": name,
        "type": "modbus",
        "endpoint": "tcp://10.20.0.31:502",
        "enabled": True,
        "state": LinkState.UP,
        "since": ago(days=3),
        "last_error": None,
        "last_error_at": None,
        "last_sample_at": ago(seconds=1),
        "per_second": {"stored": 12.0},
        "sessions": 1,
        "reconnects": 0,
        "clock_ahead_s": None,
    }
    return ConnectorStanding.model_validate(plain | fields)


def job(id_: int = 1001, *, ok: bool = True) -> JobStanding:
    return JobStanding(
        id=id_, name="policy_compression", ok=ok, last_success_at=ago(hours=2), next_start_at=ago(hours=-10), failures=0
    )


def refused(*problems: str) -> Reload:
    return Reload(outcome=Outcome.REFUSED, cause="signal", began_at=ago(minutes=5), took_s=0.4, problems=list(problems))


SERVICE = ServiceStanding(version="0.1.0", process=4711, started_at=ago(days=3, hours=4))
SPOOL = SpoolStanding(
    batches=3,
    size_bytes=4096,
    max_size_bytes=4 * GIB,
    share=4096 / (4 * GIB),
    oldest_age_s=0.2,
    in_bytes_per_s=2048.0,
    hours_left=583.0,
    damaged=0,
    disk=Disk(path="/var/spool", free_bytes=120 * GIB, total_bytes=250 * GIB),
)
WRITER = WriterStanding(
    connected=True,
    lag_s=0.2,
    rows_per_s=34.2,
    commit_s=0.011,
    last_commit_at=ago(seconds=1),
    last_error=None,
    last_error_at=None,
)
DATABASE = DatabaseStanding(
    address="db:5432/ems",
    reachable=True,
    problem=None,
    capability="timescaledb-community",
    postgresql="17.12",
    timescaledb="2.31.2",
    license="timescale",
    jobs=[job(1001), job(1002)],
    upkeep_problems=[],
    disk=None,
)
CONFIGURATION = ConfigurationStanding(revision=12, hash="9f86", accepted_at=ago(hours=5), last_reload=None, waiting=[])


def standing(**parts: Any) -> Standing:  # noqa: ANN401 - parts of a standing
    """Makes a standing of parts that are told and others that are well, with its troubles and hints."""
    plain = Standing(
        as_of=NOW,
        well=True,
        troubles=[],
        hints=[],
        service=SERVICE,
        connectors=[connector()],
        spool=SPOOL,
        writer=WRITER,
        database=DATABASE,
        gaps=GapsStanding(open=0),
        intervals=IntervalsStanding(waiting=0, last_done_at=ago(seconds=4), last_error=None),
        configuration=CONFIGURATION,
    ).model_copy(update=parts)
    troubles = list(find_troubles(plain))
    return plain.model_copy(update={"well": not troubles, "troubles": troubles, "hints": list(find_hints(plain))})


def changed(part: Any, **fields: Any) -> Any:  # noqa: ANN401 - a part of a standing
    """Gives a part with some fields otherwise."""
    return part.model_copy(update=fields)
