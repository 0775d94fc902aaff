"""What a register is: a kind of fact that people state, with the form of it, and who may state and approve it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from ems_telemetry.rules.arithmetic import digits


class Dated(StrEnum):
    """Of what time a fact speaks."""

    SPAN = "span"
    """It is in force from `valid_from` until `valid_to`, as a limit; a later revision may begin later."""
    MOMENT = "moment"
    """It happened then, as a sample was taken; the newest revision tells it best."""


class Body(BaseModel):
    """What a fact of one kind says. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Register:
    """A kind of fact."""

    kind: str
    path: str
    """Under `/api/v1`, as `factors`."""
    title: str
    """What it is, in one sentence."""
    body: type[Body]
    example: Body
    scopes: Sequence[str]
    """Who may state one: any of these scopes."""
    dated: Dated = Dated.SPAN
    needs_approval: bool = False
    """Whether somebody else with the scope `approve` must agree before it holds."""
    needs_site: bool = False
    """Whether it belongs to one site; otherwise it may belong to all."""
    untimed: bool = False
    """Whether it happens when it is stated, and not at a time in the plant."""
    points_of: Callable[[Any], Sequence[str]] = lambda _body: ()
    """Which points a body names: they must exist, at its site."""
    units_of: Callable[[Any], Mapping[str, str]] = lambda _body: {}
    """In which unit a body speaks of which of these points: it must be that of the point."""
    meters_of: Callable[[Any], Sequence[str]] = lambda _body: ()
    """Which meters a body names: they must exist, at its site."""
    span_of: Callable[[Any], tuple[datetime, datetime | None] | None] = lambda _body: None
    """Of which time a body speaks, where it says so itself: from, and to."""


def check_body(register: Register, body: object) -> Body:
    """Reads what a fact says.

    Raises:
        pydantic.ValidationError: it has not the form of its kind.
    """
    return register.body.model_validate(body)


def _number(value: object) -> object:
    """Takes JSON numbers by their digits; a double of a client must not bring its binary tail."""
    return repr(value) if isinstance(value, float) else value


def _within_reach(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        raise ValueError(f"is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment


_FIRST_YEAR, _LAST_YEAR = 1900, 3000
_WORDS = PlainSerializer(digits, return_type=str)
_SCHEMA = WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^[+-]?\d+(\.\d+)?$"}, {"type": "number"}]})
Number: TypeAlias = Annotated[
    Decimal, BeforeValidator(_number), Field(max_digits=40, decimal_places=20, allow_inf_nan=False), _WORDS, _SCHEMA
]
"""A decimal: words of digits keep every digit, JSON numbers are taken as written."""
Word: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=r"^[^\x00]+$")
]
Moment: TypeAlias = Annotated[AwareDatetime, AfterValidator(_within_reach)]
"""A time with its zone, far enough from the ends of the calendar to count days from it."""
Sha256: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The SHA-256 of a file kept elsewhere, hexadecimal: its evidence."""
