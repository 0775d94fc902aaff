"""A file of factors and potentials, as `config/factors.yaml`: each entry a fact, with the line it stands on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ems_telemetry.config.document import Document, read_document
from ems_telemetry.records.registering.statements import Mistake, Said, Sheet, Statement, check_said
from ems_telemetry.records.registers import REGISTERS

PARTS = {"factors": "factor", "gwp_sets": "gwp_set"}
"""The lists of the file, and the registers they are of."""
_ENVELOPE = ("id", "site", "valid_from", "valid_to", "reason")


def read_factors(path: Path, reason: str) -> Sheet:
    """Reads such a file.

    Raises:
        ConfigurationError: it cannot be read, or is no YAML.
    """
    document = read_document(path, {})
    statements: list[Statement] = []
    mistakes: list[Mistake] = []
    for name, entries in document.data.items():
        if name not in PARTS or not isinstance(entries, list):
            detail = f"is no list of this file; known are {', '.join(PARTS)}"
            mistakes.append(Mistake(document.line((name,)) or 1, name, None, detail))
            continue
        for number, entry in enumerate(entries):
            checked = _check(document, (name, number), entry, reason)
            if isinstance(checked, Statement):
                statements.append(checked)
            else:
                mistakes += checked
    return Sheet(statements, mistakes)


def _check(document: Document, place: tuple[str, int], entry: object, reason: str) -> Statement | list[Mistake]:
    line = document.line(place) or 1
    if not isinstance(entry, Mapping):
        return [Mistake(line, place[0], None, "holds entries of names and values, as {id: …, value: …}")]
    register = REGISTERS[PARTS[place[0]]]
    words = {name: _word(entry.get(name)) for name in _ENVELOPE if name != "reason"}
    if register.kind == "gwp_set":
        words["id"] = words["id"] or _word(entry.get("name"))
    body = {name: value for name, value in entry.items() if name not in _ENVELOPE}
    checked = check_said(register, Said(line=line, reason=_word(entry.get("reason")) or reason, body=body, **words))
    if isinstance(checked, Statement):
        return checked
    return [each._replace(line=_line(document, place, each.column) or line) for each in checked]


def _line(document: Document, place: tuple[str, int], column: str | None) -> int | None:
    return document.line((*place, *(column or "").split(".")))


def _word(value: Any) -> str | None:  # noqa: ANN401  # a value of YAML can be anything
    return None if value is None else str(value)
