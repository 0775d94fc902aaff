"""`opcua`: what an OT engineer needs while a server is put into service."""

import typer

from ems_telemetry.cli import opcua_browsing, opcua_certificates

opcua = typer.Typer(help="Look into OPC UA servers, and settle whose certificates are trusted.", no_args_is_help=True)
for part in (opcua_browsing, opcua_certificates):
    part.add_to(opcua)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(opcua, name="opcua")
