import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.evidence.sampling import sample

pytestmark = pytest.mark.unit

IDS = [f"R-{number:04}" for number in range(1, 11)]


def test_cr_52_sample() -> None:
    assert sample("2026-Q1-audit", IDS, 3) == ("R-0009", "R-0004", "R-0001")


@given(st.text(max_size=5), st.lists(st.text("abc", max_size=3)), st.integers(0, 5), st.randoms())
def test_order_and_repetition_of_records_do_not_matter(seed: str, ids: list[str], count: int, random: object) -> None:
    drawn = sample(seed, ids, count)
    again = [*ids, *ids]
    random.shuffle(again)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert sample(seed, again, count) == drawn
    assert len(drawn) == min(count, len(set(ids)))


@given(st.text(max_size=5), st.integers(0, 9))
def test_a_larger_sample_begins_with_the_smaller(seed: str, count: int) -> None:
    assert sample(seed, IDS, count + 1)[:count] == sample(seed, IDS, count)
