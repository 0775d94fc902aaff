"""Requests with an `Idempotency-Key`: done once, and answered alike each time they are sent."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Request
from starlette.responses import Response

from ems_telemetry.api.caller import Caller
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.storage.database import Connection, Database
from ems_telemetry.storage.idempotency import InProgressError, KeyReusedError, Once, StoredAnswer, idempotent

REPLAYED: Final = "Idempotency-Replayed"
AGAIN_AFTER_S: Final = 1

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Any word of the client: the same request with the same word is done once, however often it is sent.",
    ),
]


@dataclass(frozen=True, slots=True)
class Sending:
    """A request as it was sent, with the word of the client if there is one."""

    request: Request
    key: str | None

    async def answer(
        self, database: Database, caller: Caller, do: Callable[[Connection], Awaitable[tuple[int, bytes]]]
    ) -> Response:
        """Does the request once; see `answer_once`."""
        return await answer_once(database, await once_of(self.request, caller, self.key), do)


async def _sending(request: Request, idempotency_key: IdempotencyKey = None) -> Sending:
    return Sending(request, idempotency_key)


Sent = Annotated[Sending, Depends(_sending)]
"""What operations that are done once take, beside their caller."""


async def once_of(request: Request, caller: Caller, key: str | None) -> Once | None:
    """Gives what makes a request the same as another: who sends it, their word, and method, path, query and body.

    Without a word each request is one of its own.
    """
    if key is None:
        return None
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), request.url.query.encode(), await request.body()):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return Once(caller.id, key, digest.digest())


async def answer_once(
    database: Database, once: Once | None, do: Callable[[Connection], Awaitable[tuple[int, bytes]]]
) -> Response:
    """Does a request in one transaction with the keeping of its answer, or gives the answer that was kept.

    Args:
        database: where the change is made.
        once: what `once_of` gave.
        do: makes the change by the connection it is given, and gives the status and the JSON of the answer.

    Raises:
        ApiError: 409, the word stands for another request, or the request is being done; or what `do` raises, and then
            nothing is changed or kept.
    """
    try:
        async with database.connection() as connection, idempotent(connection, once) as turn:
            if turn.stored is not None:
                return _again(turn.stored)
            status, body = await do(connection)
            turn.keep(status, body)
    except KeyReusedError:
        detail = "another request was sent with this Idempotency-Key; use a new one for each"
        raise ApiError(ProblemType.CONFLICT, detail) from None
    except InProgressError:
        detail = f"the same request is being done; ask again in {AGAIN_AFTER_S} s for what came of it"
        raise ApiError(ProblemType.IN_PROGRESS, detail, headers={"Retry-After": str(AGAIN_AFTER_S)}) from None
    return Response(body, status, media_type="application/json")


def _again(stored: StoredAnswer) -> Response:
    if stored.body is None:
        detail = f"this was done before and answered with {stored.status}; the answer was too large to be kept"
        raise ApiError(ProblemType.CONFLICT, detail, headers={REPLAYED: "true"})
    return Response(stored.body, stored.status, {REPLAYED: "true"}, media_type="application/json")
