"""Metrics become samples with their time, quality and flags; one that cannot be read costs no other."""

from datetime import datetime
from typing import Any

import pytest
from unit.mqtt.sparkplug.line import START, message, metric, ms, payload, time

from ems_telemetry.connectors.mqtt.sparkplug.births import read_birth
from ems_telemetry.connectors.mqtt.sparkplug.reading import Read, read_metrics
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Metric, Payload
from ems_telemetry.connectors.mqtt.sparkplug.tables import Table, make_table
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType
from ems_telemetry.model import Flag, Quality

BIRTH = read_birth(
    payload(
        metric("Energy", 5, alias=0, type=DataType.INT64),
        metric("Power", 1.5, alias=1),
        metric("Temperature", -3, alias=2, type=DataType.INT16),
        metric("Recipe", b"", alias=3, type=DataType.DATA_SET),
        metric("Spare", 1.5, alias=4),
    )
)
POINTS = {"Energy": "M.energy", "Power": "M.power", "Temperature": "M.temperature", "Recipe": "M.recipe", "New": "M.new"}
TABLE = make_table(BIRTH, POINTS, lambda metric: metric.startswith("Found"))


def by_alias(alias: int, value: Any, type_: DataType, **more: Any) -> Metric:  # noqa: ANN401 - of any datatype, fields of Metric
    return metric(value=value, alias=alias, type=type_, tells_type=False, **more)


def read(*metrics: Metric, table: Table = TABLE, at: float | None = 0.0, **settings: Any) -> Read:  # noqa: ANN401 - fields of Message
    content = payload(*metrics, seq=1, at=at)
    return read_metrics(content, table, message("DDATA", content, "main", **settings))


def values(of: Read) -> list[tuple[str, Any]]:
    return [(sample.point, sample.value) for sample in of.samples]


def test_values_named_by_alias_alone_have_the_datatype_of_their_birth() -> None:
    found = read(by_alias(0, -(2**62) - 1, DataType.INT64), by_alias(1, 0.1, DataType.DOUBLE), by_alias(2, -12, DataType.INT16))
    assert values(found) == [("M.energy", -(2**62) - 1), ("M.power", 0.1), ("M.temperature", -12)]


# https://github.com/united-manufacturing-hub/benthos-umh/pull/454
def test_values_named_by_name_and_alias_have_it_too() -> None:
    assert values(read(metric("Temperature", -12, alias=2, type=DataType.INT16, tells_type=False))) == [("M.temperature", -12)]


def test_a_datatype_told_with_the_value_goes_before_that_of_the_birth() -> None:
    assert values(read(metric("Power", -7, type=DataType.INT32))) == [("M.power", -7)]


@pytest.mark.parametrize(
    ("metric_at", "payload_at", "expected"),
    [(1.5, 2.0, time(1.5)), (None, 2.0, time(2.0)), (None, None, None), (0.001, 9.0, time(0.001))],
)
def test_the_time_is_the_metrics_else_the_payloads_else_none(
    metric_at: float | None, payload_at: float | None, expected: datetime | None
) -> None:
    found = read(by_alias(1, 1.0, DataType.DOUBLE, at=metric_at), at=payload_at)
    assert [sample.time for sample in found.samples] == [expected]
    assert found.lacks_time is (expected is None)


@pytest.mark.parametrize(
    ("timestamp", "lacks"), [(1, True), (2**63, True), (2**64 - 1, True), (ms(301), True), (ms(299), False)]
)
def test_a_time_that_nobody_believes_needs_a_receipt(timestamp: int, *, lacks: bool) -> None:
    found = read(Metric(alias=1, double_value=1.0, timestamp=timestamp))
    assert found.lacks_time is lacks
    assert found.samples[0].time is not None


@pytest.mark.parametrize(
    ("properties", "quality", "status", "flags"),
    [
        ({}, Quality.GOOD, 0, 0),
        ({"Quality": 192}, Quality.GOOD, 0, 0),
        ({"Quality": 216}, Quality.GOOD, 216, 0),
        ({"Quality": 64}, Quality.UNCERTAIN, 64, Flag.UNCERTAIN_STATUS),
        ({"Quality": 0}, Quality.BAD, 0, Flag.BAD_STATUS),
        ({"Quality": 128}, Quality.BAD, 128, Flag.BAD_STATUS),
        ({"Quality": 404}, Quality.BAD, 404, Flag.BAD_STATUS),
        ({"Quality": 0x8000_0200}, Quality.BAD, 0x8000_0200, Flag.BAD_STATUS),
        ({"Quality": 500}, Quality.BAD, 500, Flag.STALE),
        ({"quality": 500}, Quality.BAD, 500, Flag.STALE),
        ({"Quality": "Good"}, Quality.UNCERTAIN, 0, Flag.UNCERTAIN_STATUS),
        ({"engUnit": "kW", "Quality": 500}, Quality.BAD, 500, Flag.STALE),
    ],
)
def test_the_quality_of_a_metric(properties: dict[str, Any], quality: int, status: int, flags: int) -> None:
    (sample,) = read(by_alias(1, 4.5, DataType.DOUBLE, properties=properties)).samples
    assert (sample.value, sample.quality, sample.status, sample.flags) == (4.5, quality, status, flags)


def test_what_is_historical_is_marked() -> None:
    found = read(by_alias(1, 1.0, DataType.DOUBLE, at=-60.0, is_historical=True), by_alias(1, 2.0, DataType.DOUBLE))
    assert [(sample.time, sample.flags) for sample in found.samples] == [(time(-60.0), Flag.BACKFILLED), (START, 0)]


def test_what_is_transient_is_stored_like_any() -> None:
    assert values(read(by_alias(1, 1.0, DataType.DOUBLE, is_transient=True))) == [("M.power", 1.0)]


def test_a_null_is_a_sample_without_a_value() -> None:
    found = read(metric(alias=1, is_null=True, tells_type=False), metric(alias=0, tells_type=False))
    assert values(found) == [("M.power", None), ("M.energy", None)]


def test_what_cannot_be_read_costs_no_other() -> None:
    found = read(
        by_alias(3, b"\x01", DataType.DATA_SET),
        by_alias(2, 70_000, DataType.INT32),
        metric("Power", b"x", type=DataType.BYTES),
        metric("Power", b"\x01", type=30),
        by_alias(1, 1.0, DataType.DOUBLE),
    )
    assert values(found) == [("M.power", 1.0)]
    assert [(refusal.point, refusal.reason, refusal.detail) for refusal in found.refusals] == [
        ("M.recipe", "unsupported_metric", '"Recipe" is of the type DATA_SET, no number, switch or text'),
        ("M.temperature", "value_unreadable", '"Temperature" of the type INT16: 70000 does not fit into 16 bits'),
        ("M.power", "unsupported_metric", '"Power" is of the type BYTES, no number, switch or text'),
        ("M.power", "unsupported_metric", '"Power" is of the type datatype 30, no number, switch or text'),
    ]


def test_what_nobody_wants_is_counted_and_what_is_not_known_is_told() -> None:
    found = read(
        by_alias(4, 1.0, DataType.DOUBLE), by_alias(99, 1.0, DataType.DOUBLE), metric("Other", 1.0), metric("Found it", 1.0)
    )
    assert (found.samples, found.unwanted, found.unread) == ([], 2, ["alias 99", '"Found it"'])


def test_alias_0_is_an_alias_and_no_alias_is_none() -> None:
    found = read(by_alias(0, 7, DataType.INT64), Metric(double_value=1.0))
    assert (values(found), found.unread) == ([("M.energy", 7)], ["a metric without name and alias"])


def test_without_a_birth_a_name_is_enough_where_the_value_needs_no_datatype() -> None:
    table = TABLE.without_aliases()
    found = read(metric("New", 1.5, tells_type=False), by_alias(1, 1.0, DataType.DOUBLE), table=table)
    assert (values(found), found.unread) == ([("M.new", 1.5)], ["alias 1"])
    assert read(metric("New", 7, type=DataType.INT32, tells_type=False)).unread == ['"New"']
    assert values(read(metric("New", -7, type=DataType.INT32))) == [("M.new", -7)]


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    broken = Payload.FromString(bytes.fromhex("120c 0a01ff") + bytes([0x69]) + bytes(8)).metrics[0]
    found = read(broken, by_alias(1, 1.0, DataType.DOUBLE))
    assert (len(found.samples), [refusal.reason for refusal in found.refusals]) == (1, ["value_unreadable"])


def test_the_brokers_retained_messages_are_marked() -> None:
    assert read(by_alias(1, 1.0, DataType.DOUBLE), retained=True).samples[0].flags == Flag.RETAINED
