"""The language of virtual points: sums, differences, products and quotients of points and numbers, read into a tree.

    EM-01.energy_import + PV-01.energy_import - EM-09.energy_import
    GM-01.volume * 11.3 kWh/Nm3

A word with a dot is the key of a point. A number may carry a unit, which binds tighter than any operator: `6 / 2 kWh/t` divides
by two kilowatt-hours per tonne. Ids may hold `-`, so a minus stands between spaces.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeAlias

MOST_DEPTH = 100
"""Parentheses and signs within each other; nobody reads more."""
MOST_VALUES = 500
"""Points and numbers in one expression; what needs more is a virtual point of virtual points."""


class Operator(StrEnum):
    """What is done with two values."""

    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    DIVIDED_BY = "/"


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as it is written, and its unit; without one it has none."""

    value: Decimal
    unit: str
    column: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A point, by its key."""

    key: str
    column: int


@dataclass(frozen=True, slots=True)
class Negative:
    """The negative of a value."""

    operand: "Expression"
    column: int


@dataclass(frozen=True, slots=True)
class Operation:
    """Two values and what is done with them; `column` is where the operator stands."""

    operator: Operator
    left: "Expression"
    right: "Expression"
    column: int


Expression: TypeAlias = Number | Reference | Negative | Operation
"""Columns count the characters of the text, from 1."""


class ExpressionError(ValueError):
    """A text that is no expression, or one that means nothing; says so in words, and at which character from 1."""

    def __init__(self, words: str, column: int) -> None:
        self.column = column
        super().__init__(f"column {column}: {words}")


def parse_expression(text: str) -> Expression:
    """Reads an expression.

    Args:
        text: as written in a file.

    Raises:
        ExpressionError: in words for the person who wrote the file.
    """
    tokens = list(_tokens(text))
    values = [token for token in tokens if token.kind in {"number", "key"}]
    if len(values) > MOST_VALUES:
        words = f"there are more than {MOST_VALUES} points and numbers; name parts of it as virtual points"
        raise ExpressionError(words, values[MOST_VALUES].column)
    parser = _Parser(tokens)
    expression = parser.sum(0)
    parser.end()
    return expression


def references(expression: Expression) -> Iterator[Reference]:
    """Gives every point that an expression names, from left to right, each as often as it is named."""
    match expression:
        case Reference():
            yield expression
        case Negative():
            yield from references(expression.operand)
        case Operation():
            yield from references(expression.left)
            yield from references(expression.right)
        case Number():
            pass


class _Token(NamedTuple):
    kind: str
    text: str
    column: int
    unit: str = ""


_END = r"(?![\w.\-])"
_ID = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_UNIT_WORD = rf"[^\W\d]\w*{_END}"
_TOKEN = re.compile(
    rf"(?P<number>\d+(?:\.\d+)?{_END}(?:\s*(?P<unit>(?:%|{_UNIT_WORD})(?:[*/](?:%|{_UNIT_WORD}))*))?)"
    rf"|(?P<key>{_ID}\.{_ID}){_END}"
    r"|(?P<sign>[-+*/()])"
)
_WORD = re.compile(r"[\w.\-]+|\S")


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        column, kind = position + 1, str(match.lastgroup)
        if match["number"] is not None:
            unit = match["unit"] or ""
            yield _Token("number", match["number"].removesuffix(unit).strip(), column, unit)
        else:
            yield _Token("sign" if kind == "sign" else "key", match[0], column)
        position = match.end()
    yield _Token("end", "", len(text) + 1)


def _unreadable(text: str, position: int) -> ExpressionError:
    match = _WORD.match(text, position)
    word = match[0] if match else text[position]
    if word.count(".") > 1:
        remedy = "a key has one dot, as EM-01.energy_import; put spaces around the minus between two keys"
    elif word[0].isalnum():
        remedy = "write the key of a point, as EM-01.energy_import, or a number, as 0.9 or 11.3 kWh/Nm3"
    else:
        remedy = "known are + - * / and parentheses"
    return ExpressionError(f'"{word}" is not understood; {remedy}', position + 1)


class _Parser:
    """Reads tokens by recursive descent: a sum of products of signed values."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def sum(self, depth: int) -> Expression:
        left = self._product(depth)
        while (token := self._taken("+", "-")) is not None:
            left = Operation(Operator(token.text), left, self._product(depth), token.column)
        return left

    def end(self) -> None:
        token = self._tokens[self._next]
        if token.text == ")":
            raise ExpressionError('")" closes nothing', token.column)
        if token.kind != "end":
            raise ExpressionError(f'an operator is missing before "{token.text}"; write + - * or /', token.column)

    def _product(self, depth: int) -> Expression:
        left = self._signed(depth)
        while (token := self._taken("*", "/")) is not None:
            left = Operation(Operator(token.text), left, self._signed(depth), token.column)
        return left

    def _signed(self, depth: int) -> Expression:
        token = self._taken("-")
        if token is not None:
            return Negative(self._signed(_deeper(depth, token)), token.column)
        return self._value(depth)

    def _value(self, depth: int) -> Expression:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        if token.kind == "number":
            return Number(Decimal(token.text), token.unit, token.column)
        if token.kind == "key":
            return Reference(token.text, token.column)
        if token.text == "(":
            inner = self.sum(_deeper(depth, token))
            if self._taken(")") is None:
                raise ExpressionError('"(" is not closed', token.column)
            return inner
        found = f'"{token.text}"' if token.text else "the end"
        raise ExpressionError(f"{found} stands where a point or a number is wanted", token.column)

    def _taken(self, *signs: str) -> _Token | None:
        token = self._tokens[self._next]
        if token.kind != "sign" or token.text not in signs:
            return None
        self._next += 1
        return token


def _deeper(depth: int, token: _Token) -> int:
    if depth >= MOST_DEPTH:
        raise ExpressionError(f"more than {MOST_DEPTH} parentheses or signs stand within each other", token.column)
    return depth + 1
