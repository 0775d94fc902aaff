"""Sheets of facts in CSV: `id,site,valid_from,valid_to,reason` and the fields of the body by dotted names, as `gross.value`."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ems_telemetry.records.registering.statements import Mistake, Said, Sheet, Statement, check_said
from ems_telemetry.records.registers import Register

ENVELOPE: Final = ("id", "site", "valid_from", "valid_to", "reason")
ANY: Final = ".*"
"""Behind the name of a field that takes names of one's own, as `values.CO2`."""
MOST_ROWS: Final = 10_000
_LISTED: Final = re.compile(r"[;,\s]+")


def read_sheet(register: Register, text: str, reason: str) -> Sheet:
    """Reads a sheet; cells are set apart by commas or semicolons, and an empty cell says nothing.

    Args:
        register: what its lines state.
        text: with a line of column names.
        reason: of lines that say none.
    """
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    statements: list[Statement] = []
    mistakes: list[Mistake] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        known = columns_of(register)
        mistakes = _wrong_head(names, known)
        if mistakes:
            return Sheet([], mistakes)
        for line, cells in _lines(reader):
            if len(statements) + len(mistakes) >= MOST_ROWS:
                mistakes.append(Mistake(line, None, None, f"a file may have {MOST_ROWS:,} lines; cut it here"))
                break
            checked = _check_line(register, (line, cells), names, reason)
            if isinstance(checked, Statement):
                statements.append(checked)
            else:
                mistakes += checked
    except csv.Error as error:
        mistakes.append(Mistake(reader.line_num, None, None, f"is no CSV: {error}"))
    return Sheet(statements, mistakes)


def columns_of(register: Register) -> list[str]:
    """Names the columns a sheet may have; those that take any name behind them end in `.*`."""
    return [*ENVELOPE, *_fields(register.body)]


def _check_line(
    register: Register, numbered: tuple[int, Sequence[str]], names: Sequence[str], reason: str
) -> Statement | Sequence[Mistake]:
    line, cells = numbered
    if len(cells) > len(names):
        return [
            Mistake(line, None, None, f"has {len(cells)} cells, and there are {len(names)} columns; quote what holds commas")
        ]
    told = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
    words = {name: told.get(name) for name in ENVELOPE if name != "reason"}
    body: dict[str, Any] = {}
    for name, cell in told.items():
        if name not in ENVELOPE:
            _put(body, name.split("."), _LISTED.split(cell) if _is_list(register.body, name.split(".")) else cell)
    return check_said(register, Said(line=line, reason=told.get("reason", reason), body=body, **words))


def _lines(reader: "Any") -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401  # the type of csv.reader has no public name
    """Gives each line that is not empty, with the number of the line it begins on."""
    begun = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begun, cells
        begun = reader.line_num + 1


def _wrong_head(names: Sequence[str], known: Sequence[str]) -> list[Mistake]:
    if not any(names):
        return [Mistake(1, None, None, f"the first line names the columns; known are {', '.join(known)}")]
    found = []
    for name in names:
        if name in known or any(name.startswith(each.removesuffix("*")) for each in known if each.endswith(ANY)):
            continue
        near = get_close_matches(name, known, n=1)
        remedy = f"; did you mean {near[0]}?" if near else ""
        found.append(Mistake(1, name or "(no name)", None, f"is no column here{remedy} Known are {', '.join(known)}"))
    found += [Mistake(1, name, None, "stands twice") for name in dict.fromkeys(names) if names.count(name) > 1 and name]
    return found


def _fields(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        key = info.alias or name
        inner = _inner(info.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from (f"{key}.{each}" for each in _fields(inner))
        else:
            yield key + ANY if get_origin(inner) in _MAPPINGS else key


_MAPPINGS: Final = (dict, Mapping)
_LISTS: Final = (list, tuple, Sequence, set, frozenset)


def _inner(annotation: Any) -> Any:  # noqa: ANN401  # an annotation can be any form
    """Gives what an annotation is but for `None` and what is annotated."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _inner(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return next((_inner(each) for each in get_args(annotation) if each is not type(None)), None)
    return annotation


def _is_list(model: type[BaseModel], path: Sequence[str]) -> bool:
    info = _field(model, path[0])
    inner = None if info is None else _inner(info.annotation)
    if len(path) > 1:
        return isinstance(inner, type) and issubclass(inner, BaseModel) and _is_list(inner, path[1:])
    return get_origin(inner) in _LISTS


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((info for name, info in model.model_fields.items() if (info.alias or name) == key), None)


def _put(body: dict[str, Any], path: Sequence[str], value: object) -> None:
    for step in path[:-1]:
        body = body.setdefault(step, {})
    body[path[-1]] = value
