"""Facts in files, on their way to the registers: checked line by line, each mistake told with its place, value and remedy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from pydantic import TypeAdapter, ValidationError

from ems_telemetry.records.registering.stating import content_of
from ems_telemetry.records.registers import Body, Dated, Register
from ems_telemetry.records.registers.register import Moment
from ems_telemetry.storage.entries import NewEntry

ENTRY_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"
LONGEST_ECHO: Final = 80
_LONGEST_WORD: Final = 200
_LONGEST_REASON: Final = 2_000
_TIME: Final = TypeAdapter[datetime](Moment)
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+")


class Mistake(NamedTuple):
    """What is wrong in a file. `column` is a name of a field, None where the line as a whole is meant."""

    line: int
    column: str | None
    value: str | None
    detail: str

    def __str__(self) -> str:
        place = f"{self.column}: " if self.column else ""
        return f'{place}"{self.value}" {self.detail}' if self.value else f"{place}{self.detail}"


class Statement(NamedTuple):
    """A fact that a line states, checked by itself."""

    line: int
    register: Register
    new: NewEntry
    body: Body


class Sheet(NamedTuple):
    """What a file holds: statements that are right by themselves, and what is wrong with the others."""

    statements: Sequence[Statement]
    mistakes: Sequence[Mistake]


@dataclass(frozen=True, slots=True)
class Said:
    """A line as it was read: words of the envelope, and the body as plain data."""

    line: int
    id: str | None
    site: str | None
    valid_from: str | None
    valid_to: str | None
    reason: str
    body: Mapping[str, Any] = field(default_factory=dict)


def check_said(register: Register, said: Said) -> Statement | list[Mistake]:
    """Checks one line by itself: everything but what is in the registers already."""
    mistakes = [*_wrong_words(register, said)]
    times = {}
    for name in ("valid_from", "valid_to"):
        text = getattr(said, name)
        try:
            times[name] = None if text is None else _TIME.validate_python(text)
        except ValidationError:
            mistakes.append(
                Mistake(said.line, name, _echo(text), "is no time of ours with a zone; write it as 2026-03-02T10:00:00Z")
            )
    try:
        body = register.body.model_validate(said.body)
    except ValidationError as error:
        return [*mistakes, *(_mistake(said.line, detail) for detail in error.errors(include_url=False))]
    if mistakes:
        return mistakes
    since, until = register.span_of(body) or (times["valid_from"], times["valid_to"])
    if register.dated is Dated.MOMENT and since is None and not register.untimed:
        return [Mistake(said.line, "valid_from", None, "say when it happened")]
    if since is not None and until is not None and since >= until:
        return [Mistake(said.line, "valid_to", _echo(said.valid_to), "is not after valid_from; nothing lies between them")]
    new = NewEntry(register.kind, cast("str", said.id), said.site, since, until, content_of(body), said.reason)
    return Statement(said.line, register, new, body)


def _wrong_words(register: Register, said: Said) -> Sequence[Mistake]:
    found = []
    if said.id is None:
        found.append(Mistake(said.line, "id", None, "is missing; give each line one, so that importing it twice is once"))
    elif not re.fullmatch(ENTRY_ID, said.id):
        remedy = "holds more than letters, digits and . _ : -, or is longer than 100"
        found.append(Mistake(said.line, "id", _echo(said.id), remedy))
    if said.site is None and register.needs_site:
        found.append(Mistake(said.line, "site", None, "is missing; say the site it belongs to"))
    if len(said.site or "") > _LONGEST_WORD or "\x00" in (said.site or ""):
        found.append(Mistake(said.line, "site", None, "is no name of a site"))
    if not said.reason.strip() or len(said.reason) > _LONGEST_REASON or "\x00" in said.reason:
        found.append(Mistake(said.line, "reason", None, f"says why, in 1 to {_LONGEST_REASON} letters"))
    return found


def _mistake(line: int, detail: Mapping[str, Any]) -> Mistake:
    column = ".".join(str(step) for step in detail["loc"] if isinstance(step, str)) or None
    message = str(detail.get("ctx", {}).get("error") or detail["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if detail["type"] == "missing":
        return Mistake(line, column, None, "is missing; fill it in")
    if detail["type"] == "extra_forbidden":
        return Mistake(line, column, None, "is not known here")
    if detail["type"] == "value_error":
        return Mistake(line, column, None, message)
    value = detail["input"] if isinstance(detail["input"], str | int | float | bool) else None
    if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value):
        message = f"is no number here; write it as {value.replace(',', '.')}"
    return Mistake(line, column, None if value is None else _echo(str(value)), message.replace("input should", "should"))


def _echo(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"
