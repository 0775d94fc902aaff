"""Node ids as people write them: `ns=2;s=Air.Total`, `nsu=urn:plc:air;s=Air.Total`, `i=2258`, `g=…`, `b=…`.

Reading the text needs no server; which index a namespace URI has is known only within a session, and may change with the next.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

_NODE = re.compile(r"(?:ns=(?P<index>\d+);|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<identifier>.+)", re.DOTALL)
_LARGEST_NAMESPACE = 2**16 - 1
_LARGEST_NUMBER = 2**32 - 1

Identifier: TypeAlias = int | str | bytes | UUID


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node by its identifier and the index or the URI of its namespace."""

    namespace: int | str
    identifier: Identifier


def parse_node(text: str) -> NodeAddress:
    """Reads a node id.

    Args:
        text: as in OPC 10000-6, 5.3.1.10: an optional namespace (`ns=` index or `nsu=` URI, in which `;` is written `%3B`),
            then `i=` number, `s=` string, `g=` GUID or `b=` Base64.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    match = _NODE.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a node id; write ns=2;s=Name, nsu=urn:vendor:name;s=Name, or i=, g=, b= for s=')
    namespace = _unescape(match["uri"]) if match["uri"] else int(match["index"] or 0)
    if isinstance(namespace, int) and namespace > _LARGEST_NAMESPACE:
        raise ValueError(f'"{text}": a namespace index is at most {_LARGEST_NAMESPACE}')
    return NodeAddress(namespace, _read_identifier(match["kind"], match["identifier"], text))


def _read_identifier(kind: str, identifier: str, text: str) -> Identifier:
    match kind:
        case "i":
            if not identifier.isdecimal() or int(identifier) > _LARGEST_NUMBER:
                raise ValueError(f'"{text}": i= takes a whole number up to {_LARGEST_NUMBER}')
            return int(identifier)
        case "g":
            try:
                return UUID(identifier)
            except ValueError:
                raise ValueError(f'"{text}": g= takes a GUID, as g=09087e75-8e5e-499b-954f-f2a9603db28a') from None
        case "b":
            try:
                return base64.b64decode(identifier, validate=True)
            except binascii.Error:
                raise ValueError(f'"{text}": b= takes Base64, as b=M/RbKBsRVkePCePcx24oRA==') from None
        case _:
            return identifier


def _unescape(uri: str) -> str:
    return uri.replace("%3B", ";").replace("%3b", ";").replace("%25", "%")


@dataclass(frozen=True, slots=True)
class Step:
    """One browse name on the way to a node, with the index or the URI of its namespace."""

    namespace: int | str
    name: str


_STEP = re.compile(r"/(?:(?P<index>\d+):|nsu=(?P<uri>[^;]+);)?(?P<name>(?:&.|[^&/])+)", re.DOTALL)
_ESCAPED = re.compile(r"&(.)", re.DOTALL)


def parse_path(text: str) -> tuple[Step, ...]:
    """Reads a browse path that begins at the Objects folder.

    Args:
        text: `/` before each browse name, which may begin with the index of its namespace, as `2:`, or with its URI, as
            `nsu=urn:plc:air;`. `&` takes its meaning from the next character, as in OPC 10000-4, Annex A.2. A first step
            `/Objects` says where the path begins anyway, and is left out.

    Raises:
        ValueError: in words for the person who wrote the file.
    """
    steps: list[Step] = []
    position = 0
    while match := _STEP.match(text, position):
        namespace = _unescape(match["uri"]) if match["uri"] else int(match["index"] or 0)
        steps.append(Step(namespace, _ESCAPED.sub(r"\1", match["name"])))
        position = match.end()
    if steps and steps[0] == Step(0, "Objects"):
        del steps[0]
    if position != len(text) or not steps:
        raise ValueError(f'"{text}" is not a browse path; write /2:Plant/2:Air, with & before / and & in a name')
    return tuple(steps)
