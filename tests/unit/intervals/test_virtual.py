"""Virtual meters: what expressions give over intervals."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.config.expressions import parse_expression
from ems_telemetry.intervals.interval import Interval, IntervalFlag
from ems_telemetry.intervals.virtual import evaluate
from ems_telemetry.model import Quality

pytestmark = pytest.mark.unit


def told(value: str | None, coverage: float = 1.0, quality: int = Quality.GOOD, flags: int = 0) -> Interval:
    exact = None if value is None else Decimal(value)
    return Interval(0, None if exact is None else float(exact), exact, None, None, 15, 15, coverage, quality, flags)


def test_a_virtual_meter_is_as_good_as_the_worst_of_its_inputs() -> None:
    expression = parse_expression("A.e + B.e - C.e")
    inputs = {
        "A.e": told("120"),
        "B.e": told("80", 0.8, Quality.UNCERTAIN, IntervalFlag.ESTIMATED),
        "C.e": told("30"),
    }
    result = evaluate(expression, inputs)
    assert (result.value, result.exact, result.coverage) == (170.0, Decimal(170), 0.8)
    assert (result.quality, result.flags) == (Quality.UNCERTAIN, IntervalFlag.ESTIMATED)
    missing = evaluate(expression, {**inputs, "A.e": told(None, 0.0, Quality.BAD, IntervalFlag.MISSING)})
    assert (missing.value, missing.exact, missing.coverage, missing.quality) == (None, None, 0.0, Quality.BAD)
    assert missing.flags & IntervalFlag.MISSING


def test_values_are_exact_and_quotients_rounded_once() -> None:
    inputs = {"A.e": told("0.1"), "B.e": told("0.2"), "C.e": told("0"), "D.e": told(None)._replace(value=15.4)}
    assert evaluate(parse_expression("A.e + B.e"), inputs).exact == Decimal("0.3")
    assert evaluate(parse_expression("A.e / 3 * 3"), inputs).exact == Decimal("0.1")
    assert evaluate(parse_expression("D.e * 1"), inputs).exact == Decimal("15.4")
    for nothing in ("A.e / C.e", "C.e / C.e"):
        result = evaluate(parse_expression(nothing), inputs)
        assert (result.value, result.quality, result.flags) == (None, Quality.BAD, IntervalFlag.MISSING)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A.e - B.e - B.e", "6"),
        ("A.e - (B.e - B.e)", "10"),
        ("A.e + B.e * 3", "16"),
        ("-A.e + 2 * -(B.e)", "-14"),
        ("A.e / B.e / 2.5", "2"),
        ("A.e+B.e * 1 kWh/Nm3", "12"),
        ("7A-1.x - 1.5", "0.5"),
    ],
)
def test_expressions_mean_what_they_do_on_paper(text: str, value: str) -> None:
    inputs = {"A.e": told("10"), "B.e": told("2"), "7A-1.x": told("2")}
    assert evaluate(parse_expression(text), inputs).exact == Decimal(value)


def test_intervals_of_different_times_are_refused() -> None:
    with pytest.raises(ValueError, match="one and the same time"):
        evaluate(parse_expression("A.e + B.e"), {"A.e": told("1"), "B.e": told("1")._replace(start_us=900)})
    with pytest.raises(ValueError, match="of all its points"):
        evaluate(parse_expression("A.e + B.e"), {"A.e": told("1")})


LEAVES = st.sampled_from(["A.e", "B-1.e_2", "3", "0.25"])
TEXTS = st.recursive(
    LEAVES,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(
        lambda part: f"({part[0]} {part[1]} {part[2]})"
    ),
    max_leaves=12,
)


@given(TEXTS, st.decimals(-1000, 1000, places=3), st.decimals(-1000, 1000, places=3))
def test_expressions_give_what_arithmetic_gives(text: str, one: Decimal, other: Decimal) -> None:
    inputs: Mapping[str, Interval] = {"A.e": told(str(one)), "B-1.e_2": told(str(other))}
    expression = parse_expression(f"{text} + 0 * A.e")
    python = text.replace("A.e", "a").replace("B-1.e_2", "b").replace("0.25", "q").replace("3", "t")
    names = {"a": one, "b": other, "q": Decimal("0.25"), "t": Decimal(3), "__builtins__": {}}
    expected = eval(python, names)  # noqa: S307  the text is made above
    assert evaluate(expression, inputs).exact == pytest.approx(expected, rel=Decimal("1e-25"), abs=Decimal("1e-25"))
