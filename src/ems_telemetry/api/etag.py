"""States of things, as HTTP names them (RFC 9110, sections 8.8.3 and 13): read only what changed, change only what was seen."""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Header
from starlette.responses import Response

from ems_telemetry.api.problem import ApiError, ProblemType

ANY: Final = "*"
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match", description="States that the client holds (ETag); of these only that nothing changed is told."
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The state that the change is of, as the ETag of the thing when it was read."),
]
_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def etag_of(id_: object, revision: object) -> str:
    """Names a state of a thing: strong, so that equal names mean equal bytes in each format.

    Args:
        id_: what the thing is called among its kind.
        revision: what changes whenever it does.
    """
    said = f"{id_}\x00{revision}".encode()
    return f'"{hashlib.sha256(said).hexdigest()[:32]}"'


def tagged(etag: str) -> Mapping[str, str]:
    """Gives the headers of an answer that is worth keeping until it changes."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def not_modified(if_none_match: str | None, etag: str) -> Response | None:
    """Gives the answer to who holds this state already; None to others. States are compared weakly, as RFC 9110 has it."""
    if if_none_match is None:
        return None
    held = if_none_match.strip() == ANY or etag in {tag for _, tag in _TAG.findall(if_none_match)}
    return Response(status_code=304, headers=dict(tagged(etag))) if held else None


def check_match(if_match: str | None, etag: str) -> None:
    """Refuses a change that does not say of which state it is, or is of another one than now.

    Raises:
        ApiError: 428, the header is missing; 412, it names another state. A weak one matches none.
    """
    if if_match is None:
        detail = "say by the header If-Match which state the change is of: the ETag that came when it was read"
        raise ApiError(ProblemType.PRECONDITION_REQUIRED, detail)
    if if_match.strip() != ANY and etag not in {tag for weak, tag in _TAG.findall(if_match) if not weak}:
        detail = "it was changed since the state that If-Match names; read it again, and see whether the change still fits"
        raise ApiError(ProblemType.PRECONDITION_FAILED, detail, headers={"ETag": etag})
