"""Facts stated and decided about over REST: what is checked before, and what a client is told where it does not hold."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from starlette.responses import Response

from ems_telemetry.api.caller import Caller
from ems_telemetry.api.problem import ApiError, ProblemType, wrong_parameter
from ems_telemetry.api.register_items import written
from ems_telemetry.api.services import ApiServices
from ems_telemetry.records.registering import stating
from ems_telemetry.records.registering.calibrating import ContradictionError
from ems_telemetry.records.registering.completing import complete
from ems_telemetry.records.registering.stating import NotAllowedNowError, SecondPersonError
from ems_telemetry.records.registers import Dated, Register
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, EntryTakenError, NewEntry, read_entries
from ems_telemetry.storage.outbox import read_webhook_secret
from ems_telemetry.storage.point_facts import PointFacts, read_facts, read_meter_sites

Stated: TypeAlias = Any
"""What `stated_model` makes; its fields are only known at run time."""


async def find_revisions(
    services: ApiServices, register: Register, caller: Caller, id_: str, as_of: datetime | None
) -> list[EntryRow]:
    """Gives the revisions of a fact that the caller may see.

    Raises:
        ApiError: 404.
    """
    async with services.database.connection() as connection:
        rows = await read_entries(connection, EntryFilter(register.kind, as_of=as_of, sites=caller.sites, id=id_))
    if not rows:
        raise ApiError(ProblemType.NOT_FOUND, f'there is no {register.kind} "{id_}"')
    return rows


def _overtaken(newest: int) -> ApiError:
    detail = f"it was changed meanwhile; its newest revision is {newest}: read it, then decide whether yours still holds"
    return ApiError(ProblemType.PRECONDITION_FAILED, detail)


async def state_entry(
    services: ApiServices,
    caller: Caller,
    register: Register,
    id_: str,
    said: Stated,
    *,
    follows: int,
) -> Response:
    """States a fact for the first time, or as the revision that follows one.

    Raises:
        ApiError: 403, 409, 412 or 422, in words.
    """
    if said.site is None:
        caller.check_whole(f"a {register.kind} without a site")
    caller.check_site(said.site)
    since, until = _span(register, said)
    new = NewEntry(register.kind, id_, said.site, since, until, stating.content_of(said.body), said.reason)
    async with services.database.connection() as connection:
        await _check_points(connection, register, said)
        try:
            new = await complete(connection, new)
            row = await stating.state(connection, caller.actor, register, new, services.clock.now(), follows)
        except ContradictionError as error:
            raise wrong_parameter(f"body.{error.field}", error.value, str(error)) from error
        except EntryTakenError as error:
            if follows:
                raise _overtaken(error.newest) from error
            return await _stated_before(connection, register, new, caller)
        secret = await read_webhook_secret(connection, id_) if register.has_secret and not follows else None
    return written(register, row, 200 if follows else 201, secret)


async def _stated_before(connection: Connection, register: Register, new: NewEntry, caller: Caller) -> Response:
    """Answers who states something for the second time: with what is kept, if it is the same."""
    first = await stating.find_revision(connection, register.kind, new.id, 1)
    same = first is not None and (first.site, first.valid_from, first.valid_to) == new[2:5]
    same = same and first is not None and stating.says(first.body) == stating.says(new.body)
    if first is None or not same or first.author != caller.id:
        raise ApiError(
            ProblemType.CONFLICT, f'there is a {register.kind} "{new.id}" already; revise it with PUT, or choose another id'
        )
    return written(register, first)


def _span(register: Register, said: Stated) -> tuple[datetime | None, datetime | None]:
    since, until = register.span_of(said.body) or (said.valid_from, said.valid_to)
    if register.dated is Dated.MOMENT and since is None and not register.untimed:
        raise wrong_parameter("valid_from", None, "say when it happened")
    if since is not None and until is not None and since >= until:
        raise wrong_parameter("valid_to", until.isoformat(), "is not after valid_from; nothing lies between them")
    return since, until


async def _check_points(connection: Connection, register: Register, said: Stated) -> None:
    points: Sequence[str] = register.points_of(said.body)
    if points:
        facts = await read_facts(connection, list(points))
        _check_known("point", points, {point.key: point.site for point in facts}, said.site)
        _check_units(register, said, facts)
    meters: Sequence[str] = register.meters_of(said.body)
    if meters:
        _check_known("meter", meters, await read_meter_sites(connection, meters), said.site)


def _check_known(what: str, names: Iterable[str], known: Mapping[str, str], site: str | None) -> None:
    for name in names:
        if known.get(name) != site and (name not in known or site is not None):
            raise wrong_parameter(what, name, f"there is no such {what} at {site}" if site else f"there is no such {what}")


def _check_units(register: Register, said: Stated, facts: Iterable[PointFacts]) -> None:
    units: Mapping[str, str] = register.units_of(said.body)
    for point in facts:
        if units.get(point.key, point.unit) != point.unit:
            detail = f"is not the unit of {point.key}, which is {point.unit}; word it in that"
            raise wrong_parameter("unit", units[point.key], detail)


async def decide_entry(
    services: ApiServices, caller: Caller, register: Register, which: tuple[str, int], what: tuple[str, str]
) -> Response:
    """Approves, rejects or voids a revision.

    Args:
        services: of the application.
        caller: whose decision it is.
        register: the kind of fact.
        which: its name and the revision.
        what: the decision and the reason.

    Raises:
        ApiError: 403, 404 or 409, in words.
    """
    rows = await find_revisions(services, register, caller, which[0], None)
    row = next((row for row in rows if row.revision == which[1]), None)
    if row is None:
        raise ApiError(ProblemType.NOT_FOUND, f'{register.kind} "{which[0]}" has no revision {which[1]}')
    if row.site is None:
        caller.check_whole(f"a {register.kind} without a site")
    async with services.database.connection() as connection:
        try:
            decided = await stating.decide(connection, caller.actor, row, what[0], what[1], services.clock.now())
        except SecondPersonError as error:
            raise ApiError(ProblemType.FORBIDDEN, str(error)) from error
        except NotAllowedNowError as error:
            raise ApiError(ProblemType.CONFLICT, str(error)) from error
    return written(register, decided)
