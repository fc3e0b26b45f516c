"""What holds for the shop on every deployment: one suite, run as a user would, against whatever answers.

The tests of a class share one deployment and run in the order written: what a crash leaves is looked at last.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.shop.client import TABLE, ShopClient, eventually
from tests.shop.goods import PRODUCTS, STATUSES
from tests.shop.model import INDEXES, Model
from tests.shop.waves import waves

SEED = 20261121
INDEX_KEYS = {"orders-by-status": STATUSES, "lines-by-product": PRODUCTS}


class Deployment(ABC):
    """Something that speaks DynamoDB at `endpoint`."""

    endpoint: str
    patience_s: float
    """How long an index, an eventual read or a restore may take."""

    @abstractmethod
    def crash(self) -> None:
        """SIGKILL every process there is, start everything anew, return when it answers."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant between two waves, and the shop as it was."""

    instant: datetime
    model: Model


@dataclass(frozen=True, slots=True)
class TradedShop:
    """A shop after three waves."""

    deployment: Deployment
    client: ShopClient
    model: Model
    moments: list[Moment]


@contextmanager
def trade(deployment: Deployment) -> Iterator[TradedShop]:
    """Open a shop, play all waves, and check the content after each."""
    client = ShopClient(deployment.endpoint)
    try:
        client.open_shop()
        model = Model()
        moments = []
        for wave in waves(SEED):
            client.play(wave)
            for change in wave:
                model.apply(change)
            time.sleep(0.001)  # after the wave's last microsecond ...
            moments.append(Moment(datetime.now(UTC), Model(dict(model.items), model.history)))
            time.sleep(0.001)  # ... and before the next wave's first
            assert_shows(client, deployment, TABLE, moments[-1].model)
        yield TradedShop(deployment, client, model, moments)
    finally:
        client.close()


def assert_shows(client: ShopClient, deployment: Deployment, table: str, model: Model) -> None:
    """The table shows the model at once to strong reads, and before long in its count and indexes."""
    assert client.items(table, model.partition_keys()) == model.items
    patience_s = deployment.patience_s
    rows = {index.name: index.rows(model.items) for index in INDEXES}
    counts = {table: len(model.items)} | {name: len(expected) for name, expected in rows.items()}
    eventually(lambda: client.item_counts(table), counts, patience_s=patience_s)
    for index in INDEXES:  # each look takes all its pages: only once the counts say that it is all there
        eventually(
            lambda index=index: client.index(table, index, INDEX_KEYS[index.name]),  # type: ignore[misc]
            rows[index.name],
            patience_s=patience_s,
        )


class ShopClaims:
    """Subclass in a file per deployment, beside a module-wide fixture `shop` that trades on it."""

    def test_the_table_and_its_indexes_equal_the_model_after_each_wave(self, shop: TradedShop) -> None:
        """Checked by `trade` while the shop was open; here only that it was a shop worth the name."""
        assert len(shop.model.history) >= 20_000

    def test_eventual_reads_come_to_equal_the_model(self, shop: TradedShop) -> None:
        keys = shop.model.partition_keys()
        patience_s = shop.deployment.patience_s
        eventually(lambda: shop.client.items(TABLE, keys, strong=False), shop.model.items, patience_s=patience_s)

    @pytest.mark.parametrize("wave", range(3))
    def test_a_restore_equals_the_model_of_its_instant(self, shop: TradedShop, wave: int) -> None:
        restore_and_compare(shop, wave, f"shop-{wave}")
        if wave > 0:  # the first one is to survive the crash
            shop.client.drop(f"shop-{wave}")

    def test_everything_survives_the_death_of_all_processes(self, shop: TradedShop) -> None:
        shop.deployment.crash()
        assert_shows(shop.client, shop.deployment, TABLE, shop.model)
        assert_shows(shop.client, shop.deployment, "shop-0", shop.moments[0].model)

    @pytest.mark.parametrize("wave", range(3))
    def test_a_restore_after_the_crash_equals_the_model_of_its_instant(self, shop: TradedShop, wave: int) -> None:
        restore_and_compare(shop, wave, f"shop-{wave}-after-crash")
        shop.client.drop(f"shop-{wave}-after-crash")


def restore_and_compare(shop: TradedShop, wave: int, name: str) -> None:
    moment = shop.moments[wave]
    shop.client.restore(moment.instant, name, shop.deployment.patience_s)
    assert_shows(shop.client, shop.deployment, name, moment.model)
