"""Broker and service are restarted while messages flow; `tests/endurance` does it for longer."""

from pathlib import Path

import pytest
from acceptance.conftest import MakeProduct
from restarts import check_once_each, flow_through_restarts

COUNT = 5000


@pytest.mark.timeout(240)
@pytest.mark.endurance
def test_every_message_is_stored_once_however_often_broker_and_service_end(
    plain_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = flow_through_restarts(make_product, plain_url, tmp_path, count=COUNT, restarts=2)
    check_once_each(product, COUNT)
