"""The registers there are: one table from the kind of fact to what may be said of it, and who may say it."""

from collections.abc import Mapping
from typing import Final

from ems_telemetry.records.registers import (
    adjustments,
    by_hand,
    exceedances,
    exports,
    factors,
    holds,
    instruments,
    obligations,
    operations,
    planning,
    webhooks,
)
from ems_telemetry.records.registers.register import Body, Dated, Number, Register, check_body

__all__ = ["REGISTERS", "Body", "Dated", "Number", "Register", "check_body"]

REGISTERS: Final[Mapping[str, Register]] = {
    register.kind: register
    for register in (
        *planning.REGISTERS,
        *adjustments.REGISTERS,
        *obligations.REGISTERS,
        *exceedances.REGISTERS,
        *instruments.REGISTERS,
        *holds.REGISTERS,
        *factors.REGISTERS,
        *by_hand.REGISTERS,
        *operations.REGISTERS,
        *webhooks.REGISTERS,
        *exports.REGISTERS,
    )
}
"""Every register by its kind."""
