"""Substances in stock: what the balance cannot account for, and the most that was stored against a threshold (CR-49)."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import digits, exactly, percent_of
from ems_telemetry.rules.masses import Mass, kilograms

_CAS: Final = re.compile(r"([1-9]\d{1,6})-(\d\d)-(\d)", re.ASCII)
_BASE: Final = 10


class Stock(NamedTuple):
    """What a period began with, got, used and ended with."""

    opening: Mass
    received: Mass
    used: Mass
    closing: Mass


class Unaccounted(NamedTuple):
    """What is not accounted for, kg and in percent of opening and received; the percentage is None where those are zero.

    It is negative where more was found than can be.
    """

    kg: Decimal
    percent: Decimal | None


class Stored(NamedTuple):
    """The most that was stored and the threshold, kg; as much as the threshold reaches it."""

    max_kg: Decimal
    threshold_kg: Decimal
    share_percent: Decimal
    reached: bool


@exactly
def unaccounted_of(stock: Stock) -> Unaccounted:
    """Balances a stock: opening + received - used - closing, each in a unit of its own.

    Raises:
        CannotComputeError: a unit is none of mass, or a mass is negative.
    """
    for what, mass in zip(Stock._fields, stock, strict=True):
        if mass.value < 0:
            raise CannotComputeError(f"{what} is {digits(mass.value)} {mass.unit}; it cannot be negative")
    opening_kg, received_kg, used_kg, closing_kg = map(kilograms, stock)
    available_kg = opening_kg + received_kg
    kg = available_kg - used_kg - closing_kg
    return Unaccounted(kg, percent_of(kg, available_kg) if available_kg else None)


@exactly
def stored_against(levels: Sequence[Mass], threshold: Mass) -> Stored:
    """Compares the most that was in store with a threshold, as the qualifying quantities of Directive 2012/18/EU.

    Args:
        levels: what was in store, each time it was told.
        threshold: greater than zero.

    Raises:
        CannotComputeError: there are no levels, no threshold, or a unit is none of mass.
    """
    if not levels:
        raise CannotComputeError("no level of the stock is known; what was stored is not zero but unknown")
    threshold_kg = kilograms(threshold)
    if threshold_kg <= 0:
        raise CannotComputeError(f"the threshold is {digits(threshold.value)} {threshold.unit}; enter one greater than zero")
    max_kg = max(map(kilograms, levels))
    return Stored(max_kg, threshold_kg, percent_of(max_kg, threshold_kg), max_kg >= threshold_kg)


def cas_number(text: str) -> str:
    """Reads a CAS Registry Number and proves its check digit: its other digits, weighed 1, 2, 3 from the right, modulo 10.

    Raises:
        CannotComputeError: it has not the form of one, or its check digit is another.
    """
    found = _CAS.fullmatch(text.strip())
    if found is None:
        raise CannotComputeError(f'"{text}" is no CAS number; it looks like 7732-18-5')
    weighed = sum(weight * int(digit) for weight, digit in enumerate(reversed(found[1] + found[2]), start=1))
    if weighed % _BASE != int(found[3]):
        raise CannotComputeError(f'"{text}" is no CAS number: its last digit should be {weighed % _BASE}; a digit is mistyped')
    return found[0]
