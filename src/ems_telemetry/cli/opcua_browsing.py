"""`opcua browse` and `opcua read`: what a server holds, and a connector file made from it."""

import typer


def add_to(group: typer.Typer) -> None:
    """Adds the verbs."""
    del group
