"""Exact arithmetic of the rules: decimals all the way, and one rounding, where a figure becomes a record.

Every public function of this room that divides or takes a root runs under `exactly`, so that no caller's context decides
about its digits.
"""

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import wraps
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

EXACTLY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""What is computed with: sums of 64-bit counters with twenty decimals lose nothing."""
KEPT: Final = Context(prec=28, rounding=ROUND_HALF_EVEN)
"""What is kept of a figure that has no end, as a third."""
ZERO: Final = Decimal(0)
HUNDRED: Final = Decimal(100)


def exactly(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function compute with sixty digits, whatever context its caller has."""

    @wraps(function)
    def computed(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(EXACTLY):
            return function(*args, **kwargs)

    return computed


@exactly
def mean(values: Sequence[Decimal]) -> Decimal:
    """Gives the arithmetic mean of one value or more."""
    return sum(values, ZERO) / len(values)


@exactly
def sample_deviation(values: Sequence[Decimal]) -> Decimal:
    """Gives the standard deviation of a sample of two values or more, divided by n - 1."""
    middle = mean(values)
    return (sum(((value - middle) ** 2 for value in values), ZERO) / (len(values) - 1)).sqrt()


@exactly
def nearest_rank(values: Sequence[Decimal], percentile: Decimal) -> Decimal:
    """Gives a percentile above 0 and up to 100 of one value or more by nearest rank: a value that is there, never one between.

    It is the least value that at least so many percent of the values do not exceed; of 1 to 10 the 90th is 9.
    """
    rank = (percentile * len(values) / HUNDRED).to_integral_value(ROUND_CEILING)
    return sorted(values)[int(rank) - 1]


@exactly
def percent_of(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """Gives the share of a whole that is not zero, in percent."""
    return HUNDRED * Decimal(part) / Decimal(whole)


def settle(value: Decimal) -> Decimal:
    """Rounds a figure that has no end to what is kept; what has at most 28 digits stays as it is, however large."""
    return KEPT.plus(value) if len(value.as_tuple().digits) > KEPT.prec else value


def digits(value: Decimal) -> str:
    """Writes a decimal without exponent and without zeros at its end: equal numbers give equal words."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text
