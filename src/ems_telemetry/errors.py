"""The tree of errors. What callers need to know is whether trying again can help.

EmsTelemetryError
├── ConfigurationError          the files or the command line are wrong; carries every problem with its place
├── TransientError              the same call may succeed later
│   ├── ConnectionLostError     an endpoint or the database is out of reach
│   ├── SpoolFullError          the spool has reached its size; nothing was stored
│   ├── LockedError             somebody else holds what is needed in the database, for longer than is waited
│   └── DatabaseNotReadyError   no database yet, or its schema is not the one this version needs
└── PermanentError              trying again cannot help
    ├── RejectedByDatabaseError the database refuses these rows
    ├── SpoolDamagedError       the spool's file cannot be read
    ├── EndpointRefusedError    an endpoint answers and says no: credentials, certificate, protocol
    ├── SchemaError             a migration changed, is missing, or failed
    └── CannotComputeError      a figure lacks what its rule needs
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class EmsTelemetryError(Exception):
    """Root of all errors this package raises on purpose."""


class TransientError(EmsTelemetryError):
    """The same call may succeed later."""


class PermanentError(EmsTelemetryError):
    """Trying the same again cannot help."""


class ConnectionLostError(TransientError):
    """An endpoint or the database is out of reach."""


class SpoolFullError(TransientError):
    """The spool has reached its size; nothing of the batch was stored."""


class LockedError(TransientError):
    """Somebody else holds what is needed in the database, for longer than is waited."""


class DatabaseNotReadyError(TransientError):
    """There is no database yet, or its schema is not the one this version needs."""


class RejectedByDatabaseError(PermanentError):
    """The database refuses these rows, however often they are sent."""


class SpoolDamagedError(PermanentError):
    """The spool's file cannot be read; it is left where it is."""


class EndpointRefusedError(PermanentError):
    """An endpoint answers and says no: credentials, certificate or protocol."""


class SchemaError(PermanentError):
    """A migration was changed after it ran, is missing, or failed."""


class CannotComputeError(PermanentError):
    """A figure cannot be computed from what there is; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in the configuration, with its place; `str()` gives `file:line: what`."""

    file: Path | None
    line: int | None
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{place}: {self.message}" if place else self.message


class ConfigurationError(EmsTelemetryError):
    """The configuration is wrong. Holds all problems found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
