import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from ems_telemetry.evidence.canonical import canonical, decimal_words, digest, leaf, parse
from ems_telemetry.rules.arithmetic import digits

pytestmark = pytest.mark.unit

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
any_words = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\x00\x1f\x7f"\\/\u2028\ud7ff\ue000\uffff\U00010000\U0010ffff'),
    max_size=6,
)
"""With more of what writers of JSON disagree about."""
integers = st.integers(-(2**53) + 1, 2**53 - 1)
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]), min_value=datetime(2000, 1, 1))  # noqa: DTZ001 - hypothesis adds the zone
scalars = st.none() | st.booleans() | integers | words | decimals | times | st.uuids() | st.dates()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)


class Word(StrEnum):
    GOOD = "good"


class Code(IntEnum):
    GOOD = 192


class Limit(Enum):
    NOX = Decimal("200.0")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("12.50"), '"12.5"'),
        (Decimal("1E+3"), '"1000"'),
        (Decimal("1E-7"), '"0.0000001"'),
        (Decimal("-0.00"), '"0"'),
        (Decimal(100), '"100"'),
        (datetime(2026, 3, 1, 10, 45, tzinfo=timezone(timedelta(hours=1))), '"2026-03-01T09:45:00Z"'),
        (datetime(2026, 3, 1, 9, 45, 0, 1000, tzinfo=UTC), '"2026-03-01T09:45:00.001000Z"'),
        (date(2027, 1, 31), '"2027-01-31"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Word.GOOD, '"good"'),
        (Code.GOOD, "192"),
        (Limit.NOX, '"200"'),
        (MappingProxyType({"b": (1, None), "a": True}), '{"a":true,"b":[1,null]}'),
        ({}, "{}"),
        ([], "[]"),
    ],
)
def test_values_have_the_forms_of_the_house(value: object, expected: str) -> None:
    assert canonical(value).decode() == expected


def test_keys_are_sorted_by_their_utf_16_as_rfc_8785_shows() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    found = list(json.loads(canonical(dict.fromkeys(keys, "x"))))
    assert found == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_is_escaped_as_rfc_8785_shows() -> None:
    assert canonical('\u20ac$\x0f\nA\'B"\\\\"/') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


@pytest.mark.parametrize("value", [{"a": [1, {"b": 0.5}]}, {"a": [1, {"b": float("nan")}]}, {"a": [1, {"b": b"x"}]}])
def test_what_has_no_form_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(TypeError, match=r"^\$\.a\[1\]\.b: "):
        canonical(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), Decimal("NaN"), Decimal("Infinity"), datetime(2026, 1, 1), "\ud800"])  # noqa: DTZ001 - that is the point
def test_what_could_be_read_in_two_ways_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(ValueError, match=r"^\$\.a"):
        canonical({"a": value})


def test_keys_are_strings() -> None:
    with pytest.raises(TypeError, match=r"^\$: the key 1 "):
        canonical({1: "x"})


def test_keys_are_text() -> None:
    with pytest.raises(ValueError, match=r"^\$\.a: .* half a surrogate pair"):
        canonical({"a": {"\ud800": 1}})


def test_nesting_has_an_end() -> None:
    nested: list[object] = []
    for _ in range(100):
        nested = [nested]
    with pytest.raises(ValueError, match="64 deep"):
        canonical(nested)


@given(values)
def test_what_was_written_and_read_again_is_the_same_evidence(value: object) -> None:
    assert canonical(parse(canonical(value))) == canonical(value)
    assert digest(value) == sha256(canonical(value)).digest()
    assert leaf(value) == sha256(b"\x00" + canonical(value)).digest()


@given(st.recursive(
    st.none() | st.booleans() | integers | any_words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_words, inner, max_size=6),
    max_leaves=20,
))  # fmt: skip
@example({"\ufb33": 1, "\U0001f600": 2, "\ue000": 3, "\ud7ff": 4})
@example({"\x7f\x1f\u2028": '\b\f\n\r\t"\\/\x00\x80'})
def test_the_canonical_form_is_what_the_reference_writes(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # it is plain JSON


@given(st.dictionaries(words, scalars, min_size=2), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, object], random: object) -> None:
    keys = list(value)
    random.shuffle(keys)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert canonical({key: value[key] for key in keys}) == canonical(value)


@given(decimals)
def test_decimals_are_written_as_the_rules_write_them(value: Decimal) -> None:
    assert decimal_words(value) == digits(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"a":1,"a":2}', '"a" twice'),
        (b'{"a":1.5}', "the number 1.5"),
        (b'{"a":1e3}', "the number 1e3"),
        (b"NaN", "the number NaN"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "utf-8"),
        (b"", "Expecting value"),
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text)
