"""`mqtt`: what an OT engineer needs while meters behind a broker are put into service."""

import typer

from ems_telemetry.cli import mqtt_listening

mqtt = typer.Typer(help="Listen to MQTT brokers.", no_args_is_help=True)
mqtt_listening.add_to(mqtt)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(mqtt, name="mqtt")


@mqtt.callback()
def _group() -> None:
    """Keeps the verb's name although it is the only one."""
