"""Movements of waste: what was weighed, what it is called, where it went, and how long it may be stored (CR-49)."""

import re
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import digits, exactly
from ems_telemetry.rules.masses import Mass, kilograms

_CODE: Final = re.compile(r"(\d\d) ?(\d\d) ?(\d\d) ?(\*?)", re.ASCII)
_CHAPTERS: Final = 20
_OPERATION: Final = re.compile(r"([RD])([1-9]\d?)", re.ASCII)


class WasteCode(NamedTuple):
    """An entry of the European List of Waste (Decision 2000/532/EC), as `15 02 02*`; the asterisk marks hazardous waste."""

    digits: str
    hazardous: bool

    def __str__(self) -> str:
        return f"{self.digits[:2]} {self.digits[2:4]} {self.digits[4:]}" + ("*" if self.hazardous else "")


class Treatment(StrEnum):
    """What becomes of waste, and how many operations are listed (Directive 2008/98/EC, annexes I and II)."""

    RECOVERY = "R"
    DISPOSAL = "D"


_LISTED: Final = {Treatment.RECOVERY: 13, Treatment.DISPOSAL: 15}


class Operation(NamedTuple):
    """An operation of recovery, R1 to R13, or of disposal, D1 to D15."""

    treatment: Treatment
    number: int

    def __str__(self) -> str:
        return f"{self.treatment}{self.number}"


@exactly
def net_kg(gross: Mass, tare: Mass) -> Decimal:
    """Gives what was moved, kg: gross - tare, each in a unit of its own.

    Raises:
        CannotComputeError: a unit is none of mass, a weight is negative, or the tare is the greater one.
    """
    gross_kg, tare_kg = kilograms(gross), kilograms(tare)
    if tare_kg < 0:
        raise CannotComputeError(f"the tare is {digits(tare.value)} {tare.unit}; it cannot be negative")
    if tare_kg > gross_kg:
        raise CannotComputeError(
            f"the tare of {digits(tare.value)} {tare.unit} is greater than the gross weight of "
            f"{digits(gross.value)} {gross.unit}; are they exchanged?"
        )
    return gross_kg - tare_kg


def waste_code(text: str) -> WasteCode:
    """Reads a code of the List of Waste, with or without blanks; its form is checked, not whether the list has it.

    Raises:
        CannotComputeError: it has not six digits, or its chapter is none of 01 to 20.
    """
    found = _CODE.fullmatch(text.strip())
    if found is None or not 1 <= int(found[1]) <= _CHAPTERS:
        raise CannotComputeError(
            f'"{text}" is no code of the List of Waste: six digits, chapter 01 to {_CHAPTERS}, * for hazardous, as 15 02 02*'
        )
    return WasteCode(found[1] + found[2] + found[3], found[4] == "*")


def operation(text: str) -> Operation:
    """Reads a code of recovery or disposal.

    Raises:
        CannotComputeError: it is none of R1 to R13 and D1 to D15.
    """
    found = _OPERATION.fullmatch(text.strip())
    if found is not None:
        read = Operation(Treatment(found[1]), int(found[2]))
        if read.number <= _LISTED[read.treatment]:
            return read
    raise CannotComputeError(f'"{text}" is no operation on waste; say one of R1 to R13 or D1 to D15')


def storage_due(stored_since: date, days: int) -> date:
    """Gives the last day on which waste may be in store.

    Args:
        stored_since: the day its storage began.
        days: how long it may be stored, as the permit says.

    Raises:
        CannotComputeError: that is no time.
    """
    if days < 0:
        raise CannotComputeError(f"waste may be stored for {days} days; enter what the permit says")
    return stored_since + timedelta(days=days)


def stored_too_long(stored_since: date, days: int, today: date) -> bool:
    """Tells whether waste that is still in store should have left before a day."""
    return today > storage_due(stored_since, days)
