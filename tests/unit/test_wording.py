import pytest

from ems_telemetry.wording import duration_words, rate_words, size_words


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [
        (0.0, "0.0 s"),
        (0.34, "0.3 s"),
        (12.4, "12 s"),
        (60, "1 min"),
        (119, "1 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (72 * 3600, "3 d"),
        (100 * 3600, "4 d 4 h"),
        (40 * 86400 + 3600, "40 d"),
    ],
)
def test_durations_are_told_as_people_say_them(duration_s: float, words: str) -> None:
    assert duration_words(duration_s) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1536, "1.5 KiB"), (4 * 2**30, "4 GiB"), (250 * 2**30, "250 GiB"), (3 * 2**40, "3 TiB")],
)
def test_sizes_are_told_in_the_units_of_the_settings(size: int, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(None, "?"), (0, "0"), (0.05, "0.05"), (12.34, "12.3"), (12.0, "12"), (1204.4, "1,204")]
)
def test_rates_are_told_shortly(rate: float | None, words: str) -> None:
    assert rate_words(rate) == words
