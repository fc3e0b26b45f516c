"""What the shop sells and to whom: items of one table as a real shop would keep them, drawn from one seeded dice.

Keys and index keys: customers, orders and order lines share a partition key, so that one Query shows a customer with all
they bought; only orders carry `status` and only lines carry `product`, so that both indexes are sparse.
"""

import random
from datetime import UTC, datetime, timedelta

from tests.shop.changes import Item

FIRST_NAMES = ("Aoife", "Björn", "Chloé", "Dimitri", "Elif", "Fatima", "Giulia", "Hồng", "Ingrid", "José", "Katarzyna")
LAST_NAMES = (
    "Müller",
    "O'Brien",
    "García",
    "Nowak",
    "Rossi",
    "Sørensen",
    "Øberg",
    "Åström",
    "Dubois",
    "李",
    "Papadopoulou",
)
STREETS = ("Lindenstraße", "Rue de la Paix", "Main Street", "Via Roma", "Calle Mayor", "Nowy Świat", "Storgatan")
CITIES = (("Berlin", "DE"), ("Lyon", "FR"), ("Cork", "IE"), ("Torino", "IT"), ("Sevilla", "ES"), ("Łódź", "PL"))
INTERESTS = ("books", "coffee", "cycling", "gardening", "music", "tea", "wine")
THINGS = ("Espresso cups", "Bicycle bell", "Notebook, dotted", "Rain jacket", "Tomato seeds", "Vinyl brush", "Teapot")
STATUSES = ("placed", "paid", "packed", "shipped", "delivered", "returned")
PRODUCTS = [f"P-{number:04d}" for number in range(150)]
OPENED = datetime(2025, 1, 1, tzinfo=UTC)


class Goods:
    """Draws customers and orders."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._customers = 0
        self._orders = 0

    def customer(self) -> Item:
        """A new customer's profile."""
        self._customers += 1
        first, last = self.dice.choice(FIRST_NAMES), self.dice.choice(LAST_NAMES)
        city, country = self.dice.choice(CITIES)
        return {
            "pk": {"S": f"CUSTOMER#{self._customers:06d}"},
            "sk": {"S": "PROFILE"},
            "name": {"S": f"{first} {last}"},
            "email": {"S": f"customer{self._customers}@example.com"},
            "joined": {"S": self.moment()},
            "address": {
                "M": {
                    "street": {"S": self.street()},
                    "city": {"S": city},
                    "postcode": {"S": f"{self.dice.randrange(100_000):05d}"},
                    "country": {"S": country},
                }
            },
            "loyalty_points": {"N": str(self.dice.randrange(500))},
            "interests": {"SS": sorted(self.dice.sample(INTERESTS, 3))},
            "newsletter": {"BOOL": self.dice.random() < 0.4},
        }

    def order(self, customer: str) -> list[Item]:
        """A new order of a customer and its lines."""
        self._orders += 1
        placed_at = {"S": self.moment()}
        sort_key = f"ORDER#{placed_at['S']}#{self._orders:07d}"
        lines: list[Item] = []
        total_cents = 0
        for number, product in enumerate(self.dice.sample(PRODUCTS, self.dice.randint(1, 6)), start=1):
            cents, quantity = self.dice.randrange(99, 25_000), self.dice.randint(1, 5)
            total_cents += cents * quantity
            lines.append(
                {
                    "pk": {"S": customer},
                    "sk": {"S": f"{sort_key}#LINE#{number:02d}"},
                    "product": {"S": product},
                    "placed_at": placed_at,
                    "title": {"S": self.dice.choice(THINGS)},
                    "quantity": {"N": str(quantity)},
                    "unit_price": {"N": euros(cents)},
                    "gift_note": {"NULL": True},
                }
            )
        order: Item = {
            "pk": {"S": customer},
            "sk": {"S": sort_key},
            "status": {"S": STATUSES[0]},
            "placed_at": placed_at,
            "total": {"N": euros(total_cents)},
            "receipt": {"B": self.dice.randbytes(self.dice.randint(8, 64))},
        }
        return [order, *lines]

    def moment(self) -> str:
        """Some second of the shop's first two years."""
        return (OPENED + timedelta(seconds=self.dice.randrange(2 * 365 * 24 * 3600))).strftime("%Y-%m-%dT%H:%M:%SZ")

    def street(self) -> str:
        return f"{self.dice.choice(STREETS)} {self.dice.randint(1, 199)}"


def euros(cents: int) -> str:
    """A price as DynamoDB gives a number back: without trailing zeros."""
    whole, rest = divmod(cents, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
