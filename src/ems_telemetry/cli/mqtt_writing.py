"""The file that `mqtt listen --write` makes: where it goes, which site it names, and what is told about it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from ems_telemetry.cli.found import site_for, taken_ids, write_text
from ems_telemetry.cli.mqtt_target import PASSWORD_VARIABLE, PATHS, Target
from ems_telemetry.cli.output import EXIT_FAILED, complain, print_json, say
from ems_telemetry.clock import SystemClock
from ems_telemetry.connectors.guessing.ids import meter_id
from ems_telemetry.connectors.mqtt.drafting import Heading, draft
from ems_telemetry.connectors.mqtt.hearing import Hearing


@dataclass(frozen=True, slots=True)
class Writing:
    """What was asked to be written."""

    file: Path
    site: str | None
    as_json: bool


def write_connector(target: Target, hearing: Hearing, writing: Writing) -> None:
    """Writes the connector file and says what is in it; ends with 1 if nothing was heard to write."""
    if not hearing.topics:
        complain("nothing written: nothing was heard; see the topic, the access rules, and how long was listened")
        raise typer.Exit(EXIT_FAILED)
    heading = Heading(
        endpoint=target.file.endpoint,
        site=site_for(target.configuration, writing.site, target.file.site),
        meter=meter_id([writing.file.stem]),
        user=_from_file(target.user, writing.file) | _password(target),
        tls=_from_file(target.tls, writing.file),
    )
    drafted = draft(hearing, heading, SystemClock().now(), taken_ids(target.configuration, writing.file))
    write_text(writing.file, drafted.text)
    nodes = [{"group": group, "edge_node": node} for group, node in hearing.sparkplug_nodes]
    told = {"meters": drafted.meters, "points": drafted.points, "questions": drafted.questions, "left_out": drafted.left_out}
    if writing.as_json:
        print_json({"file": str(writing.file), **told, "sparkplug": nodes})
        return
    say(
        f"{writing.file}: {drafted.meters} meter(s), {drafted.points} point(s), {drafted.questions} of them with a question "
        f"behind check:, {drafted.left_out} topic(s) and field(s) left out, each with its reason"
    )
    if nodes:
        say("Sparkplug B was heard too: the end of the file says what to do")
    say("Look it through, then: ems-telemetry check")


def _from_file(keys: Mapping[str, str], file: Path) -> dict[str, str]:
    """Gives paths from the folder of the new file, as all paths in a file are meant."""
    return {key: os.path.relpath(text, file.parent) if key in PATHS else text for key, text in keys.items()}


def _password(target: Target) -> dict[str, str]:
    if "name" not in target.user or not target.user.keys().isdisjoint({"password", "password_file"}):
        return {}
    if PASSWORD_VARIABLE not in os.environ:
        complain(f"the file takes the password from the environment: set {PASSWORD_VARIABLE} before it is checked or run")
    return {"password": f"${{{PASSWORD_VARIABLE}}}"}
