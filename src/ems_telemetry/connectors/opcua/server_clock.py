"""How far the server's clock is ahead of ours: readings are filed under its times, so it is measured. Pure functions."""

from datetime import UTC, datetime

CLOCKS_AGREE_S = 2.0
"""Many servers turn the hands of the time they tell once a second."""
TOLD_FROM_S = 10.0
"""A clock so far off moves a noticeable share of a quarter of an hour into the next one."""


def ahead_s(told: object, asked_at: datetime, answered_at: datetime) -> float | None:
    """Computes how far a server's clock is ahead, in seconds, to about half the time the answer took.

    Args:
        told: what the server says its time is, as asyncua decodes it.
        asked_at: when it was asked, by our clock.
        answered_at: when the answer was there, by our clock.

    Returns:
        None if it tells no time.
    """
    if not isinstance(told, datetime):
        return None
    time = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
    return (time - (asked_at + (answered_at - asked_at) / 2)).total_seconds()


def clock_in_words(clock_ahead_s: float | None) -> str:
    """Says how a server's clock stands to ours."""
    if clock_ahead_s is None:
        return "the server does not tell the time"
    if abs(clock_ahead_s) < CLOCKS_AGREE_S:
        return "the server's clock agrees with ours to about a second"
    return f"the server's clock is {abs(clock_ahead_s):.1f} s {'ahead of' if clock_ahead_s > 0 else 'behind'} ours"
