from prometheus_client import generate_latest

from ems_telemetry.cli.counting import Counts, count
from ems_telemetry.observe import Metrics


def test_counts_are_added_up_by_protocol_from_connectors_and_metrics() -> None:
    metrics = Metrics()
    metrics.writer_rows.labels("inserted").inc(30)
    metrics.writer_rows.labels("duplicate").inc(5)
    metrics.dead_letters.labels("payload_unreadable").inc(2)
    metrics.dead_letters.labels("conflict").inc()
    metrics.spool_batches.set(4)
    metrics.database_info.labels("timescaledb-apache").set(1)
    connectors = [
        {"type": "opcua", "counters": {"samples_stored": 10, "reconnects": 1}},
        {"type": "mqtt", "counters": {"samples_stored": 7}},
        {"type": "mqtt", "counters": {"samples_stored": 3}},
        {"type": "modbus", "counters": {}},
    ]
    counts = count(connectors, generate_latest(metrics.registry).decode())
    assert counts.summary() == "ingested opcua=10 modbus=0 mqtt=10 rows=30 dead_letters=3 database=timescaledb-apache"
    assert counts.spooled == 4


def test_before_anything_is_counted_every_count_is_zero() -> None:
    assert Counts().summary() == "ingested opcua=0 modbus=0 mqtt=0 rows=0 dead_letters=0 database=none"
