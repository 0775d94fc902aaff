"""The service killed while a server counts on: afterwards the database holds every count, and says which came late."""

from datetime import datetime
from pathlib import Path
from time import sleep

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product
from servers.node_opcua import NodeOpcuaServer
from servers.process import serving

from ems_telemetry.model import Flag

AWAY_S = 10.0


def counter_file(endpoint: str) -> str:
    return f"""
        type: opcua
        endpoint: {endpoint}
        publishing_interval: 200ms
        site: BER1
        history: {{delay: 500ms}}
        meters:
          - id: CA-01
            medium: compressed_air
            points:
              - id: total
                node: "nsu=urn:plc:air;s=Kept.0"
                quantity: compressed_air_volume
                unit: Nm3
                kind: counter
                queue_size: 100
        """


def stored(product: Product) -> list[tuple[datetime, float, int]]:
    return [(time, value, flags) for time, value, _, flags, _ in product.values("CA-01.total")]


def counted(server: NodeOpcuaServer) -> list[tuple[datetime, float]]:
    return [(datetime.fromisoformat(row["time"]), float(row["value"])) for row in server._ask("counted", "Kept.0")]


def is_complete(product: Product, server: NodeOpcuaServer) -> bool:
    rows = [(time, value) for time, value, _ in stored(product)]
    return rows == [each for each in counted(server) if rows[0][0] <= each[0] <= rows[-1][0]]


@pytest.mark.timeout(150)
@pytest.mark.endurance
def test_a_service_killed_for_ten_seconds_misses_nothing_that_the_server_keeps(
    database_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    server = NodeOpcuaServer(tmp_path, furniture="history")
    product = make_product(database_url, {"plc": counter_file(server.endpoint)})
    with serving(server):
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: len(stored(product)) > 30, "thirty counts")
        product.kill()
        killed_at = counted(server)[-1][0]
        sleep(AWAY_S)
        product.start()
        started_at = counted(server)[-1][0]
        product.wait_for(lambda: any(flags & Flag.BACKFILLED for *_, flags in stored(product)), "late rows")
        product.wait_for(lambda: is_complete(product, server), "every count")
        assert product.stop() == 0
    rows = stored(product)
    assert all(flags & Flag.BACKFILLED for time, _, flags in rows if killed_at < time < started_at)
    assert sum(bool(flags & Flag.BACKFILLED) for *_, flags in rows) >= 90
    assert not any(flags & Flag.BACKFILLED for _, _, flags in rows[:20])
    assert product.rows("SELECT count(*) FROM gaps") == [(0,)]
    assert product.rows("SELECT count(*) FROM dead_letters") == [(0,)]
