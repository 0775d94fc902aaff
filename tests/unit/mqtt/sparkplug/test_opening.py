"""Payloads are opened within bounds, whatever their bytes say."""

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.mqtt.sparkplug.line import metric, payload

from ems_telemetry.connectors.mqtt.sparkplug import opening
from ems_telemetry.connectors.mqtt.sparkplug.opening import open_payload
from ems_telemetry.connectors.mqtt.sparkplug.sparkplug_b_pb2 import Payload
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType

INNER = payload(metric("Power", 1.5), seq=7, at=1.0)


def compressed(body: bytes, algorithm: str | None = None, **settings: Any) -> bytes:  # noqa: ANN401 - fields of Payload
    outer = Payload(uuid="SPBV1.0_COMPRESSED", body=body, **settings)
    if algorithm is not None:
        outer.metrics.append(metric("algorithm", algorithm, type=DataType.STRING))
    return outer.SerializeToString()


@pytest.mark.parametrize(
    ("body", "algorithm"),
    [
        (zlib.compress(INNER.SerializeToString()), None),
        (zlib.compress(INNER.SerializeToString()), "DEFLATE"),
        (gzip.compress(INNER.SerializeToString(), mtime=0), "GZIP"),
        (gzip.compress(INNER.SerializeToString(), mtime=0), "gzip"),
    ],
)
def test_a_compressed_payload_is_opened(body: bytes, algorithm: str | None) -> None:
    assert open_payload(compressed(body, algorithm)) == INNER


def test_number_and_time_may_stand_outside() -> None:
    body = zlib.compress(Payload(metrics=INNER.metrics).SerializeToString())
    opened = open_payload(compressed(body, seq=9, timestamp=5))
    assert (opened.seq, opened.timestamp) == (9, 5)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\xff\xff", "not one of Sparkplug B"),
        (b'{"value": 1}', "not one of Sparkplug B"),
        (compressed(b"no zlib"), "cannot be decompressed"),
        (compressed(zlib.compress(INNER.SerializeToString())[:-3]), "cut off"),
        (compressed(zlib.compress(b"\xff")), "not one of Sparkplug B"),
        (compressed(b"", "LZ4"), "compressed by 'LZ4'"),
        (compressed(zlib.compress(compressed(zlib.compress(b"")))), "compressed twice"),
    ],
)
def test_what_is_no_payload_is_refused_in_words(raw: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        open_payload(raw)


def test_a_bomb_does_not_go_off() -> None:
    bomb = zlib.compress(bytes(32 * 2**20), 1)
    assert len(bomb) < 2**18
    with pytest.raises(ValueError, match="opens to more than"):
        open_payload(compressed(bomb))


def test_a_payload_longer_than_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="are read"):
        open_payload(bytes(opening.LONGEST_BYTES + 1))


def test_a_payload_of_millions_of_empty_metrics_is_refused_before_they_are_made() -> None:
    with pytest.raises(ValueError, match="2000000 metrics; at most 100000"):
        open_payload(b"\x12\x00" * 2_000_000)


def test_an_empty_payload_is_one() -> None:
    assert open_payload(b"") == Payload()


@given(st.binary(max_size=200))
def test_garbage_is_a_payload_or_refused(raw: bytes) -> None:
    try:
        open_payload(raw)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - both ends are right
