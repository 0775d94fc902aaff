"""What is told to be wrong, and what only worth knowing, each from the numbers that show it."""

from typing import Any

import pytest
from standings import CONFIGURATION, DATABASE, GIB, SPOOL, WRITER, ago, changed, connector, job, refused, standing

from ems_telemetry.api.standing import Disk, Missing, Pause, WebhooksStanding
from ems_telemetry.observe import LinkState
from ems_telemetry.service.standing import untold
from ems_telemetry.storage.condition import Job

DOWN = connector("plc", state=LinkState.DOWN, since=ago(minutes=4), last_error="nobody listens there")
DISK = Disk(path="/var/spool", free_bytes=GIB // 2, total_bytes=250 * GIB)

MISSING = Missing(connector="hall-1", received_from=ago(hours=9), received_to=ago(hours=1))


def test_a_service_with_which_all_is_well_has_nothing_to_tell() -> None:
    found = standing()
    assert (found.well, found.troubles, found.hints) == (True, [], [])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"database": changed(DATABASE, reachable=False, problem="out of reach")},
            "the database is away: out of reach; readings wait in the spool",
        ),
        (
            {"writer": changed(WRITER, connected=False, lag_s=130.0, paused=Pause(by="root", since=ago(minutes=2)))},
            (
                f"writing is paused by root since {ago(minutes=2):%Y-%m-%d %H:%M:%S} UTC; readings wait in the spool until "
                "`ems-telemetry resume-writes`"
            ),
        ),
        ({"writer": changed(WRITER, lag_s=130.0)}, "the writer lags 2 min behind: more comes in than the database takes"),
        (
            {"spool": changed(SPOOL, share=0.83, hours_left=2.1)},
            "the spool is 83% full, room for 2 h 6 min at the present rate",
        ),
        ({"spool": changed(SPOOL, share=0.96, hours_left=None)}, "the spool is 96% full"),
        ({"spool": changed(SPOOL, disk=DISK)}, "the spool's disk has 512 MiB left"),
        ({"database": changed(DATABASE, disk=DISK)}, "the database's disk has 512 MiB left"),
        ({"connectors": [connector(), DOWN]}, "plc is down for 4 min: nobody listens there"),
        (
            {"connectors": [connector(per_second={"stored": 0.0, "refused": 3.0})]},
            "hall-1: samples are refused, since the spool has no room",
        ),
        (
            {"database": changed(DATABASE, jobs=[job(1001), job(1002, ok=False)])},
            "the database's job 1002 (policy_compression) fails; see timescaledb_information.job_errors",
        ),
        ({"database": changed(DATABASE, upkeep_problems=["no partition can be made"])}, "no partition can be made"),
        (
            {"webhooks": WebhooksStanding(waiting=3, failing={"ems": "answered 500"})},
            "the webhook ems does not take what is sent: answered 500; it waits in the outbox",
        ),
        (
            {"configuration": changed(CONFIGURATION, last_reload=refused("a.yaml:3: what", "b.yaml:1: what"))},
            "the files were changed and are not taken over: a.yaml:3: what (and 1 more)",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(parts: dict[str, Any], words: str) -> None:
    found = standing(**parts)
    assert (found.well, found.troubles) == (False, [words])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"spool": changed(SPOOL, share=0.6, hours_left=50.0)}, "the spool is 60% full, room for 2 d 2 h at the present rate"),
        (
            {"spool": changed(SPOOL, hours_left=20.0)},
            "an outage of the database of 20 h would fill the spool; see spool.max_size",
        ),
        (
            {"spool": changed(SPOOL, disk=changed(DISK, free_bytes=2 * GIB))},
            "the spool may grow by 4 GiB, and its disk has 2 GiB left",
        ),
        (
            {"database": changed(DATABASE, missing=[MISSING])},
            (
                f"the database lacks what hall-1 delivered from {ago(hours=9):%Y-%m-%d %H:%M:%S} to "
                f"{ago(hours=1):%Y-%m-%d %H:%M:%S} UTC, which was written: it was restored from a backup, or is another one"
            ),
        ),
        (
            {"webhooks": WebhooksStanding(failed=2)},
            "2 deliveries to webhooks were given up; see GET /api/v1/outbox?status=failed",
        ),
        ({"spool": changed(SPOOL, damaged=2)}, "2 damaged entries of the spool were set aside"),
        (
            {"configuration": changed(CONFIGURATION, waiting=["api.port"])},
            "api.port was changed and takes effect at the next start",
        ),
    ],
)
def test_what_is_worth_knowing_is_no_trouble(parts: dict[str, Any], words: str) -> None:
    found = standing(**parts)
    assert (found.well, found.hints) == (True, [words])


@pytest.mark.parametrize(
    "fields",
    [{"enabled": False, "state": LinkState.DOWN}, {"state": LinkState.CONNECTING}, {"last_error": "unit 3 was silent"}],
)
def test_a_connector_that_is_off_begins_or_had_an_error_once_is_no_trouble(fields: dict[str, Any]) -> None:
    assert standing(connectors=[connector(**fields)]).well


def test_a_job_that_failed_when_the_upkeep_looked_is_told_by_itself_alone() -> None:
    seen = "the database's job 1002 (policy_compression) failed 3 times and last succeeded never"
    recovered = Job(1002, "policy_compression", ok=True, last_success_at=None, next_start_at=None, failures=3)
    assert untold([seen, "no partition can be made"], [recovered]) == ["no partition can be made"]
    assert len(standing(database=changed(DATABASE, jobs=[job(1002, ok=False)])).troubles) == 1
