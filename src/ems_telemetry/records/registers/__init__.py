"""The registers there are: one table from the kind of fact to what may be said of it, and who may say it."""

from collections.abc import Mapping
from typing import Final

from ems_telemetry.records.registers import (
    adjustments,
    exceedances,
    holds,
    instruments,
    obligations,
    operations,
    planning,
)
from ems_telemetry.records.registers.register import Body, Dated, Register, check_body

__all__ = ["REGISTERS", "Body", "Dated", "Register", "check_body"]

REGISTERS: Final[Mapping[str, Register]] = {
    register.kind: register
    for register in (
        *planning.REGISTERS,
        *adjustments.REGISTERS,
        *obligations.REGISTERS,
        *exceedances.REGISTERS,
        *instruments.REGISTERS,
        *holds.REGISTERS,
        *operations.REGISTERS,
    )
}
"""Every register by its kind."""
