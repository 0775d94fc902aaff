"""`opcua browse`, `opcua read` and `opcua endpoints`: what a server holds and offers, and a connector file made from it."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ems_telemetry.cli.opcua_shown import as_json as nodes_as_json
from ems_telemetry.cli.opcua_shown import node_as_json, show_tree, time_words
from ems_telemetry.cli.opcua_target import (
    ClearTextOption,
    EndpointArgument,
    Login,
    PasswordFileOption,
    SecurityOption,
    Target,
    UserOption,
    find_target,
)
from ems_telemetry.cli.opcua_writing import Writing, write_connector
from ems_telemetry.cli.output import EXIT_FAILED, ConfigOption, JsonOption, as_objects, complain, print_json, print_table, say
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.connectors.opcua.address_space import OBJECTS_PATHS, FoundNode, Selection
from ems_telemetry.connectors.opcua.nodes import parse_node, parse_path
from ems_telemetry.connectors.opcua.server_clock import clock_in_words
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import Quality

OFFER_COLUMNS = ("usable", "policy", "mode", "users", "url", "fingerprint")
READ_COLUMNS = ("node", "value", "unit", "type", "quality", "status", "source_time", "server_time")
_QUALITY_WORDS = {Quality.GOOD: "good", Quality.UNCERTAIN: "uncertain", Quality.BAD: "bad"}


def add_to(group: typer.Typer) -> None:
    """Adds the verbs."""
    group.command("browse")(browse)
    group.command("read")(read)
    group.command("endpoints")(endpoints)


def browse(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    endpoint: EndpointArgument,
    path: Annotated[
        str | None, typer.Option(help="Where to begin, as /Plant/Air; a name without a namespace fits any.")
    ] = None,
    node: Annotated[str | None, typer.Option(help="Where to begin, as a node id.")] = None,
    depth: Annotated[int, typer.Option(min=0, help="Levels below the beginning.")] = 10,
    max_nodes: Annotated[int, typer.Option(min=1, help="Stop after so many nodes.")] = 10_000,
    values: Annotated[bool, typer.Option("--values", help="Read the values too.")] = False,
    server: Annotated[bool, typer.Option("--server", help="Show the standard's own objects too.")] = False,
    write: Annotated[Path | None, typer.Option(help="Write a connector file from what was found.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --write.")] = False,
    select: Annotated[
        list[str] | None, typer.Option(help="Only nodes on or below such a path; * and ** are wildcards.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No nodes on or below such a path.")] = None,
    site: Annotated[str | None, typer.Option(help="The site for the file of --write.")] = None,
    security: SecurityOption = None,
    user: UserOption = None,
    password_file: PasswordFileOption = None,
    allow_clear_text: ClearTextOption = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Show what an OPC UA server holds, and write a connector file from it if told to."""
    if path is not None and node is not None:
        raise typer.BadParameter("give either --path or --node")
    if write is not None and write.exists() and not force:
        complain(f"nothing written: {write} would be overwritten; name another file, or say --force")
        raise typer.Exit(EXIT_FAILED)
    _check_node(path or node or "/")
    target = find_target(endpoint, config, Login(security, user, password_file, allow_clear_text))
    top = _explore(target, path or node, depth, max_nodes, with_server=server, with_values=values or write is not None)
    selection = Selection(select or (), exclude or ())
    if write is not None:
        write_connector(target, top, selection, Writing(write, site, as_json))
        return
    kept = _only(top, selection) if select or exclude else top
    if as_json:
        print_json({"endpoint": target.file.endpoint, "nodes": nodes_as_json(kept)})
    else:
        show_tree(kept)


def _check_node(text: str) -> None:
    try:
        if not text.startswith("/"):
            parse_node(text)
        elif text not in OBJECTS_PATHS:
            parse_path(text)
    except ValueError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error


def _explore(target: Target, start: str | None, depth: int, nodes: int, *, with_server: bool, with_values: bool) -> FoundNode:
    from ems_telemetry.connectors.opcua.browsing import Bounds  # noqa: PLC0415 - loads asyncua
    from ems_telemetry.connectors.opcua.commissioning import explore  # noqa: PLC0415 - see above

    bounds = Bounds(depth, nodes, with_server)
    explored = asyncio.run(explore(target.file, target.pki_directory, start, bounds, with_values=with_values))
    if explored.cut_at is not None:
        complain(f"not everything is shown: {explored.cut_at}; see --depth and --max-nodes")
    return explored.top


def _only(node: FoundNode, selection: Selection) -> FoundNode:
    """Leaves out branches that hold nothing wanted."""
    children = (_only(child, selection) for child in node.children)
    return replace(node, children=tuple(child for child in children if child.children or selection.wants(child)))


def read(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    endpoint: EndpointArgument,
    nodes: Annotated[
        list[str], typer.Argument(metavar="NODE...", help="Node ids, as nsu=urn:…;s=Name, or paths, as /Plant/Air.")
    ],
    security: SecurityOption = None,
    user: UserOption = None,
    password_file: PasswordFileOption = None,
    allow_clear_text: ClearTextOption = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Read nodes once: value, unit, type, quality, status and times. Ends with 1 if one is bad or not there."""
    from ems_telemetry.connectors.opcua.commissioning import read_nodes  # noqa: PLC0415 - loads asyncua

    for text in nodes:
        _check_node(text)
    target = find_target(endpoint, config, Login(security, user, password_file, allow_clear_text))
    read_out = asyncio.run(read_nodes(target.file, target.pki_directory, nodes))
    if as_json:
        told = [
            {"asked": a.text, **({"problem": a.problem} if a.found is None else node_as_json(a.found))} for a in read_out.nodes
        ]
        print_json({"endpoint": target.file.endpoint, "nodes": told, "clock_ahead_s": read_out.clock_ahead_s})
    else:
        print_table(
            [column.replace("_", " ") for column in READ_COLUMNS],
            [_read_row(a.text, a.found, a.problem) for a in read_out.nodes],
        )
        say(clock_in_words(read_out.clock_ahead_s))
    if any(_is_bad(asked.found) for asked in read_out.nodes):
        raise typer.Exit(EXIT_FAILED)


def _read_row(text: str, found: FoundNode | None, problem: str | None) -> tuple[object, ...]:
    facts = None if found is None else found.facts
    if found is None or facts is None or facts.answer is None:
        return (text, "", "", "", "bad", problem or (found and found.problem) or "an object; it has no value", "", "")
    answer = facts.answer
    unit = "" if facts.unit is None else facts.unit.said
    status = answer.status_words if answer.status else answer.status_name
    times = time_words(answer.source_time), time_words(answer.server_time)
    return (text, answer.shown, unit, facts.type_name, _QUALITY_WORDS[answer.quality], status, *times)


def _is_bad(found: FoundNode | None) -> bool:
    return found is None or found.facts is None or found.facts.answer is None or found.facts.answer.quality == Quality.BAD


def endpoints(endpoint: EndpointArgument, config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """Show how a server can be connected to: policies, modes, users, and its certificate's fingerprint (SHA-256)."""
    from ems_telemetry.connectors.opcua.endpoints import read_offers  # noqa: PLC0415 - loads asyncua

    target = find_target(endpoint, config, Login())
    offers = asyncio.run(read_offers(target.file.endpoint))
    rows = [(o.is_usable, o.policy, o.mode, ", ".join(o.users), o.url, o.fingerprint) for o in offers]
    if as_json:
        servers = {"server": offers[0].server, "application_uri": offers[0].application_uri} if offers else {}
        print_json({**servers, "endpoints": as_objects(OFFER_COLUMNS, rows)})
        return
    for server, uri in dict.fromkeys((o.server, o.application_uri) for o in offers):
        say(f"{server} ({uri})")
    print_table(OFFER_COLUMNS, [("yes" if row[0] else "no", *row[1:]) for row in rows])
