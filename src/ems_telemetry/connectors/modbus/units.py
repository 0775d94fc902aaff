"""Units as a scan finds them, and how people write which ones to ask."""

from collections.abc import Sequence
from dataclasses import dataclass, field

LAST_UNIT = 255


@dataclass(slots=True)
class FoundUnit:
    """A unit that answers, and what is known of it."""

    unit_id: int
    says: dict[str, str] = field(default_factory=dict)
    """What it says of itself, as vendor, product code, serial number."""
    models: Sequence[int] = ()
    """Its SunSpec models; empty for other devices."""
    profiles: Sequence[str] = ()
    """Profiles whose identity it shows; of those without identity registers, those whose known value is in its range."""
    proved: bool = False
    """True if it said which model it is, false if only a value fits."""


def units_of(text: str) -> Sequence[int]:
    """Reads `1-247`, `1,2,10-20`.

    Raises:
        ValueError: in words for the person who wrote it.
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        ids = range(int(first), int(last or first) + 1) if first.isdecimal() and (last or first).isdecimal() else range(0)
        if not ids or ids[-1] > LAST_UNIT:
            raise ValueError(f'"{part.strip()}" names no units; write ids from 0 to {LAST_UNIT}, as 1-247 or 1,2,10-20')
        found |= dict.fromkeys(ids)
    return tuple(found)
