"""Cursors come back as they went, and nothing else passes for one."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.api.cursor import VERSION, decode_cursor, encode_cursor, fingerprint
from ems_telemetry.api.problem import ApiError

REQUEST = fingerprint("/api/v1/points", {"site": "BER1"})
Time = Annotated[datetime, msgspec.Meta(tz=True)]


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_time_and_an_id_come_back_as_they_went(time: datetime, id_: UUID) -> None:
    assert decode_cursor(encode_cursor(REQUEST, (time, id_)), REQUEST, tuple[Time, UUID]) == (time, id_)


@given(st.text())
def test_a_word_comes_back_as_it_went_and_needs_no_quoting_in_a_url(word: str) -> None:
    cursor = encode_cursor(REQUEST, word)
    assert decode_cursor(cursor, REQUEST, str) == word
    assert not set(cursor) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text())
def test_nothing_else_passes_for_a_cursor(text: str) -> None:
    with pytest.raises(ApiError, match="cursor"):
        decode_cursor(text, REQUEST, str)


def test_a_cursor_of_another_version_is_refused() -> None:
    assert VERSION == 1
    with pytest.raises(ApiError, match="not a cursor of this list"):
        decode_cursor("WzIsImEiLCJiIl0", REQUEST, str)  # [2,"a","b"]


def test_a_time_without_zone_is_no_key() -> None:
    with pytest.raises(ApiError, match="not a cursor of this list"):
        decode_cursor(encode_cursor(REQUEST, "2026-03-02T10:00:00"), REQUEST, Time)


def test_requests_are_told_apart_by_path_and_filters_in_any_order() -> None:
    one = fingerprint("/p", {"site": "A", "meter": "B"})
    assert one == fingerprint("/p", {"meter": "B", "site": "A"})
    others = [("/q", {"site": "A", "meter": "B"}), ("/p", {"site": "B", "meter": "A"}), ("/p", {"site": "A"}), ("/p", {})]
    assert one not in [fingerprint(path, filters) for path, filters in others]
