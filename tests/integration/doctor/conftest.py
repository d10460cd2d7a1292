"""One running product for all tests of the doctor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.product import Product

from clearsight.settings import load_settings
from tests.integration.doctor.world import World, environment


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("doctor")
    product = Product(folder / "home")
    try:
        product.run("up")
        with environment(CLEARSIGHT_HOME=str(product.home)):
            settings = load_settings()
        world = World(product, settings, folder)
        world.settle()  # a task runs before it has its slot
        yield world
    finally:
        product.run("down", "--purge")
