"""Every error of the API as a problem document (RFC 9457), in words for the person who has to mend it.

What went wrong inside the service stays there: the log has it, the answer does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
LONGEST_ECHO = 80


class ProblemType(Enum):
    """The kinds of problem there are: the last word of `type`, the status, and the title."""

    BAD_REQUEST = ("bad-request", HTTPStatus.BAD_REQUEST, "The request cannot be understood")
    UNAUTHENTICATED = ("unauthenticated", HTTPStatus.UNAUTHORIZED, "A key is needed")
    FORBIDDEN = ("forbidden", HTTPStatus.FORBIDDEN, "The key does not allow this")
    NOT_FOUND = ("not-found", HTTPStatus.NOT_FOUND, "There is no such thing")
    METHOD_NOT_ALLOWED = ("method-not-allowed", HTTPStatus.METHOD_NOT_ALLOWED, "This cannot be done here")
    CONFLICT = ("conflict", HTTPStatus.CONFLICT, "This was done before")
    TOO_LARGE = ("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too much at once")
    NOT_ACCEPTABLE = ("not-acceptable", HTTPStatus.NOT_ACCEPTABLE, "No such format")
    CONFIGURATION_REFUSED = ("configuration-refused", HTTPStatus.CONFLICT, "The configuration files are wrong")
    INVALID_PARAMETER = ("invalid-parameter", HTTPStatus.UNPROCESSABLE_ENTITY, "A parameter is wrong")
    IN_PROGRESS = ("in-progress", HTTPStatus.CONFLICT, "The same request is being done")
    PRECONDITION_FAILED = ("precondition-failed", HTTPStatus.PRECONDITION_FAILED, "It was changed meanwhile")
    PRECONDITION_REQUIRED = ("precondition-required", HTTPStatus.PRECONDITION_REQUIRED, "Say which state you saw")
    TOO_MANY_REQUESTS = ("too-many-requests", HTTPStatus.TOO_MANY_REQUESTS, "Too many requests")
    ISSUER_UNAVAILABLE = ("issuer-unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The issuer of the token does not answer")
    DATABASE_UNAVAILABLE = ("database-unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer")
    WRITES_PAUSED = ("writes-paused", HTTPStatus.SERVICE_UNAVAILABLE, "Writing to the database is paused")
    NOT_READY = ("not-ready", HTTPStatus.SERVICE_UNAVAILABLE, "The service is not ready")
    INTERNAL = ("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed")

    def __init__(self, word: str, status: HTTPStatus, title: str) -> None:
        self.word = word
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        """The public, stable name of the problem."""
        return f"urn:ems-telemetry:problem:{self.word}"


@dataclass(frozen=True, slots=True)
class WrongParameter:
    """One parameter that is wrong: its name, what was said (None where it is not to be repeated), and what is allowed."""

    parameter: str
    value: str | None
    detail: str


class ApiError(Exception):
    """Raised wherever a request cannot be answered; becomes the problem document."""

    def __init__(
        self,
        type_: ProblemType,
        detail: str,
        *,
        errors: Sequence[WrongParameter] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.type = type_
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})

    def to_response(self, instance: str) -> Response:
        """Writes the problem document. `instance` is the path that was asked for, without its query."""
        body: dict[str, Any] = {
            "type": self.type.uri,
            "title": self.type.title,
            "status": int(self.type.status),
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            body["errors"] = self.errors
        body |= self.extensions
        return Response(msgspec.json.encode(body), self.type.status, self.headers, media_type=MEDIA_TYPE)


class ParameterProblem(BaseModel):
    """One parameter that is wrong."""

    parameter: str = Field(description="Its name, as in the URL.", examples=["limit"])
    value: str | None = Field(description="What was said.", examples=["20000"])
    detail: str = Field(description="What is allowed.", examples=["should be less than or equal to 10000"])


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="Which kind of problem; stable.", examples=["urn:ems-telemetry:problem:invalid-parameter"])
    title: str = Field(description="The kind in words.", examples=["A parameter is wrong"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(
        description="What went wrong this time.", examples=['limit: "20000" should be less than or equal to 10000']
    )
    instance: str = Field(description="The path that was asked for.", examples=["/api/v1/points"])
    errors: list[ParameterProblem] = Field(default=[], description="Each parameter that is wrong.")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The nearest thing that exists to one that does not; `str()` gives the end of a sentence, or nothing."""

    word: str
    known: Sequence[str] = field(repr=False)

    def __str__(self) -> str:
        by_folded = {known.casefold(): known for known in self.known}
        near = get_close_matches(self.word.casefold(), by_folded, n=1, cutoff=0.5)
        return f'; did you mean "{by_folded[near[0]]}"?' if near else ""


def wrong_parameters(errors: Sequence[WrongParameter]) -> ApiError:
    """Makes one problem of everything that is wrong with a request's parameters."""
    return ApiError(ProblemType.INVALID_PARAMETER, "; ".join(_sentence(error) for error in errors), errors=errors)


def wrong_parameter(parameter: str, value: str | None, detail: str) -> ApiError:
    """Makes the problem of one wrong parameter."""
    return wrong_parameters([WrongParameter(parameter, None if value is None else shorten(value), detail)])


def shorten(text: str) -> str:
    """Cuts what a client sent to a length that can be repeated to it."""
    return text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"


def _sentence(error: WrongParameter) -> str:
    return f"{error.parameter}: {error.detail}" if error.value is None else f'{error.parameter}: "{error.value}" {error.detail}'
