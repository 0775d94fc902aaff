import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr

import pytest
from fakes import HandClock

from ems_telemetry.observe import ConnectorReport, LinkState, Metrics, configure_logging, get_logger


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Our log as JSON lines, for the length of a test."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    text = io.StringIO()
    with redirect_stderr(text):
        configure_logging("info", as_json=True)
        yield text
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_line_has_a_sentence_a_stable_event_and_its_fields(log: io.StringIO) -> None:
    get_logger("ems_telemetry.test", connector="c").info("endpoint answers", event_code="connector_up", tries=3)
    (line,) = lines(log)
    assert {"message", "event", "connector", "tries", "level", "timestamp", "logger"} <= line.keys()
    assert (line["message"], line["event"], line["tries"]) == ("endpoint answers", "connector_up", 3)


def test_a_change_of_state_is_one_line_however_often_it_is_told(log: io.StringIO) -> None:
    metrics = Metrics()
    report = ConnectorReport("c", "test", "test://", clock=HandClock(), metrics=metrics)
    for _ in range(3):
        report.connecting()
        report.down("nobody listens", 1.0)
    report.connecting()
    report.up()
    report.up()
    report.stopped()
    report.stopped()
    assert [line["event"] for line in lines(log)] == ["connector_down", "connector_up", "connector_stopped"]
    assert report.status.counters == {"reconnects": 3, "sessions": 1}
    assert metrics.registry.get_sample_value("ems_telemetry_connector_reconnects_total", {"connector": "c"}) == 3


def test_the_state_tells_since_when_and_why() -> None:
    clock = HandClock()
    report = ConnectorReport("c", "test", "test://", clock=clock, metrics=Metrics())
    report.connecting()
    assert report.status.state is LinkState.CONNECTING
    report.down("nobody listens")
    status = report.status
    assert (status.state, status.since, status.last_error) == (LinkState.DOWN, clock.now(), "nobody listens")
