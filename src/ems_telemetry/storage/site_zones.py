"""The time zones of sites."""

from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.translation import translated

_ZONES = "SELECT id, timezone FROM sites"


async def read_zones(connection: Connection) -> dict[str, str]:
    """Gives the IANA zone of each site."""
    with translated():
        return dict(await (await connection.execute(_ZONES)).fetchall())
