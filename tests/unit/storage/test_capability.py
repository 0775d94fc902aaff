from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import DatabaseNotReadyError, SchemaError
from ems_telemetry.shipped import shipped
from ems_telemetry.storage.capability import Capability, fill
from ems_telemetry.storage.capability.detection import Facts, decide, parse_version
from ems_telemetry.storage.capability.partitions import (
    WEEK,
    partition_named,
    partition_of,
    partitions_ahead,
    partitions_of,
)

PLAIN = Facts(170_012, installed=None, license=None, available=None, preloaded=False, readings_kind=None)
APACHE = replace(PLAIN, installed="2.19.3", license="apache", available="2.19.3", preloaded=True, readings_kind="r")
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone is given apart


@pytest.mark.parametrize(
    ("facts", "capability"),
    [
        (PLAIN, Capability.PLAIN),
        (replace(PLAIN, server_version_number=150_004), Capability.PLAIN),
        (APACHE, Capability.APACHE),
        (replace(APACHE, license="timescale"), Capability.COMMUNITY),
        (replace(APACHE, installed="2.18.1"), Capability.APACHE),
        (replace(APACHE, readings_kind="p"), Capability.PLAIN),
        (replace(APACHE, readings_kind="p", installed="2.1.0"), Capability.PLAIN),
    ],
)
def test_the_capability_follows_from_what_the_server_tells(facts: Facts, capability: Capability) -> None:
    assert decide(facts) is capability


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(PLAIN, server_version_number=140_011), "PostgreSQL 14 is too old; 15 or newer is needed"),
        (replace(APACHE, installed="2.18.0"), "TimescaleDB 2.18.0 is too old; 2.18.1 or newer is needed"),
        (replace(PLAIN, readings_kind="r"), "the table readings was made for TimescaleDB"),
        (replace(APACHE, license=None), "add it to shared_preload_libraries and restart"),
    ],
)
def test_what_cannot_serve_is_refused_in_words(facts: Facts, words: str) -> None:
    with pytest.raises(DatabaseNotReadyError) as refused:
        decide(facts)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "version"), [("2.18.1", (2, 18, 1)), ("2.20.0-dev", (2, 20, 0)), ("2.9.3", (2, 9, 3)), ("3.0", (3, 0))]
)
def test_versions_are_compared_as_numbers(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("capability", Capability)
def test_every_placeholder_of_the_migrations_is_filled(capability: Capability) -> None:
    for file in shipped("migrations").glob("*.sql"):
        assert "@{" not in fill(file.read_text(), capability)


def test_the_three_databases_differ_only_where_they_must() -> None:
    template = "CREATE TABLE readings () @{partition_by_time}; @{hypertable_readings};"
    filled = {capability: fill(template, capability) for capability in Capability}
    assert "PARTITION BY RANGE (time)" in filled[Capability.PLAIN]
    assert "create_hypertable" in filled[Capability.APACHE]
    assert filled[Capability.COMMUNITY].startswith(filled[Capability.APACHE].rstrip(";"))
    assert "enable_columnstore" in filled[Capability.COMMUNITY]


def test_a_placeholder_nobody_knows_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"no placeholder @\{parition_by_time\}; known are hypertable_"):
        fill("@{parition_by_time}", Capability.PLAIN)


@pytest.mark.parametrize(
    ("time", "name", "start"),
    [
        (datetime(2026, 11, 23, 20, 33, tzinfo=UTC), "readings_2026w48", datetime(2026, 11, 23, tzinfo=UTC)),
        (datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), "readings_2026w47", datetime(2026, 11, 16, tzinfo=UTC)),
        (datetime(2027, 1, 1, tzinfo=UTC), "readings_2026w53", datetime(2026, 12, 28, tzinfo=UTC)),
        (datetime(2024, 12, 30, tzinfo=UTC), "readings_2025w01", datetime(2024, 12, 30, tzinfo=UTC)),
        (
            datetime(2026, 3, 2, 0, 30, tzinfo=timezone(timedelta(hours=1))),
            "readings_2026w09",
            datetime(2026, 2, 23, tzinfo=UTC),
        ),
    ],
)
def test_a_partition_is_an_iso_week_in_utc(time: datetime, name: str, start: datetime) -> None:
    partition = partition_of(time)
    assert (partition.name, partition.start, partition.end) == (name, start, start + WEEK)


@given(TIMES)
def test_a_partition_holds_its_time_and_is_found_again_by_its_name(time: datetime) -> None:
    partition = partition_of(time)
    assert partition.start <= time < partition.end
    assert partition_named(partition.name) == partition


@given(st.lists(TIMES))
def test_each_time_has_its_partition_and_no_two_share_an_instant(times: list[datetime]) -> None:
    partitions = partitions_of(times)
    assert all(any(one.start <= time < one.end for one in partitions) for time in times)
    assert all(left.end <= right.start for left, right in pairwise(partitions))


def test_partitions_ahead_begin_with_this_week_and_leave_no_hole() -> None:
    ahead = partitions_ahead(datetime(2026, 12, 24, tzinfo=UTC))
    assert [one.name for one in ahead] == [
        f"readings_{week}" for week in ("2026w52", "2026w53", "2027w01", "2027w02", "2027w03")
    ]


@pytest.mark.parametrize("name", ["readings_old", "readings_2026w5", "my_readings_2026w05", "readings_2026w05_pkey"])
def test_tables_of_other_names_are_nobodys_partition(name: str) -> None:
    assert partition_named(name) is None
