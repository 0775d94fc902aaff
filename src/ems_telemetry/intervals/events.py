"""What people declare of a meter, so that nobody has to guess why its register jumped."""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class EventType(StrEnum):
    """What happened to a meter or its register."""

    REPLACEMENT = "replacement"
    RESET = "reset"
    ROLLOVER = "rollover"
    RATIO_CHANGE = "ratio_change"


class MeterEvent(NamedTuple):
    """Something declared by a person: at `at_us` the register went from `final` to `initial`, both in the canonical unit.

    From then on the register's increments count `multiplier` times; None leaves that as it was, and it is 1 before the first
    event that says otherwise. What is not known of `final` and `initial` is None: the increment is then a lower bound, except
    that a reset begins at zero, a rollover goes from the modulus to zero, and a change of ratio leaves the register as it is.
    """

    at_us: int
    type: EventType
    final: Decimal | None = None
    initial: Decimal | None = None
    multiplier: Decimal | None = None
