"""`evidence`: what an auditor takes away, and how it is verified without the plant it comes from."""

import typer

from ems_telemetry.cli import evidence_keys, evidence_packing, evidence_verifying

evidence = typer.Typer(help="Make and verify evidence packs, and the key that signs them.", no_args_is_help=True)
for part in (evidence_packing, evidence_verifying, evidence_keys):
    part.add_to(evidence)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(evidence, name="evidence")
