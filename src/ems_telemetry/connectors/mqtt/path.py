"""Paths into JSON documents: the part of JSONPath that names exactly one place, compiled once and followed often.

$.a.b    $.a['b c']    $["a"][0]    $[-1].value    a.b (the same as $.a.b)    $ (the whole document)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

Step: TypeAlias = str | int
"""A key of an object, or a position in an array."""


class Missing(Enum):
    """What `Path.find` gives where a document has no such place; a JSON null is something else."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

_FIRST_NAME = re.compile(r"[^\s.\[\]'\"*?@$()]+")
_NAME = re.compile(r"[^\s.\[\]'\"*?@()]+")
_STEP = re.compile(
    r"""\.(?P<name>[^\s.\[\]'"*?@()]+)
      | \[(?P<position>-?\d{1,9})\]
      | \['(?P<single>[^']+)'\]
      | \["(?P<double>[^"]+)"\]""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Path:
    """One place in a document. `text` is how it was written."""

    text: str
    steps: tuple[Step, ...]

    def find(self, document: object) -> Any:  # noqa: ANN401 - a JSON value can be anything
        """Gives what stands there, or `MISSING`."""
        found: Any = document
        for step in self.steps:
            if isinstance(found, dict):
                found = found.get(step, MISSING)
            elif isinstance(found, list) and isinstance(step, int) and -len(found) <= step < len(found):
                found = found[step]
            else:
                return MISSING
        return found


def compile_path(text: str) -> Path:
    """Reads a path.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    steps: list[Step] = []
    position = 1
    if not text.startswith("$"):
        first = _FIRST_NAME.match(text)
        if first is None:
            raise ValueError(_refusal(text, 0))
        steps.append(first[0])
        position = first.end()
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(_refusal(text, position))
        steps.append(int(match["position"]) if match["position"] else match["name"] or match["single"] or match["double"])
        position = match.end()
    return Path(text, tuple(steps))


def spell_path(steps: Sequence[Step]) -> str | None:
    """Writes the path of some steps; None where a key cannot be written."""
    text = "$"
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _NAME.fullmatch(step):
            text += f".{step}"
        elif "'" not in step and step:
            text += f"['{step}']"
        elif '"' not in step and step:
            text += f'["{step}"]'
        else:
            return None
    return text


def _refusal(text: str, position: int) -> str:
    rest = text[position:]
    if rest.startswith(("..", ".*", "[*", "[?", "[:")):
        return f'path "{text}": "{rest}" can name more than one place; write the path of one, as $.a.b or $.a[0]'
    begins = f'"{rest}" is not understood' if rest else "it is empty"
    return f"path \"{text}\": {begins}; write keys as $.a.b or $.a['b c'], positions as $.a[0]"
