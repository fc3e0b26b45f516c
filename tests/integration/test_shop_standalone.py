"""The shop on the embedded default: one process, one directory."""

from collections.abc import Iterator

import pytest

from tests.shop.claims import Deployment, ShopClaims, TradedShop, trade
from tests.standalone_server import StandaloneServer, standalone


class StandaloneDeployment(Deployment):
    patience_s = 30.0

    def __init__(self, server: StandaloneServer) -> None:
        self.endpoint = server.endpoint
        self._server = server

    def crash(self) -> None:
        self._server.kill()
        self._server.start()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradedShop]:
    directory = tmp_path_factory.mktemp("shop")
    with standalone(directory, "--partitions", "2") as server, trade(StandaloneDeployment(server)) as traded:
        yield traded


class TestShopStandalone(ShopClaims):
    """All of it."""
