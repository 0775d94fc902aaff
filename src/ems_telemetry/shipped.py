"""Finds the files that travel with the product: inside the package in a wheel, at the top of a checkout otherwise."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Finds a shipped folder.

    Args:
        name: `migrations`, `connectors` or `config`.

    Returns:
        The folder's path.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for folder in (_PACKAGE / "shipped" / name, _PACKAGE.parents[1] / name):
        if folder.is_dir():
            return folder
    message = f"the folder {name!r} is missing from this installation of ems-telemetry; install it again"
    raise FileNotFoundError(message)
