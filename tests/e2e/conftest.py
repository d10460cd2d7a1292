"""One product for the tests of a file, in a home of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.product import Product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("product") / "home")
    try:
        yield product
    finally:
        product.run("down", "--purge")
