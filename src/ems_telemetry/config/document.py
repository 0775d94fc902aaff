"""A YAML file as plain data that still knows on which line each value stands, with `${NAME}` taken from the environment."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ems_telemetry.errors import ConfigurationError, Problem

Location: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and list positions from the top of the file."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Document:
    """A file read. `data` is what stands in it; `written` is the text of values that hold variables, as in the file.

    `overlaid` names the variable of each value that came from the environment alone. `text` is the whole file as it is written.
    """

    path: Path
    data: dict[str, Any]
    lines: Mapping[Location, int]
    written: Mapping[Location, str] = field(default_factory=dict)
    overlaid: Mapping[Location, str] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    def problem(self, location: Location, message: str) -> Problem:
        """Makes a problem at the line of a value, or of the nearest value around it, or at its variable."""
        if location in self.overlaid:
            return Problem(Path(self.overlaid[location]), None, message)
        return Problem(self.path, self.line(location), message)

    def line(self, location: Location) -> int | None:
        """Tells the line of a value, from 1, or of the nearest value around it; None in an empty file."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None

    def shown(self, location: Location) -> Any:  # noqa: ANN401 - a value of YAML can be anything
        """Gives a value for a message: never what a variable stood for, since that may be a secret."""
        if location in self.written:
            return self.written[location]
        found: Any = self.data
        for step in location:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found


def read_document(path: Path, environment: Mapping[str, str]) -> Document:
    """Reads a YAML file whose top is a mapping.

    Raises:
        ConfigurationError: it can't be read, is no YAML, has a key twice, or names a variable that is not set.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = YAML(typ="rt").load(text)
    except OSError as error:
        raise ConfigurationError([Problem(path, None, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([Problem(path, None, f"is not UTF-8 text: {error.reason}")]) from error
    except MarkedYAMLError as error:
        raise ConfigurationError([_explain_syntax(path, error)]) from error
    except YAMLError as error:
        raise ConfigurationError([Problem(path, None, f"is not YAML: {error}")]) from error
    if tree is None:
        tree = CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise ConfigurationError([Problem(path, 1, "must begin with a key, as `type: modbus`")])
    reading = _Reading(path, environment)
    data = reading.plain(tree, ())
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return Document(path, data, reading.lines, reading.written, text=text)


def _explain_syntax(path: Path, error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = str(error.problem).splitlines()[0] if error.problem else "not YAML"
    return Problem(path, None if mark is None else mark.line + 1, f"is not valid YAML here: {said}")


class _Reading:
    """Walks the tree once: plain values out, lines and variables noted on the way."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self.environment = environment
        self.lines: dict[Location, int] = {(): 1}
        self.written: dict[Location, str] = {}
        self.problems: list[Problem] = []

    def plain(self, node: Any, location: Location) -> Any:  # noqa: ANN401 - a node of YAML can be anything
        if isinstance(node, CommentedMap):
            return {step: self._child(node, step, location) for step in node}
        if isinstance(node, CommentedSeq):
            return [self._child(node, step, location) for step in range(len(node))]
        if isinstance(node, str):
            return self._substituted(str(node), location)
        return node

    def _child(self, node: CommentedMap | CommentedSeq, step: Any, location: Location) -> Any:  # noqa: ANN401 - see plain
        place = node.lc.key(step) if isinstance(node, CommentedMap) else node.lc.item(step)
        here = (*location, step)
        self.lines[here] = place[0] + 1
        return self.plain(node[step], here)

    def _substituted(self, text: str, location: Location) -> str:
        if not _VARIABLE.search(text):
            return text
        self.written[location] = text
        for name in _VARIABLE.findall(text):
            if name not in self.environment:
                message = f"the environment variable {name} is not set; set it, or write the value in a file and name that"
                self.problems.append(Problem(self.path, self.lines[location], message))
        return _VARIABLE.sub(lambda match: self.environment.get(match[1], ""), text)


ENVIRONMENT_PREFIX = "EMS_TELEMETRY__"


def overlay_environment(document: Document, environment: Mapping[str, str]) -> Document:
    """Lays settings from variables such as `EMS_TELEMETRY__API__PORT` over those of a file."""
    data = _copied(document.data)
    written = dict(document.written)
    overlaid: dict[Location, str] = {}
    for name, text in _overriding(environment):
        location = tuple(part.lower() for part in name.removeprefix(ENVIRONMENT_PREFIX).split("__"))
        level = data
        for step in location[:-1]:
            inner = level.get(step)
            level[step] = inner if isinstance(inner, dict) else {}
            level = level[step]
        level[location[-1]] = text
        written[location] = f"${{{name}}}"
        overlaid[location] = name
    return Document(document.path, data, document.lines, written, overlaid, document.text)


def _overriding(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, environment[name]) for name in sorted(environment) if name.startswith(ENVIRONMENT_PREFIX))


def _copied(data: dict[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in data.items()}
