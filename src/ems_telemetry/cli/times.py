"""Times as options give them."""

from datetime import datetime

from ems_telemetry.api.times import parse_time
from ems_telemetry.cli.output import refuse


def read_time(option: str, text: str) -> datetime:
    """Reads the time of an option, into UTC.

    Raises:
        typer.Exit: it is none, or does not say its zone; told in words that name the option.
    """
    try:
        return parse_time(text)
    except ValueError as error:
        refuse(f'{option}: "{text}" {error}')
