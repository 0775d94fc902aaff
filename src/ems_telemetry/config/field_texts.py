"""What the docstrings below the fields of a model say, for its JSON Schema.

Pydantic's `use_attribute_docstrings` reads the source of each model when it is imported, which took more than half of the time
that the models of connector files need; a schema is made by one command alone.
"""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from textwrap import dedent


def text_of(model: type, field: str) -> str | None:
    """Gives the docstring of a field; where a class says nothing of it, that of the class it inherits from."""
    return next((texts[field] for texts in map(_own_texts, model.__mro__) if field in texts), None)


@cache
def _own_texts(model: type) -> Mapping[str, str]:
    try:
        source = dedent(inspect.getsource(model))
    except (OSError, TypeError):  # made while running, or from a file that is not there
        return {}
    (definition,) = ast.parse(source).body
    if not isinstance(definition, ast.ClassDef):
        return {}
    found = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[field.target.id] = inspect.cleandoc(below.value.value)
    return found
