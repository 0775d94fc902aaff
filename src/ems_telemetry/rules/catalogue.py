"""Things that are looked up by name, as versioned profiles: a name that is not known is refused with the nearest that is."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from ems_telemetry.errors import CannotComputeError

T = TypeVar("T")


def look_up(known: Mapping[str, T], name: str, what: str) -> T:
    """Gives what a name stands for.

    Args:
        known: everything there is, by name.
        name: the name as somebody wrote it.
        what: what is named, for the message: `limit set`.

    Raises:
        CannotComputeError: nothing has this name; the message gives the nearest one, or all.
    """
    if name in known:
        return known[name]
    lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), lower, n=1)
    remedy = f"did you mean {lower[near[0]]}?" if near else f"known are {', '.join(known)}"
    raise CannotComputeError(f'{what} "{name}" is not known; {remedy}')
