"""The file that `opcua browse --write` makes: where it goes, which site it names, and what is told about it."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from ems_telemetry.cli.opcua_target import PASSWORD_VARIABLE, PLACEHOLDER_SITE, Found, Target
from ems_telemetry.cli.output import EXIT_FAILED, complain, print_json, say
from ems_telemetry.config.load import read_connector
from ems_telemetry.config.problems import not_known
from ems_telemetry.connectors.contract import find_connector_types
from ems_telemetry.connectors.opcua.address_space import FoundNode, Selection
from ems_telemetry.connectors.opcua.drafted_names import meter_id
from ems_telemetry.connectors.opcua.drafting import Heading, draft
from ems_telemetry.errors import ConfigurationError, Problem

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
        site=_site(target, writing.site),
        meter=meter_id([writing.file.stem]),
        security=_from_file(target.security, writing.file),
        user=_from_file(target.user, writing.file) | _password(target),
    )
    drafted = draft(top, selection, heading, _taken_ids(target.configuration, writing.file))
    if not drafted.points and not drafted.left_out:
        complain("nothing written: no variable was found")
        raise typer.Exit(EXIT_FAILED)
    try:
        writing.file.parent.mkdir(parents=True, exist_ok=True)
        writing.file.write_text(drafted.text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([Problem(writing.file, None, f"cannot be written: {error.strerror}")]) from error
    told = {"file": str(writing.file), "points": drafted.points, "questions": drafted.questions, "left_out": drafted.left_out}
    if writing.as_json:
        print_json(told)
        return
    say(
        f"{writing.file}: {drafted.points} point(s), {drafted.questions} of them with a question behind check:, "
        f"{drafted.left_out} variable(s) left out, each with its reason"
    )
    say("Look it through, then: ems-telemetry check && ems-telemetry check --live")


def _site(target: Target, wanted: str | None) -> str | None:
    if target.configuration is None:
        return wanted
    sites = [site.id for site in target.configuration.plant().sites]
    if wanted is not None and wanted not in sites:
        raise ConfigurationError([Problem(target.configuration.settings.plant, None, not_known("site", wanted, sites))])
    if wanted is None and target.file.site in sites:
        return target.file.site
    return wanted or (sites[0] if len(sites) == 1 and sites[0] != PLACEHOLDER_SITE else None)


def _from_file(keys: Mapping[str, str], file: Path) -> dict[str, str]:
    """Gives paths from the folder of the new file, as all paths in a file are meant."""
    return {key: os.path.relpath(text, file.parent) if key in _PATHS else text for key, text in keys.items()}


def _password(target: Target) -> dict[str, str]:
    if "name" not in target.user or not target.user.keys().isdisjoint({"password", "password_file"}):
        return {}
    if PASSWORD_VARIABLE not in os.environ:
        complain(f"the file takes the password from the environment: set {PASSWORD_VARIABLE} before it is checked or run")
    return {"password": f"${{{PASSWORD_VARIABLE}}}"}


def _taken_ids(found: Found | None, file: Path) -> Collection[str]:
    """Finds the meters of all other connector files; a file that is wrong is `check`'s business."""
    if found is None:
        return ()
    types = {name: type_.file for name, type_ in find_connector_types().items()}
    ids: set[str] = set()
    for path in found.connectors().values():
        if path.resolve() == file.resolve():
            continue
        try:
            ids |= {meter.id for meter in read_connector(path, types)[1].meters}
        except ConfigurationError:
            continue
    return ids
