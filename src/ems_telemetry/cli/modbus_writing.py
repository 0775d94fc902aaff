"""The file that `modbus scan --write` makes: where it goes, which site it names, and what is told about it."""

from collections.abc import Sequence
from pathlib import Path

from ems_telemetry.cli.found import site_for, taken_ids, write_text
from ems_telemetry.cli.modbus_target import PLACEHOLDER_SITE, Target
from ems_telemetry.cli.output import complain, say
from ems_telemetry.connectors.modbus.drafting import draft
from ems_telemetry.connectors.modbus.units import FoundUnit


def write_file(target: Target, found: Sequence[FoundUnit], file: Path, site: str | None, *, as_json: bool) -> None:
    """Writes the connector file and says what is in it.

    Raises:
        ConfigurationError: it cannot be written, or the site is not known.
    """
    chosen = site_for(target.configuration, site, target.file.site) or PLACEHOLDER_SITE
    drafted = draft(target.file.endpoint, chosen, found, taken_ids(target.configuration, file), target.library)
    write_text(file, drafted.text)
    if as_json:
        complain(f"written: {file}")
        return
    say(f"{file}: {drafted.meters} meter(s), {drafted.questions} unit(s) with a question behind check:")
    say("Look it through, then: ems-telemetry check && ems-telemetry check --live")
