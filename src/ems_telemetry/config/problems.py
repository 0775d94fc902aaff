"""What pydantic finds wrong, in words for the person who wrote the file: what, which value, what is allowed, what to do."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ems_telemetry.config.document import Document, Location
from ems_telemetry.config.field_texts import text_of
from ems_telemetry.errors import Problem

_MOST_NAMED = 3
SECRET_KEYS = frozenset({"password", "secret", "token"})


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Finds the known word that somebody who wrote `word` probably meant."""
    lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(str(word).lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


def not_known(what: str, word: object, known: Iterable[str]) -> str:
    """Says that a word is not known, which one was probably meant, or which are allowed."""
    allowed = list(known)
    meant = nearest(word, allowed)
    remedy = f"did you mean {meant}?" if meant else f"known are {', '.join(allowed) or 'none'}"
    return f'{what} "{word}" is not known; {remedy}'


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """Turns the errors of one file into problems, one for each place."""
    found: dict[Location, Problem] = {}
    details = error.errors(include_url=False)
    mistyped = {_meant(detail, model) for detail in details if detail["type"] == "extra_forbidden"}
    for detail in details:
        location = _known_part(detail["loc"], document)
        if location not in found and not _follows(detail, details, mistyped):
            words = _words(detail, location, document, model)
            found[location] = document.problem(location, subject(document, location) + words)
    return sorted(found.values())


def _follows(detail: ErrorDetails, details: list[ErrorDetails], mistyped: set[Location]) -> bool:
    """Tells whether a problem is only the echo of another: a key missing that was mistyped, a list short of its bad items."""
    place = detail["loc"]
    if detail["type"] == "missing":
        return place in mistyped
    inner = (other["loc"] for other in details if other["loc"][: len(place)] == place and len(other["loc"]) > len(place))
    return detail["type"] == "too_short" and any(inner)


def _meant(detail: ErrorDetails, model: type[BaseModel]) -> Location:
    """Tells where a mistyped key should have stood; that it is missing there need not be said as well."""
    parent, key = detail["loc"][:-1], detail["loc"][-1]
    return (*parent, nearest(key, _keys_at(model, parent)) or key)


def subject(document: Document, location: Location) -> str:
    """Names the meter or point that a place in a file belongs to, as `point EM-01.power: `."""
    listed = len(location) > 1 and location[0] in {"meters", "virtual_meters"}
    if not (listed and isinstance(document.data.get(str(location[0])), list)):
        return ""
    meter = document.shown(location[:2])
    meter_id = meter.get("id") if isinstance(meter, dict) else None
    if meter_id is None:
        return _subject_of_many(document, location, meter)
    point = document.shown(location[:4]) if len(location) > 3 and location[2] == "points" else None  # noqa: PLR2004 - meters, i, points, j
    point_id = point.get("id") if isinstance(point, dict) else None
    return f"meter {meter_id}: " if point_id is None else f"point {meter_id}.{point_id}: "


def _subject_of_many(document: Document, location: Location, entry: object) -> str:
    """Names the meters of an entry that stands for many, as `meters EM-01, EM-02, …: `."""
    ids = list(entry.get("ids") or ()) if isinstance(entry, dict) else []
    if not ids:
        return ""
    named = ", ".join(map(str, ids[:_MOST_NAMED])) + (", …" if len(ids) > _MOST_NAMED else "")
    point = document.shown(location[:4]) if len(location) > 3 and location[2] == "points" else None  # noqa: PLR2004 - see subject
    return f"point {point['id']} of {named}: " if isinstance(point, dict) and "id" in point else f"meters {named}: "


def _known_part(location: Location, document: Document) -> Location:
    """Cuts off what pydantic adds to a place: the branch of a union, the key of a mapping."""
    for length in range(len(location), 0, -1):
        if location[:length] in document.lines or location[:length] in document.written:
            # A missing key has no line of its own: keep its name as the last step.
            return location if length == len(location) - 1 and isinstance(location[length], str) else location[:length]
    return location


_TYPES: Mapping[str, str] = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text; put it in quotes",
    "tuple": "a list, as [1, 2]",
    "list": "a list, as [1, 2]",
    "dict": "a mapping, as {key: value}",
    "mapping": "a mapping, as {key: value}",
    "model": "a mapping, as {key: value}",
    "path": "a path",
    "too": "a list of that length",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _words(detail: ErrorDetails, location: Location, document: Document, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    key = _last_key(location)
    value = "(not shown)" if key in SECRET_KEYS else document.shown(location)
    said: Callable[[], str] | None = {
        "missing": lambda: f'"{key}" is missing{_describe(model, location)}',
        "extra_forbidden": lambda: not_known("key", key, _keys_at(model, location[:-1])),
        "enum": lambda: not_known(key, value, _split_expected(context)),
        "literal_error": lambda: not_known(key, value, _split_expected(context)),
        "value_error": lambda: str(context.get("error", detail["msg"])),
        "string_pattern_mismatch": lambda: (
            f'{key} "{value}" may hold letters, digits, "_" and "-" only, and begins with a letter or digit'
        ),
        "too_short": lambda: f"{key} needs at least {context.get('min_length')}",
        "too_long": lambda: f"{key} may have at most {context.get('max_length')}",
    }.get(kind)
    if said is not None:
        return said()
    if kind in _BOUNDS:
        bound, name = _BOUNDS[kind]
        return f'{key} "{value}" must be {bound} {context[name]}'
    wanted = _TYPES.get(kind.split("_")[0])
    return f'{key} "{value}" is not {wanted}' if wanted else f'{key} "{value}": {detail["msg"]}'


def _last_key(location: Location) -> str:
    return next((step for step in reversed(location) if isinstance(step, str)), "the file")


def _split_expected(context: Mapping[str, Any]) -> list[str]:
    return [word.strip().strip("'\"") for word in str(context.get("expected", "")).replace(" or ", ", ").split(",")]


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    here: Any = model
    keyed = False
    for step in location:
        if isinstance(step, int) or keyed:
            keyed = False  # the key of a mapping of models, which is no field
            continue
        field = fields_by_key(here).get(step) if isinstance(here, type) and issubclass(here, BaseModel) else None
        if field is None:
            return None
        here = inner_model(field.annotation)
        keyed = get_origin(field.annotation) is Mapping
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def fields_by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by their keys in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def inner_model(annotation: Any) -> Any:  # noqa: ANN401 - an annotation can be any form
    """The first model within an annotation; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := inner_model(inner)) is not None), None)


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    found = _model_at(model, location)
    return [] if found is None else list(fields_by_key(found))


def _describe(model: type[BaseModel], location: Location) -> str:
    found = _model_at(model, location[:-1])
    names = {} if found is None else {field.alias or name: name for name, field in found.model_fields.items()}
    name = names.get(str(location[-1]))
    text = None if found is None or name is None else text_of(found, name)
    return f": {text.split(chr(10))[0].rstrip('.')}" if text else ""
