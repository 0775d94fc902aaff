"""Whether the service can do its work now, check by check, in words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the service needs. `detail` says how it stands, in words, without any secret: it is shown to everybody."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """All checks of one moment; `ready` is what a load balancer acts on."""

    ready: bool
    checks: tuple[Check, ...]
