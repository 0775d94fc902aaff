"""Samples in dead letters: written for people, read again as they were."""

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from unit.points import configured_point

from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, DeadLetter, Sample
from ems_telemetry.normalize.letters import unpack_sample
from ems_telemetry.normalize.meaning import Normalizer

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SAMPLES = st.builds(
    Sample,
    point=st.just("XX-99.p"),
    time=st.none() | TIMES,
    value=st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    received_at=TIMES,
    quality=st.sampled_from([0, 64, 192]),
    status=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 2**20),
)


def letter_of(sample: Sample) -> DeadLetter:
    (letter,) = Normalizer("c", [configured_point()]).normalize([sample]).dead_letters
    return letter


@given(SAMPLES)
def test_a_sample_of_an_unknown_point_is_read_again_as_it_was(sample: Sample) -> None:
    again = unpack_sample(letter_of(sample))
    assert again == sample
    assert again is not None
    assert type(again.value) is type(sample.value)


def test_not_a_number_becomes_none_which_means_the_same() -> None:
    again = unpack_sample(letter_of(Sample("XX-99.p", NOW, math.nan, NOW)))
    assert again is not None
    assert again.value is None


def test_a_text_that_no_database_could_hold_is_made_storable() -> None:
    again = unpack_sample(letter_of(Sample("EM-01.p", NOW, "lone \ud800", NOW)))
    assert again is not None
    assert again.value == "lone ?"


def test_a_sample_that_was_cut_is_not_read_again_and_its_letter_says_how_long_it_was() -> None:
    letter = letter_of(Sample("EM-01.p", NOW, "x" * 20_000, NOW))
    assert len(letter.payload) == DEAD_LETTER_PAYLOAD_BYTES
    assert "cut from 20" in letter.detail
    assert unpack_sample(letter) is None


def test_the_payload_of_a_device_is_no_sample() -> None:
    letter = letter_of(Sample("EM-01.p", NOW, "offline", NOW))
    for payload in (b'{"ts": 1, "value": 2}', b"12", b"", b"\xff"):
        assert unpack_sample(letter._replace(payload=payload)) is None
