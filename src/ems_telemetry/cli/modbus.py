"""`modbus`: what an OT engineer needs while meters are put into service."""

import typer

from ems_telemetry.cli import modbus_decoding, modbus_planning, modbus_reading, modbus_scanning

modbus = typer.Typer(help="Find meters on a line, read them, and make out what their registers say.", no_args_is_help=True)
for part in (modbus_scanning, modbus_reading, modbus_decoding, modbus_planning):
    part.add_to(modbus)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(modbus, name="modbus")
