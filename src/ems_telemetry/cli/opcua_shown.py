"""How a server's nodes look on a terminal, in a pipe, and as JSON."""

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from ems_telemetry.cli.output import say
from ems_telemetry.connectors.opcua.address_space import Answer, FoundNode, VariableFacts, every_node, write_path
from ems_telemetry.model import Quality

_INDENT = "  "
_STYLES: Mapping[Quality, str] = {Quality.GOOD: "green", Quality.UNCERTAIN: "yellow", Quality.BAD: "red"}


def show_tree(top: FoundNode) -> None:
    """Prints nodes as a tree where somebody reads on a terminal, and as aligned lines in a pipe."""
    if sys.stdout.isatty():
        Console().print(_branch(top))
        return
    rows = list(_rows(top, 0))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say(_INDENT.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _branch(node: FoundNode) -> Tree:
    tree = Tree(_label(node))
    for child in node.children:
        tree.children.append(_branch(child))
    return tree


def _label(node: FoundNode) -> str:
    words = [f"[bold]{escape(node.name)}[/]"]
    facts = node.facts
    if facts is not None:
        words.append(f"[cyan]{escape(facts.type_name)}[/]")
        words.append(_coloured(facts))
    words.append(f"[dim]{escape(node.problem or node.node)}[/]")
    return "  ".join(words)


def _rows(node: FoundNode, depth: int) -> Iterator[tuple[str, str, str, str, str]]:
    facts = node.facts
    answer = None if facts is None else facts.answer
    status = node.problem or ("" if answer is None or answer.status == 0 else answer.status_name)
    value = "" if facts is None else _value_words(facts)
    kind = "" if facts is None else _type_words(facts)
    yield f"{_INDENT * depth}{node.name}", kind, value, status, node.node
    for child in node.children:
        yield from _rows(child, depth + 1)


def _type_words(facts: VariableFacts) -> str:
    return facts.type_name if facts.is_scalar else f"{facts.type_name}[]"


def _coloured(facts: VariableFacts) -> str:
    value, answer = escape(_value_words(facts)), facts.answer
    if answer is None:
        return value
    status = "" if answer.status == 0 else f" {answer.status_name}"
    return f"[{_STYLES[answer.quality]}]{value}{status}[/]"


def _value_words(facts: VariableFacts) -> str:
    """The value with the name of its state or its unit; the unit alone where values were not asked for."""
    unit = "" if facts.unit is None or facts.unit.unit == "1" else facts.unit.said
    if facts.answer is None:
        return unit
    state = next((name for name, number in facts.states.items() if number == facts.answer.value), None)
    told = f"({state})" if state is not None else unit
    return f"{facts.answer.shown} {told}".strip() if facts.answer.shown else ""


def as_json(top: FoundNode) -> list[dict[str, object]]:
    """Gives nodes as a flat list, each before the ones below it."""
    return [node_as_json(node) for node in every_node(top)]


def node_as_json(node: FoundNode) -> dict[str, object]:
    """Gives one node with all that is known of it."""
    told: dict[str, object] = {
        "node": node.node,
        "path": write_path(node.names),
        "name": node.name,
        "display_name": node.display_name,
    }
    if node.description:
        told["description"] = node.description
    if node.problem is not None:
        told["problem"] = node.problem
    return told | ({} if node.facts is None else _facts_as_json(node.facts))


def _facts_as_json(facts: VariableFacts) -> dict[str, object]:
    told: dict[str, object] = {"type": facts.type_name, "scalar": facts.is_scalar, "readable": facts.is_readable}
    if facts.unit is not None:
        told |= {"unit": facts.unit.unit, "unit_said": facts.unit.said}
    told |= {
        key: value
        for key, value in {
            "normal_range": facts.normal_range,
            "instrument_range": facts.instrument_range,
            "states": dict(facts.states) or None,
            "measurement_id": facts.measurement_id,
        }.items()
        if value is not None
    }
    return told | ({} if facts.answer is None else answer_as_json(facts.answer))


def answer_as_json(answer: Answer) -> dict[str, object]:
    """Gives a value with its status and times."""
    return {
        "value": answer.shown if answer.value is None and answer.shown else answer.value,
        "quality": int(answer.quality),
        "status": answer.status_name,
        "source_time": answer.source_time,
        "server_time": answer.server_time,
    }


def time_words(time: datetime | None) -> str:
    """Writes a time as people compare it, in UTC to the millisecond."""
    return "" if time is None else time.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
