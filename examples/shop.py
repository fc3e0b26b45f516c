"""A shop in a single table: customers, orders and their lines, and six questions that each take one request.

There are no joins, so what is read together is stored together. Every item names itself up to three times:

    what      pk           sk                    gsi1pk      gsi1sk      gsi2pk            gsi2sk
    customer  CUSTOMER#7   PROFILE
    order     CUSTOMER#7   ORDER#<when>#<order>  ORDER#1001  ORDER       STATUS#placed     <when>
    line      ORDER#1001   LINE#01               ORDER#1001  LINE#01     PRODUCT#teapot    <when>

Under `pk` a customer lies beside their orders; in the index `gsi1` an order lies beside its lines; `gsi2` is sparse: it holds
orders by what is to be done with them, and lines by product.

    python examples/shop.py           (a server on localhost:8000, or wherever AWS_ENDPOINT_URL_DYNAMODB says)
"""

import os
import time
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key

Item = dict[str, Any]


def create_table(database: Any) -> Any:
    """The one table and its two indexes."""
    names = ("pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk")
    return database.create_table(
        TableName="Shop",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=_key("pk", "sk"),
        GlobalSecondaryIndexes=[
            {"IndexName": name, "KeySchema": _key(f"{name}pk", f"{name}sk"), "Projection": {"ProjectionType": "ALL"}}
            for name in ("gsi1", "gsi2")
        ],
    )


# --- writes ------------------------------------------------------------------------------------------------


def add_customer(table: Any, customer: str, name: str) -> None:
    """A new customer; refused when there is one already."""
    profile = {"pk": f"CUSTOMER#{customer}", "sk": "PROFILE", "name": name}
    table.put_item(Item=profile, ConditionExpression=Attr("pk").not_exists())


def place_order(table: Any, customer: str, order: str, placed_at: str, lines: dict[str, tuple[int, Decimal]]) -> None:
    """An order and its lines, product to (quantity, price): all of them or none, and only for a customer that there is."""
    items = [
        {
            "pk": f"CUSTOMER#{customer}",
            "sk": f"ORDER#{placed_at}#{order}",
            "gsi1pk": f"ORDER#{order}",
            "gsi1sk": "ORDER",
            "gsi2pk": "STATUS#placed",
            "gsi2sk": placed_at,
            "total": sum(quantity * price for quantity, price in lines.values()),
        }
    ]
    for number, (product, (quantity, price)) in enumerate(lines.items(), start=1):
        items.append(
            {
                "pk": f"ORDER#{order}",
                "sk": f"LINE#{number:02d}",
                "gsi1pk": f"ORDER#{order}",
                "gsi1sk": f"LINE#{number:02d}",
                "gsi2pk": f"PRODUCT#{product}",
                "gsi2sk": placed_at,
                "customer": customer,
                "quantity": quantity,
                "price": price,
            }
        )
    known = {
        "TableName": table.name,
        "Key": {"pk": f"CUSTOMER#{customer}", "sk": "PROFILE"},
        "ConditionExpression": "attribute_exists(pk)",
    }
    new = {"TableName": table.name, "ConditionExpression": "attribute_not_exists(pk)"}
    table.meta.client.transact_write_items(
        TransactItems=[{"ConditionCheck": known}, *({"Put": new | {"Item": item}} for item in items)]
    )


def ship_order(table: Any, customer: str, placed_at: str, order: str) -> None:
    """The order leaves the index of what is to be done. It is shipped once, whoever else tries."""
    table.update_item(
        Key={"pk": f"CUSTOMER#{customer}", "sk": f"ORDER#{placed_at}#{order}"},
        UpdateExpression="SET shipped = :yes REMOVE gsi2pk, gsi2sk",
        ConditionExpression=Attr("pk").exists() & Attr("shipped").not_exists(),
        ExpressionAttributeValues={":yes": True},
    )


# --- six questions, one request each ----------------------------------------------------------------------------


def profile(table: Any, customer: str) -> Item:
    """1. Who is this?"""
    found: Item = table.get_item(Key={"pk": f"CUSTOMER#{customer}", "sk": "PROFILE"})["Item"]
    return found


def customer_with_latest_orders(table: Any, customer: str, orders: int) -> list[Item]:
    """2. The customer's page: the profile, then the newest orders. Read backwards, `PROFILE` comes before `ORDER#…`."""
    wanted = Key("pk").eq(f"CUSTOMER#{customer}")
    return _items(table.query(KeyConditionExpression=wanted, ScanIndexForward=False, Limit=1 + orders))


def orders_between(table: Any, customer: str, first: str, last: str) -> list[Item]:
    """3. What did this customer order in these days? `last` is included."""
    wanted = Key("pk").eq(f"CUSTOMER#{customer}") & Key("sk").between(f"ORDER#{first}", f"ORDER#{last}~")
    return _items(table.query(KeyConditionExpression=wanted))


def order_with_lines(table: Any, order: str) -> list[Item]:
    """4. One order: its lines, then the order itself."""
    return _items(table.query(IndexName="gsi1", KeyConditionExpression=Key("gsi1pk").eq(f"ORDER#{order}")))


def orders_to_ship(table: Any, count: int) -> list[Item]:
    """5. What has waited longest?"""
    wanted = Key("gsi2pk").eq("STATUS#placed")
    return _items(table.query(IndexName="gsi2", KeyConditionExpression=wanted, Limit=count))


def sales_since(table: Any, product: str, since: str) -> list[Item]:
    """6. Who bought this product lately?"""
    wanted = Key("gsi2pk").eq(f"PRODUCT#{product}") & Key("gsi2sk").gte(since)
    return _items(table.query(IndexName="gsi2", KeyConditionExpression=wanted))


def _items(page: dict[str, Any]) -> list[Item]:
    items: list[Item] = page["Items"]
    return items


def _key(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def main() -> None:
    """Two customers, three orders, six questions."""
    database = boto3.resource(
        "dynamodb",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000"),
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    table = create_table(database)
    table.wait_until_exists()
    open_shop(table)
    while len(orders_to_ship(table, 10)) != 2 or len(sales_since(table, "teapot", "2026")) != 2:
        time.sleep(0.05)  # global indexes are eventually consistent

    print("1.", profile(table, "7")["name"])
    print("2.", [item["sk"] for item in customer_with_latest_orders(table, "7", 1)])
    print("3.", [item["sk"] for item in orders_between(table, "7", "2026-11-01", "2026-11-15")])
    print("4.", [(item["gsi1sk"], item.get("quantity", item.get("total"))) for item in order_with_lines(table, "1001")])
    print("5.", [item["gsi1pk"] for item in orders_to_ship(table, 10)])
    print("6.", [item["customer"] for item in sales_since(table, "teapot", "2026-11-10")])
    table.delete()


def open_shop(table: Any) -> None:
    """What is asked about: two customers, three orders, one of them shipped."""
    add_customer(table, "7", "Ada")
    add_customer(table, "8", "Grace")
    place_order(table, "7", "1001", "2026-11-05", {"teapot": (1, Decimal("39.90")), "cup": (6, Decimal("4.50"))})
    place_order(table, "8", "1002", "2026-11-12", {"teapot": (2, Decimal("39.90"))})
    place_order(table, "7", "1003", "2026-11-20", {"tea": (3, Decimal("7.25"))})
    ship_order(table, "7", "2026-11-05", "1001")


if __name__ == "__main__":
    main()
