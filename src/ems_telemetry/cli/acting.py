"""Who acts by the command line, as the audit trail names them."""

import getpass

from ems_telemetry.storage.audit import Actor


def command_actor() -> Actor:
    """Gives the user of this machine who runs the command."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return Actor(f"command:{user}", user)
