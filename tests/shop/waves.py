"""Three waves of trade: a shop opens, does business, and forgets customers who ask for it. A function of the seed alone."""

from collections.abc import Iterator
from itertools import chain

from tests.shop.changes import (
    Change,
    Item,
    Key,
    archive_order,
    change_quantity,
    delete,
    move_house,
    note,
    put,
    set_status,
)
from tests.shop.goods import STATUSES, Goods
from tests.shop.model import Model

NEW_CUSTOMERS = (300, 60, 60)
ORDERS_PER_CUSTOMER = 9
ORDERS_OF_OLD_CUSTOMERS = 420
UPDATES = 1_700
ORDERS_CANCELLED = 90
CUSTOMERS_ERASED = 12
WRITES_WITHOUT_EFFECT = 40


def waves(seed: int) -> list[list[Change]]:
    """The changes of each wave. Changes of one customer are in order; those of different customers may be done in any."""
    goods = Goods(seed)
    model = Model()
    done = []
    for number, new_customers in enumerate(NEW_CUSTOMERS):
        wave: list[Change] = []
        for change in chain(_openings(goods, new_customers), _trade(goods, model) if number else ()):
            model.apply(change)
            wave.append(change)
        done.append(wave)
    return done


def _openings(goods: Goods, customers: int) -> Iterator[Change]:
    for _ in range(customers):
        profile = goods.customer()
        yield put(profile)
        for _ in range(ORDERS_PER_CUSTOMER):
            yield from map(put, goods.order(profile["pk"]["S"]))


def _trade(goods: Goods, model: Model) -> Iterator[Change]:
    dice = goods.dice
    customers = [key for key in model.items if key[1] == "PROFILE"]
    for _ in range(ORDERS_OF_OLD_CUSTOMERS):
        yield from map(put, goods.order(dice.choice(customers)[0]))
    for key in dice.choices(list(model.items), k=UPDATES):
        yield _update(goods, key, model.items[key])
    for key in dice.sample(list(model.items), WRITES_WITHOUT_EFFECT):
        yield put(model.items[key])
        yield delete((key[0], f"{key[1]}#never-was"))
    orders = [key for key, item in model.items.items() if item.get("status") == {"S": STATUSES[0]}]
    for order in dice.sample(orders, ORDERS_CANCELLED):
        yield from (delete(key) for key in list(model.items) if key[0] == order[0] and key[1].startswith(order[1]))
    for customer in dice.sample(customers, CUSTOMERS_ERASED):
        yield from (delete(key) for key in list(model.items) if key[0] == customer[0])


def _update(goods: Goods, key: Key, item: Item) -> Change:
    dice = goods.dice
    if key[1] == "PROFILE":
        return move_house(key, goods.street(), dice.randint(1, 50))
    if "product" in item:
        return change_quantity(key, dice.choice((-1, 1, 2)))
    if "status" not in item or dice.random() < 0.1:
        return note(key, f"called {goods.moment()}")
    if item["status"]["S"] == STATUSES[-1]:
        return archive_order(key)
    following = STATUSES[STATUSES.index(item["status"]["S"]) + 1]
    return set_status(key, following, goods.moment())
