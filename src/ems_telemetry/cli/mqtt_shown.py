"""How what was heard at a broker is shown: a table for people, JSON for scripts."""

import sys
from collections.abc import Iterator, Mapping
from itertools import islice

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ems_telemetry.connectors.guessing.quantities import Guess
from ems_telemetry.connectors.mqtt.drafting import guess_field
from ems_telemetry.connectors.mqtt.hearing import HeardField, HeardTopic, Hearing

COLUMNS = ("topic", "messages", "per min", "payload", "field", "type", "last value", "guess")
_LONGEST_VALUE = 40

Row = tuple[str, ...]


def as_table(hearing: Hearing) -> None:
    """Prints all that was heard."""
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 240)
    console.print(table_of(hearing))
    fields = sum(len(heard.fields) for heard in hearing.topics.values())
    beyond = f"; {hearing.unheeded} message(s) of further topics" if hearing.unheeded else ""
    console.print(f"{hearing.messages} message(s) of {len(hearing.topics)} topic(s) with {fields} field(s){beyond}")


def table_of(hearing: Hearing, most_rows: int | None = None) -> Table:
    """Makes the table; with `most_rows` it holds no more than that and says what is missing."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    rows = (row for topic in sorted(hearing.topics) for row in _rows(hearing.topics[topic]))
    for row in islice(rows, most_rows):
        table.add_row(*map(Text, row))
    beyond = sum(max(len(heard.fields), 1) for heard in hearing.topics.values()) - table.row_count
    if beyond > 0:
        table.add_row(Text(f"… and {beyond} more; all are told at the end"))
    return table


def as_json(endpoint: str, hearing: Hearing) -> Mapping[str, object]:
    """Gives all that was heard as objects."""
    topics = [_topic_as_json(hearing.topics[topic]) for topic in sorted(hearing.topics)]
    nodes = [{"group": group, "edge_node": node} for group, node in hearing.sparkplug_nodes]
    return {"endpoint": endpoint, "messages": hearing.messages, "topics": topics, "sparkplug": nodes}


def sparkplug_words(hearing: Hearing) -> Iterator[str]:
    """Says what to do with the edge nodes of Sparkplug B that were heard."""
    for group, node in hearing.sparkplug_nodes:
        yield (
            f"Sparkplug B: group {group}, edge node {node}; give it a connector file with payload: sparkplug_b and "
            f"sparkplug: {{group: {group}, edge_node: {node}, discover: true}}"
        )


def _rows(heard: HeardTopic) -> Iterator[Row]:
    rate = "" if heard.per_minute is None else f"{heard.per_minute:.3g}"
    head: Row = (heard.topic, str(heard.messages), rate, _payload(heard))
    for each in heard.fields.values():
        yield (*head, each.place.path or each.place.item or "", each.kind, _value(each), _guess(heard, each))
        head = ("", "", "", "")
    if not heard.fields:
        yield (*head, "", "", "", "")


def _payload(heard: HeardTopic) -> str:
    packed = " (gzip)" if heard.is_packed else ""
    return (heard.preset or heard.kind) + packed


def _value(each: HeardField) -> str:
    text = str(each.value).lower() if isinstance(each.value, bool) else str(each.value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _guess(heard: HeardTopic, each: HeardField) -> str:
    guess = guess_field(heard.topic, each, heard.preset)
    if not isinstance(guess, Guess):
        return ""
    return f"{guess.quantity} in {guess.unit}" + ("?" if guess.check else "")


def _topic_as_json(heard: HeardTopic) -> Mapping[str, object]:
    fields = [
        {
            "path": each.place.path,
            "item": each.place.item,
            "type": each.kind,
            "value": each.value,
            "guess": _guess(heard, each) or None,
        }
        for each in heard.fields.values()
    ]
    told = {"topic": heard.topic, "messages": heard.messages, "per_minute": heard.per_minute}
    return {**told, "payload": heard.kind, "preset": heard.preset, "compressed": heard.is_packed, "fields": fields}
