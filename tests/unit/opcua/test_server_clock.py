from datetime import UTC, datetime, timedelta

import pytest

from ems_telemetry.connectors.opcua.server_clock import ahead_s, clock_in_words

ASKED = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANSWERED = ASKED + timedelta(seconds=2)


@pytest.mark.parametrize("zone", [UTC, None])
def test_the_answer_was_made_in_the_middle_of_its_way(zone: object) -> None:
    told = (ASKED + timedelta(seconds=84)).replace(tzinfo=UTC if zone else None)
    assert ahead_s(told, ASKED, ANSWERED) == 83.0


@pytest.mark.parametrize("told", [None, "noon", 12])
def test_what_is_no_time_tells_nothing(told: object) -> None:
    assert ahead_s(told, ASKED, ANSWERED) is None


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (None, "the server does not tell the time"),
        (-1.9, "the server's clock agrees with ours to about a second"),
        (83.04, "the server's clock is 83.0 s ahead of ours"),
        (-7200.0, "the server's clock is 7200.0 s behind ours"),
    ],
)
def test_how_the_clocks_stand_is_said_in_words(ahead: float | None, words: str) -> None:
    assert clock_in_words(ahead) == words
