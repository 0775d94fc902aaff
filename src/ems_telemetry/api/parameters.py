"""What may stand after the `?`: checked by type, closed to names that are not known, refused in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from ems_telemetry.api.format import Format
from ems_telemetry.api.problem import ApiError, Suggestion, WrongParameter, shorten, wrong_parameters
from ems_telemetry.api.times import parse_time
from ems_telemetry.model import Medium
from ems_telemetry.storage.reading import BEGINNING, END, Span

LIMIT_DEFAULT = 1_000
LIMIT_MAX = 10_000
Time: TypeAlias = Annotated[datetime, BeforeValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A word to compare with; PostgreSQL's text cannot hold every character a URL can."""


class Order(StrEnum):
    """Which end of the span comes first."""

    ASC = "asc"
    DESC = "desc"


class Query(BaseModel):
    """The parameters of one operation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ListQuery(Query):
    """What every list takes."""

    format: Format | None = Field(default=None, description="`json`, `csv`, `ndjson`, `parquet`; wins over the header Accept.")

    @property
    def filters(self) -> dict[str, str]:
        """What decides which items are listed, as it was asked for; a cursor holds only together with the same."""
        asked = self.model_dump(by_alias=True, exclude_none=True, exclude={"format", "limit", "cursor"})
        return {name: str(value) for name, value in asked.items()}


class PageQuery(ListQuery):
    """What every list that comes in pages takes."""

    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="How many items at most.")
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = Field(
        default=None, description="Where to go on: `next` of the page before, with the same filters."
    )


class SpannedQuery(ListQuery):
    """Lists over time take a half-open span."""

    from_: Time | None = Field(default=None, alias="from", description="RFC 3339 with zone; this time is within the span.")
    to: Time | None = Field(default=None, description="RFC 3339 with zone; this time is no longer within the span.")

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise PydanticCustomError("empty_span", "is not before `to`; nothing lies between them")
        return self

    @property
    def span(self) -> Span:
        """The times asked for."""
        return Span(self.from_ or BEGINNING, self.to or END)


class SpanQuery(SpannedQuery, PageQuery):
    """Those that come in pages too."""


_SITE = Field(default=None, description="Only what stands at this site.", examples=["BER1"])
_METER = Field(default=None, description="Only what belongs to this meter.", examples=["EM-01"])
_POINT = Field(default=None, description="Only what belongs to this point.", examples=["EM-01.energy_import"])
_REASON = Field(default=None, description="Only those with this reason.", examples=["payload_unreadable"])
_CONNECTOR = Field(default=None, description="Only what came through this connector.", examples=["hall-1-switchboard"])


class MetersQuery(PageQuery):
    """The filters of meters."""

    site: Name | None = _SITE
    medium: Medium | None = Field(default=None, description="Only meters of this medium.")


class PointsQuery(PageQuery):
    """The filters of points."""

    site: Name | None = _SITE
    meter: Name | None = _METER
    quantity: Name | None = Field(
        default=None, description="Only points that measure this quantity.", examples=["active_energy_import"]
    )


class LatestQuery(PageQuery):
    """The filters of the latest readings."""

    site: Name | None = _SITE
    meter: Name | None = _METER


class WholeQuery(BaseModel):
    """Of lists that can be had whole."""

    all: bool = Field(
        default=False, description="`true`: the whole span in one answer, streamed as CSV or NDJSON, whatever `limit` says."
    )


class ReadingsQuery(WholeQuery, SpanQuery):
    """The span and order of readings."""

    order: Order = Field(default=Order.ASC, description="`asc`: oldest first; `desc`: newest first.")


class LetterKindsQuery(SpannedQuery):
    """The filters of kinds of dead letters; the span is that of their reception."""

    connector: Name | None = _CONNECTOR
    point: Name | None = _POINT
    reason: Name | None = _REASON


class DeadLettersQuery(LetterKindsQuery, SpanQuery):
    """The filters of dead letters; the span is that of their reception."""


class RetryQuery(Query):
    """How a dead letter is retried."""

    again: bool = Field(default=False, description="Also if it has become readings already.")


class GapsQuery(SpanQuery):
    """The filters of gaps; those that reach into the span are listed."""

    connector: Name | None = _CONNECTOR
    point: Name | None = _POINT
    cause: Name | None = Field(default=None, description="Only those with this cause.", examples=["link_down"])
    open: bool | None = Field(default=None, description="`true`: only those that last; `false`: only those that have ended.")


def explain_invalid(errors: Sequence[Mapping[str, Any]], known: Sequence[str]) -> ApiError:
    """Turns what the framework found wrong with a request into one problem.

    Args:
        errors: as pydantic gives them, `loc` beginning with the part of the request.
        known: the parameters the operation takes, for suggestions.
    """
    return wrong_parameters([_explain(error, known) for error in errors])


def _explain(error: Mapping[str, Any], known: Sequence[str]) -> WrongParameter:
    if error["type"] == "empty_span":
        # The time as the client wrote it is gone by now; naming the parameter says enough.
        return WrongParameter("from", None, error["msg"])
    name = str(error["loc"][-1]) if len(error["loc"]) > 1 else str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        # Its value is not repeated: it may be a key that somebody put into the URL.
        return WrongParameter(
            shorten(name), None, f"is not a parameter here{Suggestion(name, known)}; known are {', '.join(known)}"
        )
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return WrongParameter(name, shorten(str(error["input"])), message.replace("input should", "should"))
