"""Products under test; each is ended when its test is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acceptance.product import Product

MakeProduct = Callable[..., Product]


@pytest.fixture
def make_product(tmp_path: Path) -> Iterator[MakeProduct]:
    made: list[Product] = []

    def make(database: str, connectors: dict[str, str], settings: str = "") -> Product:
        product = Product(tmp_path / f"plant-{len(made)}", database, connectors, settings)
        made.append(product)
        return product

    yield make
    for product in made:
        product.kill()
