"""A connector file made from what a scan found: meters of known models ready to run, the others as questions. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ems_telemetry.connectors.modbus.library import Library
from ems_telemetry.connectors.modbus.units import FoundUnit

SUNSPEC = (("sunspec/meter", frozenset(range(201, 215))), ("sunspec/inverter", frozenset(range(101, 114))))
"""The profiles of SunSpec devices, and the models each reads."""
_HEAD = """\
# Made by `ems-telemetry modbus scan --write`. Where it asks something behind "check:", look at the meter's plate.
type: modbus
endpoint: {endpoint}
site: {site}
"""


class Drafted(NamedTuple):
    """A file, and how much of it is certain."""

    text: str
    meters: int
    questions: int
    """Meters, or units, that a person must look at."""


def draft(endpoint: str, site: str, units: Sequence[FoundUnit], taken: Collection[str], library: Library) -> Drafted:
    """Writes a connector file.

    Args:
        endpoint: as it was scanned.
        site: the site's id, or a placeholder.
        units: what was found.
        taken: meter ids of other files.
        library: where the profiles are.
    """
    known = {profile.name for profile in library.all()}
    ids = set(taken)
    lines: list[str] = []
    meters = questions = 0
    for unit in units:
        choices = [name for name in _profiles_of(unit) if name in known]
        meters += bool(choices)
        questions += len(choices) != 1 or not (unit.proved or unit.models)
        lines += _meter(unit, choices, _free_id(unit, choices, ids)) if choices else _question(unit)
    head = _HEAD.format(endpoint=endpoint, site=site)
    body = "meters:\n" if meters else "meters: []    # a meter needs a profile or points\n"
    return Drafted(head + body + "".join(f"  {line}\n" for line in lines), meters, questions)


def _profiles_of(unit: FoundUnit) -> Sequence[str]:
    return [name for name, models in SUNSPEC if models & set(unit.models)] or unit.profiles


def _meter(unit: FoundUnit, choices: Sequence[str], id_: str) -> Iterator[str]:
    yield f"# unit {unit.unit_id}: {_said(unit)}"
    others = f" or {', '.join(choices[1:])}" if choices[1:] else ""
    doubt = "" if unit.proved or unit.models else f"    # check: perhaps{others or ' another model'}"
    yield f"- id: {id_}"
    yield f"  unit_id: {unit.unit_id}"
    yield f"  profile: {choices[0]}{doubt}"


def _question(unit: FoundUnit) -> Iterator[str]:
    yield f"# unit {unit.unit_id}: {_said(unit)}"
    yield "# check: no profile fits. Say its registers, or find its profile: ems-telemetry profiles list"
    yield f"# - {{id: METER, unit_id: {unit.unit_id}, profile: …}}"


def _said(unit: FoundUnit) -> str:
    return ", ".join(f"{name} {text}" for name, text in unit.says.items()) or "says nothing of itself"


def _free_id(unit: FoundUnit, choices: Sequence[str], ids: set[str]) -> str:
    model = re.sub(r"[^A-Za-z0-9]+", "-", choices[0].partition("/")[2]).strip("-").upper()
    for number in range(unit.unit_id, 100_000):
        id_ = f"{model}-{number:02d}"
        if id_ not in ids:
            ids.add(id_)
            return id_
    raise ValueError(f"no id is free for unit {unit.unit_id}")
