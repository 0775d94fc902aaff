"""`opcua certificate` and `opcua trust`: our own certificate, and which servers we believe."""

import typer


def add_to(group: typer.Typer) -> None:
    """Adds the verbs."""
    del group
