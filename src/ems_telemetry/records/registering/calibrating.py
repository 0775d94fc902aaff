"""Completes what is stated of a check by what is known of its instrument, and refuses what contradicts that (CR-47)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ems_telemetry.errors import CannotComputeError, PermanentError
from ems_telemetry.records.facts import entries
from ems_telemetry.records.facts.measured_by import read_calibrations
from ems_telemetry.records.registers.instruments import Verdict
from ems_telemetry.rules.arithmetic import digits
from ems_telemetry.rules.calibration import AsFound, as_found
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, NewEntry, read_entries


class ContradictionError(PermanentError):
    """What is stated does not fit what is known; `field` names the part of the body, `value` what it says where that helps."""

    def __init__(self, field: str, words: str, value: str | None = None) -> None:
        super().__init__(words)
        self.field = field
        self.value = value


async def complete(connection: Connection, new: NewEntry) -> NewEntry:
    """Fills in the result of a check and when the next one is due; other facts stay as they are stated.

    Raises:
        ContradictionError: there is no such instrument then, the result is missing or not what was found, or there is another
            check of this moment.
    """
    if new.kind != "calibration":
        return new
    at = datetime.fromisoformat(new.body["at"])
    instrument = await find_instrument(connection, new.body["instrument"], at)
    if instrument is None or instrument.site != new.site:
        raise ContradictionError(
            "instrument", f'there is no instrument "{new.body["instrument"]}" at {new.site} on {at:%Y-%m-%d}; add it first'
        )
    await _require_moment_of_its_own(connection, new, at)
    result = _result(new.body, instrument)
    return new._replace(body={**new.body, "result": result, "due": _due(new.body, instrument, at)})


async def find_instrument(connection: Connection, id_: str, at: datetime, as_of: datetime | None = None) -> EntryRow | None:
    """Gives the revision of an instrument that is in force at a moment."""
    rows = await read_entries(connection, EntryFilter("instrument", as_of=as_of, id=id_))
    held = entries.covering(rows, at, needs_approval=False)
    return held[0] if held else None


async def _require_moment_of_its_own(connection: Connection, new: NewEntry, at: datetime) -> None:
    known = entries.newest(await read_calibrations(connection, new.body["instrument"]), needs_approval=False)
    for other in known:
        if other.id != new.id and datetime.fromisoformat(other.body["at"]) == at:
            raise ContradictionError("at", f'calibration "{other.id}" of it is of the same moment; void one of them')


def _result(body: Mapping[str, Any], instrument: EntryRow) -> str:
    said: str | None = body["result"]
    tolerance = instrument.body["tolerance_percent"]
    if body["as_found"] is None or tolerance is None:
        if said is None:
            raise ContradictionError(
                "result", "say it, or give `as_found` and enter `tolerance_percent` of the instrument, of which it follows"
            )
        return said
    found = _found(body["as_found"], Decimal(tolerance))
    follows = Verdict.PASS if found.passed else Verdict.FAIL
    if said not in {None, follows}:
        raise ContradictionError(
            "result",
            f"the error as found is {digits(found.error_percent)} % of full scale, which is a {follows} at {tolerance} %; "
            "correct what is wrong, or leave `result` out",
        )
    return follows


def _found(told: Mapping[str, Any], tolerance: Decimal) -> AsFound:
    try:
        return as_found(Decimal(told["reference"]), Decimal(told["reading"]), Decimal(told["full_scale"]), tolerance)
    except CannotComputeError as error:
        raise ContradictionError("as_found", str(error)) from error


def _due(body: Mapping[str, Any], instrument: EntryRow, at: datetime) -> str | None:
    days = instrument.body["calibration_interval_days"]
    said: str | None = body["due"]
    if said is not None or days is None:
        return said
    return (at + timedelta(days=days)).isoformat().replace("+00:00", "Z")
