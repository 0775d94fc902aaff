"""The file that `opcua browse --write` makes: where it goes, which site it names, and what is told about it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from ems_telemetry.cli.found import site_for, taken_ids, write_text
from ems_telemetry.cli.opcua_target import PASSWORD_VARIABLE, Target
from ems_telemetry.cli.output import EXIT_FAILED, complain, print_json, say
from ems_telemetry.connectors.guessing.ids import meter_id
from ems_telemetry.connectors.opcua.address_space import FoundNode, Selection
from ems_telemetry.connectors.opcua.drafting import Heading, draft

_PATHS = frozenset({"password_file", "certificate", "key", "server_certificate"})


@dataclass(frozen=True, slots=True)
class Writing:
    """What was asked to be written."""

    file: Path
    site: str | None
    as_json: bool


def write_connector(target: Target, top: FoundNode, selection: Selection, writing: Writing) -> None:
    """Writes the connector file and says what is in it; ends with 1 if nothing was found to write."""
    heading = Heading(
        endpoint=target.file.endpoint,
        site=site_for(target.configuration, writing.site, target.file.site),
        meter=meter_id([writing.file.stem]),
        security=_from_file(target.security, writing.file),
        user=_from_file(target.user, writing.file) | _password(target),
    )
    drafted = draft(top, selection, heading, taken_ids(target.configuration, writing.file))
    if not drafted.points and not drafted.left_out:
        complain("nothing written: no variable was found")
        raise typer.Exit(EXIT_FAILED)
    write_text(writing.file, drafted.text)
    told = {"file": str(writing.file), "points": drafted.points, "questions": drafted.questions, "left_out": drafted.left_out}
    if writing.as_json:
        print_json(told)
        return
    say(
        f"{writing.file}: {drafted.points} point(s), {drafted.questions} of them with a question behind check:, "
        f"{drafted.left_out} variable(s) left out, each with its reason"
    )
    say("Look it through, then: ems-telemetry check && ems-telemetry check --live")


def _from_file(keys: Mapping[str, str], file: Path) -> dict[str, str]:
    """Gives paths from the folder of the new file, as all paths in a file are meant."""
    return {key: os.path.relpath(text, file.parent) if key in _PATHS else text for key, text in keys.items()}


def _password(target: Target) -> dict[str, str]:
    if "name" not in target.user or not target.user.keys().isdisjoint({"password", "password_file"}):
        return {}
    if PASSWORD_VARIABLE not in os.environ:
        complain(f"the file takes the password from the environment: set {PASSWORD_VARIABLE} before it is checked or run")
    return {"password": f"${{{PASSWORD_VARIABLE}}}"}
