"""From payloads to documents."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.mqtt.documents import (
    MOST_UNPACKED_BYTES,
    Compression,
    DuplicateKeys,
    compile_reading,
    number_in,
    read_json,
    read_strict_json,
    unpack,
)


class Pairs(list[tuple[str, Any]]):
    """An object as it stands in a text, its keys not yet distinct."""


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
PAIRS = st.recursive(
    st.none() | st.integers() | st.sampled_from(["a:b", '"', '\\":', "ü"]),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(st.sampled_from("abc:"), inner), max_size=4).map(Pairs),
    max_leaves=15,
)


def written(document: object) -> str:
    if isinstance(document, Pairs):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(value)}" for key, value in document) + "}"
    if isinstance(document, list):
        return "[" + ",".join(map(written, document)) + "]"
    return json.dumps(document)


def has_key_twice(document: object) -> bool:
    if isinstance(document, Pairs):
        keys = [key for key, _ in document]
        return len(set(keys)) < len(keys) or any(has_key_twice(value) for _, value in document)
    return isinstance(document, list) and any(map(has_key_twice, document))


@given(DOCUMENTS)
def test_strict_reading_gives_what_plain_reading_does(document: object) -> None:
    payload = json.dumps(document).encode()
    assert read_strict_json(payload) == read_json(payload)


@given(PAIRS)
def test_a_key_that_stands_twice_is_found_wherever_it_is(document: object) -> None:
    payload = written(document).encode()
    if has_key_twice(document):
        with pytest.raises(ValueError, match="has a key twice in one object"):
            read_strict_json(payload)
    else:
        assert read_strict_json(payload) == read_json(payload)


@pytest.mark.parametrize("payload", [b'{"a": 1, "a": 2}', b'[{"a": {"b": 1, "b": 1}}]', b'{"\\u0061": 1, "a": 2}'])
def test_the_last_of_two_counts_unless_they_are_refused(payload: bytes) -> None:
    read_json(payload)
    with pytest.raises(ValueError, match="twice"):
        compile_reading(duplicate_keys=DuplicateKeys.REFUSE)(payload)


@given(st.binary())
def test_what_was_packed_is_unpacked(payload: bytes) -> None:
    assert unpack(gzip.compress(payload)) == payload


def test_several_members_are_one_payload() -> None:
    assert unpack(gzip.compress(b"[1,") + gzip.compress(b"2]")) == b"[1,2]"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "cut short"),
        (b"plain", "is not gzip"),
        (gzip.compress(b"1" * 1000)[:-5], "cut short"),
        (gzip.compress(b"1") + b"more", "is not gzip"),
        (gzip.compress(bytes(MOST_UNPACKED_BYTES + 1)), "unpacks to more than 16777216 bytes"),
        (gzip.compress(bytes(MOST_UNPACKED_BYTES)) * 2, "unpacks to more than 16777216 bytes"),
    ],
    ids=["empty", "plain", "cut", "rubbish behind", "a bomb", "a bomb in parts"],
)
def test_what_cannot_be_unpacked_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        unpack(payload)


@pytest.mark.parametrize(
    ("compression", "payload", "value"),
    [
        (Compression.AUTO, b'{"a": 1}', {"a": 1}),
        (Compression.AUTO, gzip.compress(b'{"a": 1}'), {"a": 1}),
        (Compression.GZIP, gzip.compress(b'{"a": 1}'), {"a": 1}),
    ],
    ids=["plain", "packed", "always packed"],
)
def test_packed_payloads_are_told_from_plain_ones(compression: Compression, payload: bytes, value: object) -> None:
    assert compile_reading(compression=compression)(payload) == value


def test_the_same_settings_give_the_same_reader() -> None:
    assert compile_reading() is compile_reading()
    assert compile_reading(compression=Compression.AUTO) is compile_reading(compression=Compression.AUTO)


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" 12.50 ", 12.5), ("-1e3", -1000.0), ("9223372036854775808", 9223372036854775808), ("100.00", 100.0)],
)
def test_numbers_in_quotes_are_read(text: str, number: float) -> None:
    assert number_in(text) == number
    assert type(number_in(text)) is type(number)


@pytest.mark.parametrize("text", ["", "OFF", "1,5", "0x10", "1_000", "12 kW", "nan", "inf"])
def test_other_texts_are_no_numbers(text: str) -> None:
    assert number_in(text) is None
