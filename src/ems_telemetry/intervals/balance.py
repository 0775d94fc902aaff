"""A main meter against its sub-meters: what is left over, and whether their uncertainty explains it."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import NamedTuple

from ems_telemetry.intervals.counter import EXACTLY


class Verdict(StrEnum):
    """What the residual says."""

    OK = "ok"
    UNMETERED = "unmetered"
    """More went through the main meter than the sub-meters saw."""
    NEGATIVE = "negative"
    """The sub-meters saw more than went through the main meter."""


class Metered(NamedTuple):
    """An amount, None where it is not known, and its uncertainty in percent of it."""

    amount: Decimal | None
    uncertainty_percent: Decimal = Decimal(0)


class Balance(NamedTuple):
    """What is left over, in the unit of the amounts and in percent of the main meter's.

    `uncertainty` is the standard one of the residual; twice that, or the tolerance, is the limit of the verdict. All are None
    where an amount is not known, and `residual_percent` also where the main meter counted nothing.
    """

    residual: Decimal | None
    residual_percent: Decimal | None
    uncertainty: Decimal | None
    verdict: Verdict | None


def balance_of(main: Metered, subs: Sequence[Metered], tolerance: Decimal | None = None) -> Balance:
    """Balances a main meter against its sub-meters.

    Args:
        main: what went through the main meter.
        subs: what went through the meters behind it, each counted once.
        tolerance: how large a residual may be, in the unit of the amounts, in the place of twice the uncertainty.
    """
    with localcontext(EXACTLY):
        amounts = [sub.amount for sub in subs if sub.amount is not None]
        if main.amount is None or len(amounts) < len(subs):
            return Balance(None, None, None, None)
        residual = main.amount - sum(amounts, Decimal(0))
        percent = residual * 100 / main.amount if main.amount else None
        squares = ((each.amount or 0) * each.uncertainty_percent / 100 for each in (main, *subs))
        uncertainty = sum((square * square for square in squares), Decimal(0)).sqrt()
        return Balance(residual, percent, uncertainty, _judge(residual, 2 * uncertainty if tolerance is None else tolerance))


def _judge(residual: Decimal, limit: Decimal) -> Verdict:
    if abs(residual) <= limit:
        return Verdict.OK
    return Verdict.UNMETERED if residual > 0 else Verdict.NEGATIVE
