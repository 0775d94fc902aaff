"""The language of virtual points: what is read, as what, and where a mistake stands."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.config.expressions import (
    MOST_DEPTH,
    MOST_VALUES,
    Expression,
    ExpressionError,
    Negative,
    Number,
    Operation,
    Reference,
    parse_expression,
    references,
)


def shown(expression: Expression) -> str:
    """Writes a tree with every parenthesis."""
    match expression:
        case Number():
            return f"{expression.value} {expression.unit}".strip()
        case Reference():
            return expression.key
        case Negative():
            return f"-{shown(expression.operand)}"
        case Operation():
            return f"({shown(expression.left)} {expression.operator} {shown(expression.right)})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("EM-01.energy + PV-01.energy - EM-09.energy", "((EM-01.energy + PV-01.energy) - EM-09.energy)"),
        ("a.x - b.x - c.x", "((a.x - b.x) - c.x)"),
        ("a.x + b.x * 2 / 3", "(a.x + ((b.x * 2) / 3))"),
        ("(a.x + b.x) * 0.5", "((a.x + b.x) * 0.5)"),
        ("-a.x * -2", "(-a.x * -2)"),
        ("--a.x", "--a.x"),
        ("4711.energy_import*2", "(4711.energy_import * 2)"),
        ("GM-01.volume * 11.3 kWh/Nm3 / 2", "((GM-01.volume * 11.3 kWh/Nm3) / 2)"),
        ("11.3 kWh/Nm3*GM-01.volume", "(11.3 kWh/Nm3 * GM-01.volume)"),
        ("6 kWh/GM-01.volume", "(6 kWh / GM-01.volume)"),
        ("a.x / 100 %", "(a.x / 100 %)"),
        ("12.5 * a.x", "(12.5 * a.x)"),
    ],
)
def test_expressions_are_read_as_people_read_them(text: str, tree: str) -> None:
    assert shown(parse_expression(text)) == tree


def test_the_tree_knows_where_everything_stands() -> None:
    tree = parse_expression("a.x - (b.x * 2 kg)")
    assert isinstance(tree, Operation)
    assert tree.column == 5
    assert tree.right == Operation(tree.right.operator, Reference("b.x", 8), Number(Decimal(2), "kg", 14), 12)  # type: ignore[union-attr]
    assert [(one.key, one.column) for one in references(tree)] == [("a.x", 1), ("b.x", 8)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column 1: the end stands where a point or a number is wanted"),
        ("a.x +", "column 6: the end stands where a point or a number is wanted"),
        ("a.x + * b.x", 'column 7: "*" stands where a point or a number is wanted'),
        ("(a.x", 'column 1: "(" is not closed'),
        ("a.x)", 'column 4: ")" closes nothing'),
        ("a.x b.x", 'column 5: an operator is missing before "b.x"; write + - * or /'),
        ("a.x ^ 2", 'column 5: "^" is not understood; known are + - * / and parentheses'),
        ("a.x + EM-01", 'column 7: "EM-01" is not understood; write the key of a point, as EM-01.energy_import, or a number'),
        ("a.x-b.x", 'column 1: "a.x-b.x" is not understood; a key has one dot, as EM-01.energy_import; put spaces around'),
        ("1e5 * a.x", 'column 1: "1e5" is not understood; write the key'),
        ("1,5 * a.x", 'column 2: "," is not understood'),
        ("__import__('os').system('x')", 'column 1: "__import__"'),
        ("(" * (MOST_DEPTH + 1) + "a.x", f"column {MOST_DEPTH + 1}: more than {MOST_DEPTH} parentheses"),
        ("-" * (MOST_DEPTH + 1) + "a.x", f"column {MOST_DEPTH + 1}: more than {MOST_DEPTH} parentheses"),
        (" + ".join(["a.x"] * (MOST_VALUES + 1)), f"more than {MOST_VALUES} points and numbers"),
    ],
)
def test_a_mistake_is_told_with_its_column(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert said in str(caught.value)


def test_the_longest_expression_is_read_without_running_out_of_stack() -> None:
    assert len(list(references(parse_expression(" + ".join(["a.x"] * MOST_VALUES))))) == MOST_VALUES


@given(st.text(alphabet="ab1.-+*/() %²µ\n", max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        tree = parse_expression(text)
    except ExpressionError as error:
        assert 1 <= error.column <= len(text) + 1  # noqa: PT017 - most texts are refused
    else:
        assert shown(parse_expression(shown(tree))) == shown(tree)
