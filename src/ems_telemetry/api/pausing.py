"""What is answered while writing to the database is paused: operations that change tables are refused, the others go on."""

from contextlib import ExitStack
from typing import Final

from fastapi import Request
from starlette.types import Scope

from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.services import services_of

READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
WHILE_PAUSED: Final = {
    "pause_writes": "it is what pauses",
    "resume_writes": "it is what ends the pause",
    "reload": "the files are read anew; the database is told when writing goes on",
    "import_readings": "readings go into the spool, and what the audit trail is told of them with them",
    "evaluate": "keeps nothing",
    "recompute_record": "compares, and keeps nothing",
}
"""The operations with a body, by name, that change no table themselves, and why they go on."""


WRITING: Final = "writing"
"""Where a request that changes tables keeps what is to be left when it is answered."""


def begin_writing(request: Request) -> None:
    """Refuses an operation that changes tables while writing is paused; otherwise a pause waits until it is answered.

    Raises:
        ApiError: 503, who paused it and what to do.
    """
    name = getattr(request.scope.get("route"), "name", None)
    if request.method in READING_METHODS or name in WHILE_PAUSED:
        return
    pause = services_of(request).paused()
    if pause is not None:
        detail = (
            f"writing to the database is paused by {pause.by} since {pause.since:%Y-%m-%d %H:%M:%S} UTC; nothing was changed. "
        )
        raise ApiError(ProblemType.WRITES_PAUSED, f"{detail}Send it again once POST /api/v1/writes/resume was asked for")
    state = request.scope.setdefault("state", {})
    if WRITING not in state:
        inside = ExitStack()
        inside.enter_context(services_of(request).writing())
        state[WRITING] = inside


def end_writing(scope: Scope) -> None:
    """Leaves what a request has entered, if it has."""
    inside = scope.get("state", {}).pop(WRITING, None)
    if inside is not None:
        inside.close()
