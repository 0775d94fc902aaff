from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.retry import Backoff


@given(st.integers(-5, 10**9), st.floats(0.0, 1.0), st.floats(0.01, 10.0), st.floats(10.0, 1000.0))
def test_a_delay_is_never_nothing_and_never_beyond_the_cap(failures: int, drawn: float, initial_s: float, cap_s: float) -> None:
    delay_s = Backoff(initial_s, cap_s, draw=lambda: drawn).delay_s(failures)
    assert 0 < delay_s <= cap_s


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(initial_s=1.0, cap_s=10.0, draw=lambda: 1.0)
    assert [backoff.delay_s(failures) for failures in range(1, 7)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_the_jitter_takes_away_at_most_half() -> None:
    assert Backoff(initial_s=4.0, draw=lambda: 0.0).delay_s(1) == 2.0
