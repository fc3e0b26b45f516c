"""The shop on a whole cluster: every service, three brokers and the object store as processes of their own."""

from collections.abc import Iterator

import pytest

from stator.codec.change_topics import topic_name
from tests.native_cluster import BreakableCluster
from tests.shop.changes_seen import consume_history
from tests.shop.claims import Deployment, ShopClaims, TradedShop, trade
from tests.shop.client import TABLE
from tools.brokers import bootstrap_servers

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


class ClusterDeployment(Deployment):
    patience_s = 90.0

    def __init__(self, cluster: BreakableCluster) -> None:
        self.endpoint = cluster.endpoint
        self.kafka = bootstrap_servers(cluster.native.ports.kafka)
        self._cluster = cluster

    def crash(self) -> None:
        self._cluster.take_down(*(spec.name for spec in self._cluster.native.specs))
        self._cluster.heal()


@pytest.fixture(scope="module")
def shop(shared_cluster: BreakableCluster) -> Iterator[TradedShop]:
    with shared_cluster.borrowed(), trade(ClusterDeployment(shared_cluster)) as traded:
        yield traded


class TestShopCluster(ShopClaims):
    """All of it, and the change topic."""

    def test_a_consumer_of_the_change_topic_sees_every_change_once_in_order(self, shop: TradedShop) -> None:
        """After the crash, so that whatever it made the publishers repeat would show."""
        deployment = shop.deployment
        assert isinstance(deployment, ClusterDeployment)
        described = shop.client.client.describe_table(TableName=TABLE)["Table"]
        seen = consume_history(
            deployment.kafka,
            topic_name(TABLE, described["LatestStreamLabel"]),
            changes=sum(map(len, shop.model.history.values())),
            patience_s=deployment.patience_s,
        )
        assert seen == shop.model.history
