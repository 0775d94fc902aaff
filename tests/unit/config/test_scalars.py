import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.config.scalars import format_duration, parse_cost_centre, parse_duration_s, parse_size_bytes


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [("250ms", 0.25), ("10s", 10), ("15m", 900), ("15min", 900), ("1h30m", 5400), ("14d", 1_209_600), ("10y", 315_576_000)],
)
def test_durations_are_read(text: str, duration_s: float) -> None:
    assert parse_duration_s(text) == duration_s


@pytest.mark.parametrize("text", ["10", 10, "", "ten", "0s", "-5s", "10 parsecs", True, None, "5s!"])
def test_what_is_no_duration_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="write a number with its unit"):
        parse_duration_s(text)


@given(st.integers(1, 10**7))
def test_a_written_duration_is_read_as_the_same(duration_s: int) -> None:
    assert parse_duration_s(format_duration(duration_s)) == duration_s


@pytest.mark.parametrize(("text", "size"), [("4GiB", 4 * 2**30), ("500MB", 500_000_000), ("1.5 KiB", 1536), ("1B", 1)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size_bytes(text) == size


@pytest.mark.parametrize("text", ["4", 4, "4 gibibytes", "-1MB", "0B", None])
def test_what_is_no_size_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="as 500MB or 4GiB"):
        parse_size_bytes(text)


@pytest.mark.parametrize(("text", "word"), [("0000410010", "0000410010"), (" CC-17 press shop ", "CC-17 press shop")])
def test_a_cost_centre_is_a_word_of_the_accounts(text: str, word: str) -> None:
    assert parse_cost_centre(text) == word


@pytest.mark.parametrize(
    ("text", "said"), [(410010, "write it in quotes"), ("", "up to 64"), ("x" * 65, "up to 64"), ("a\tb", "no cost centre")]
)
def test_a_cost_centre_that_may_have_lost_its_zeros_is_refused(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_cost_centre(text)
