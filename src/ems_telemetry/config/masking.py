"""The text of a configuration file with every secret taken out of it, so that it can be kept and shown.

A secret is what stands under a key that the file's model declares as one (`SecretStr`), or whose name says so, a password
within a URL, and what looks like either in a comment. `${NAME}` is no secret: it stays as it is written.
"""

import re
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ems_telemetry.config.document import Document
from ems_telemetry.config.problems import fields_by_key, inner_model

MASK = "***"

_NAMES = r"pass(?:word|phrase|wd)?|secret|token|api_?key"
_SECRET_KEY = re.compile(rf"(?:^|_|-)(?:{_NAMES})$", re.IGNORECASE)
_VARIABLES = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_IN_URL = re.compile(r"(?<=://)([^/\s:@\"']*:)((?:(?!\$\{)[^/\s@\"'])+)(?=@)")
_IN_QUERY = re.compile(rf"([?&](?:{_NAMES})=)((?:(?!\$\{{)[^&\s\"'])+)", re.IGNORECASE)
_IN_COMMENT = re.compile(rf"((?:^|\s)#.*?(?:{_NAMES})[\"']?\s*[:=]\s*[\"']?)((?:(?!\$\{{)[^\s\"',}}])+)", re.IGNORECASE)


def masked(document: Document, model: type[BaseModel]) -> str:
    """Gives the text of a file that was read, with `***` in the place of each secret.

    Args:
        document: the file.
        model: what it was checked by.
    """
    tree = YAML().compose(document.text)
    spans = {} if tree is None else {(node.start_mark.index, node.end_mark.index): None for node in _secrets(tree, model)}
    text = document.text
    for start, end in sorted(spans, reverse=True):
        written = text[start:end]
        if _VARIABLES.sub("", written).strip("\"' \n"):
            text = f'{text[:start]}"{MASK}"{_line_end(written)}{text[end:]}'
    return _without_loose_secrets(text)


def _without_loose_secrets(text: str) -> str:
    for pattern in (_IN_URL, _IN_QUERY):
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return "\n".join(_IN_COMMENT.sub(rf"\g<1>{MASK}", line) for line in text.split("\n"))


def _line_end(written: str) -> str:
    """A text over several lines ends with the break that separates it from the next key."""
    return "\n" if written.endswith("\n") else ""


def _secrets(node: Node, model: type[BaseModel] | None) -> Iterator[ScalarNode]:
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from _secrets(item, model)
    if not isinstance(node, MappingNode):
        return
    fields = {} if model is None else fields_by_key(model)
    for key, value in node.value:
        field = fields.get(str(key.value))
        if _SECRET_KEY.search(str(key.value)) or (field is not None and _is_secret(field)):
            yield from _scalars(value)
        else:
            yield from _secrets(value, None if field is None else _model_of(field))


def _scalars(node: Node) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _scalars(item)
    elif isinstance(node, MappingNode):
        for _, value in node.value:
            yield from _scalars(value)


def _is_secret(field: FieldInfo) -> bool:
    return any(kind in {SecretStr, SecretBytes} for kind in _parts(field.annotation))


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    found = inner_model(field.annotation)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)
