"""The examples do what they say they do, as programs and by their functions."""

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from examples import employees, forum, shop
from stator.testing import StatorServer
from tests.shop.client import eventually

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE_S = 30.0
PRINTED = {
    "employees.py": """\
Ada 100
Grace 200
Hedy 300
""",
    "forum.py": """\
this week: ['Filter coffee', 'Night trains']
most liked: ['Night trains (2)', 'Filter coffee (1)']
said: ['meera: Which one?', 'ravi: Side lower!']
""",
    "shop.py": """\
1. Ada
2. ['PROFILE', 'ORDER#2026-11-20#1003']
3. ['ORDER#2026-11-05#1001']
4. [('LINE#01', Decimal('1')), ('LINE#02', Decimal('6')), ('ORDER', Decimal('66.9'))]
5. ['ORDER#1002', 'ORDER#1003']
6. ['8']
""",
}


@pytest.mark.parametrize("program", PRINTED)
def test_a_program_prints_what_it_should_and_leaves_nothing(stator: StatorServer, program: str) -> None:
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / program)],
        env=os.environ | {"AWS_ENDPOINT_URL_DYNAMODB": stator.endpoint_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (ran.stdout, ran.stderr) == (PRINTED[program], "")
    assert stator.client().list_tables()["TableNames"] == []


def test_every_example_is_on_the_page_and_every_line_of_the_page_is_an_example() -> None:
    named = re.findall(r"^- \[([\w.]+)\]", (EXAMPLES / "README.md").read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in EXAMPLES.glob("*.py"))


def test_each_of_the_shops_six_questions_is_one_request(stator: StatorServer) -> None:
    table = shop.create_table(stator.resource())
    table.wait_until_exists()
    shop.open_shop(table)
    eventually(lambda: len(shop.orders_to_ship(table, 10)), 2, patience_s=PATIENCE_S)
    sent: list[str] = []
    table.meta.client.meta.events.register("before-send.dynamodb", lambda event_name, **_: sent.append(event_name))
    questions: list[Any] = [
        lambda: shop.profile(table, "7"),
        lambda: shop.customer_with_latest_orders(table, "7", 5),
        lambda: shop.orders_between(table, "7", "2026-11-01", "2026-11-30"),
        lambda: shop.order_with_lines(table, "1001"),
        lambda: shop.orders_to_ship(table, 10),
        lambda: shop.sales_since(table, "teapot", "2026-11-10"),
    ]
    for number, question in enumerate(questions, start=1):
        assert question()
        assert len(sent) == number


def test_an_order_for_nobody_leaves_nothing(stator: StatorServer) -> None:
    table = shop.create_table(stator.resource())
    table.wait_until_exists()
    with pytest.raises(table.meta.client.exceptions.TransactionCanceledException):
        shop.place_order(table, "nobody", "1", "2026-11-05", {"cup": (1, Decimal("4.50"))})
    assert table.scan(ConsistentRead=True)["Items"] == []


def test_an_order_is_shipped_once(stator: StatorServer) -> None:
    table = shop.create_table(stator.resource())
    table.wait_until_exists()
    shop.open_shop(table)
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        shop.ship_order(table, "7", "2026-11-05", "1001")


def test_a_like_that_was_acknowledged_is_in_the_next_reading_of_the_order(stator: StatorServer) -> None:
    posts = forum.create_posts(stator.resource())
    posts.wait_until_exists()
    for number in range(5):
        forum.write_post(posts, "india", f"2026-11-{number:02d}", f"post {number}")
    for likes in range(1, 21):
        liked = f"2026-11-{likes % 5:02d}"
        forum.like(posts, "india", liked)
        counts = {post["posted_at"]: int(post["likes"]) for post in forum.most_liked_posts(posts, "india", 5)}
        assert sum(counts.values()) == likes
        assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_who_leaves_a_department_is_in_no_list(stator: StatorServer) -> None:
    table = employees.create_table(stator.resource())
    table.wait_until_exists()
    employees.hire(table, "u1", "Ada", "engineering", "100", 5000)
    listed = [{"user_id": "u1", "department": "engineering", "name": "Ada", "phone": "100"}]
    eventually(lambda: employees.phone_list(table, "engineering"), listed, patience_s=PATIENCE_S)
    employees.leave(table, "u1")
    eventually(lambda: employees.phone_list(table, "engineering"), [], patience_s=PATIENCE_S)
    assert table.get_item(Key={"user_id": "u1"})["Item"]["salary"] == 5000
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        employees.hire(table, "u1", "Somebody else", "research", "1", 1)
