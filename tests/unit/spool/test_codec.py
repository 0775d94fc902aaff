from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.model import Batch, DeadLetter, Declaration, Gap, Reading, Run, RunEnd
from ems_telemetry.spool.codec import decode, encode

TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
READINGS = st.builds(
    Reading,
    point=st.text(min_size=1, max_size=8),
    time=TIMES,
    value=st.none() | st.floats(allow_nan=False),
    exact=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    raw=st.none() | st.floats(allow_nan=False),
    quality=st.sampled_from([0, 64, 192]),
    flags=st.integers(0, 2**31 - 1),
    source_status=st.integers(0, 2**32 - 1),
    received_at=TIMES,
)
LETTERS = st.builds(
    DeadLetter,
    id=st.uuids(),
    connector=st.just("line-3"),
    point=st.none() | st.text(),
    reason=st.text(),
    detail=st.text(),
    source=st.text(),
    payload=st.binary(),
    received_at=TIMES,
)
GAPS = st.builds(
    Gap,
    id=st.uuids(),
    connector=st.just("line-3"),
    point=st.none() | st.text(),
    start=TIMES,
    end=TIMES,
    cause=st.text(),
    refused=st.integers(0, 2**40),
    expected=st.none() | st.integers(0, 2**40),
)


ENDS = st.builds(RunEnd, st.integers(1, 2**40), st.integers(0, 2**40), st.integers(0, 2**40))
RUNS = st.builds(Run, began_at=st.datetimes(timezones=st.just(UTC)), ended=st.none() | ENDS)
DECLARATIONS = st.builds(Declaration, expected_interval_s=st.none() | st.floats(1e-3, 1e9))


@given(
    st.lists(READINGS, max_size=20),
    st.lists(LETTERS, max_size=3),
    st.lists(GAPS, max_size=3),
    st.lists(DECLARATIONS, max_size=2),
    st.none() | RUNS,
)
def test_what_is_encoded_is_decoded_the_same(
    readings: list[Reading], letters: list[DeadLetter], gaps: list[Gap], declared: list[Declaration], run: Run | None
) -> None:
    batch = Batch("line-3", tuple(readings), tuple(letters), tuple(gaps), tuple(declared), run)
    assert decode(encode(batch)) == batch


def test_what_was_written_before_there_were_declarations_is_still_read() -> None:
    written = bytes.fromhex(BEFORE_DECLARATIONS)
    batch = decode(written)
    assert batch == Batch("c", (Reading("EM-01.energy", NOW, 1.5, None, None, 192, 0, 0, NOW),), (), ())


NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
BEFORE_DECLARATIONS = (
    "4542017d7642899da16391ac454d2d30312e656e65726779910091cf00064c07a65f280091cb3ff800000000000091ccc0910091009"
    "1cf00064c07a65f280080809090"
)
WHOLE = encode(
    Batch(
        "c",
        [Reading("EM-01.energy", NOW, 1.5, Decimal("1.5"), None, 192, 0, 0, NOW)],
        [DeadLetter(UUID(int=1), "c", None, "r", "d", "s", b"p", NOW)],
    )
)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (b"", "too few"),
        (WHOLE[:6], "too few"),
        (WHOLE[:-1], "checksum"),
        (WHOLE[:20] + bytes([WHOLE[20] ^ 1]) + WHOLE[21:], "checksum"),
        (b"XX" + WHOLE[2:], "begins with"),
        (WHOLE[:2] + b"\x02" + WHOLE[3:], "version"),
        (b"\x00" * len(WHOLE), "begins with"),
    ],
)
def test_damage_is_told_and_never_read_as_data(damaged: bytes, said: str) -> None:
    with pytest.raises(SpoolDamagedError, match=said):
        decode(damaged)


def test_a_batch_of_500_readings_stays_small() -> None:
    readings = [Reading("EM-01.active_power", NOW, 12.5 * i, None, None, 192, 0, 0, NOW) for i in range(500)]
    assert len(encode(Batch("c", readings))) / 500 < 40
