"""Random requests for items, from one seed: about half of them are refused, and each kind of value, condition and update occurs.

Left out is what DynamoDB Local answers otherwise than AWS: updates that only remove (they make no item in AWS), values of a
wrong type in index keys, fallbacks that lead nowhere, numbers in another than the canonical form inside lists and maps, what an
update inside an attribute has changed (it shows the whole attribute).
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

Request = tuple[str, dict[str, Any]]
Value = dict[str, Any]

PARTITION = [{"S": text} for text in ("k1", "k2", "k", "é")]
SORT = [{"N": text} for text in ("-5", "0", "1", "2.5", "3", "10", "1000")]
INDEX_PARTITION = [{"S": text} for text in ("x1", "x2", "x3")]
INDEX_SORT = [{"N": text} for text in ("-1.5", "2", "20")]
NUMBERS = ("0", "1", "2", "-1", "3.5", "100", "12345678901234567890", "9" * 38)
TEXTS = ("a", "b", "ab", "abc", "", "é", "z z", "\U0001f600x")
BINARIES = ("", "YQ==", "YWI=", "AA==", "/wA=")
SETS = ({"SS": ["a", "b"]}, {"SS": ["c"]}, {"NS": ["1", "2"]}, {"NS": ["2", "9", "-4.5"]})
TYPES = ("S", "N", "L", "M", "NULL", "BOOL", "SS", "B")
ATTRIBUTES = ("a", "m", "l", "st", "nn")
MEMBERS = ("a", "b", "k")
RETURN_VALUES = ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")

OPERATIONS = {
    "PutItem": 20,
    "UpdateItem": 25,
    "DeleteItem": 5,
    "GetItem": 10,
    "Query": 20,
    "Scan": 8,
    "BatchGetItem": 6,
    "BatchWriteItem": 6,
    "TransactGetItems": 6,
    "TransactWriteItems": 20,
}
"""How often each is drawn."""
TABLE = "compared"
INDEXES = {"by-x-and-y": ("x", INDEX_PARTITION), "keys-by-y": ("y", INDEX_SORT), "some-by-x": ("x", INDEX_PARTITION)}
CREATE: dict[str, Any] = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("p", "S"), ("c", "N"), ("x", "S"), ("y", "N"))
    ],
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-x-and-y",
            "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}, {"AttributeName": "y", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        },
        {
            "IndexName": "keys-by-y",
            "KeySchema": [{"AttributeName": "y", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
        {
            "IndexName": "some-by-x",
            "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "m"]},
        },
    ],
}


def random_request(dice: random.Random) -> Request:
    """One request of any item operation."""
    operation = dice.choices(tuple(OPERATIONS), tuple(OPERATIONS.values()))[0]
    return operation, _Request(dice).of(operation)


class _Request:
    """A request being made: names and values of all its expressions together."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def of(self, operation: str) -> dict[str, Any]:
        body: dict[str, Any] = {"TableName": TABLE}
        match operation:
            case "PutItem":
                body["Item"] = self._item()
                self._conditional(body, ("NONE", "ALL_OLD"))
            case "UpdateItem":
                body["Key"] = self._key()
                body["UpdateExpression"] = update = self._update()
                inside = not {".", "["}.isdisjoint(update)
                self._conditional(body, RETURN_VALUES[:3] if inside else RETURN_VALUES)
            case "DeleteItem":
                body["Key"] = self._key()
                self._conditional(body, ("NONE", "ALL_OLD"))
            case "GetItem":
                body |= {"Key": self._key(), "ConsistentRead": True}
                self._sometimes(0.6, body, "ProjectionExpression", self._projection)
            case "Query":
                self._query(body)
            case "Scan":
                self._scan(body)
            case "BatchGetItem":
                part = {"Keys": [self._key() for _ in range(self._dice.randint(1, 4))], "ConsistentRead": True}
                self._sometimes(0.5, part, "ProjectionExpression", self._projection)
                return {"RequestItems": {TABLE: self._with_placeholders(part)}}
            case "BatchWriteItem":
                return {"RequestItems": {TABLE: [self._write() for _ in range(self._dice.randint(1, 4))]}}
            case "TransactGetItems":
                return {"TransactItems": [_Request(self._dice).get() for _ in range(self._dice.randint(1, 3))]}
            case "TransactWriteItems":
                return {"TransactItems": [_Request(self._dice).action() for _ in range(self._dice.randint(1, 3))]}
        return self._with_placeholders(body)

    def get(self) -> dict[str, Any]:
        """One of a TransactGetItems."""
        body: dict[str, Any] = {"TableName": TABLE, "Key": self._key()}
        self._sometimes(0.4, body, "ProjectionExpression", self._projection)
        return {"Get": self._with_placeholders(body)}

    def action(self) -> dict[str, Any]:
        """One of a TransactWriteItems. Conditions that are often true, or no transaction would be."""
        body: dict[str, Any] = {"TableName": TABLE}
        kind = self._dice.choice(("Put", "Put", "Update", "Delete", "ConditionCheck"))
        if kind == "Put":
            body["Item"] = self._item()
        else:
            body["Key"] = self._key()
        if kind == "Update":
            body["UpdateExpression"] = self._update()
        if kind == "ConditionCheck" or self._dice.random() < 0.3:
            body["ConditionExpression"] = self._one_of(
                self._condition, lambda: f"attribute_exists({self._name('p')}) OR {self._condition()}"
            )
            self._sometimes(0.5, body, "ReturnValuesOnConditionCheckFailure", lambda: "ALL_OLD")
        return {kind: self._with_placeholders(body)}

    def _with_placeholders(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._names:
            body["ExpressionAttributeNames"] = self._names
        if self._values:
            body["ExpressionAttributeValues"] = self._values
        return body

    # --- operations ------------------------------------------------------------------------------------------

    def _conditional(self, body: dict[str, Any], return_values: Sequence[str]) -> None:
        self._sometimes(0.4, body, "ConditionExpression", self._condition)
        self._sometimes(0.6, body, "ReturnValues", lambda: self._dice.choice(return_values))
        self._sometimes(0.3, body, "ReturnValuesOnConditionCheckFailure", lambda: "ALL_OLD")

    def _query(self, body: dict[str, Any]) -> None:
        terms = [f"{self._name('p')} = {self._value(self._dice.choice(PARTITION))}"]
        low, high = (self._value(bound) for bound in sorted(self._dice.sample(SORT, 2), key=lambda n: float(n["N"])))
        form = self._dice.choice(("none", "comparison", "BETWEEN"))
        if form == "BETWEEN":
            terms.append(f"{self._name('c')} BETWEEN {low} AND {high}")
        else:
            del self._values[high], self._values[low]
            if form == "comparison":
                comparator = self._dice.choice(("=", "<", "<=", ">", ">="))
                terms.append(f"{self._name('c')} {comparator} {self._value(self._dice.choice(SORT))}")
        self._dice.shuffle(terms)
        body |= {"KeyConditionExpression": " AND ".join(terms), "ConsistentRead": True}
        self._sometimes(0.5, body, "FilterExpression", self._condition)
        self._sometimes(0.4, body, "ProjectionExpression", self._projection)
        self._sometimes(0.4, body, "Limit", lambda: self._dice.randint(1, 3))
        self._sometimes(0.3, body, "ScanIndexForward", lambda: False)
        self._sometimes(0.1, body, "Select", lambda: "COUNT")

    def _scan(self, body: dict[str, Any]) -> None:
        # Without a limit: where pages end depends on the order of the keys' hashes.
        body["ConsistentRead"] = True
        self._sometimes(0.7, body, "FilterExpression", self._condition)
        self._sometimes(0.4, body, "ProjectionExpression", self._projection)
        self._sometimes(0.1, body, "Select", lambda: "COUNT")

    def _write(self) -> dict[str, Any]:
        if self._dice.random() < 0.3:
            return {"DeleteRequest": {"Key": self._key()}}
        return {"PutRequest": {"Item": self._item()}}

    def _sometimes(self, chance: float, body: dict[str, Any], member: str, make: Callable[[], Any]) -> None:
        if self._dice.random() < chance:
            body[member] = make()

    # --- items -----------------------------------------------------------------------------------------------

    def _key(self) -> dict[str, Value]:
        key = {"p": self._dice.choice(PARTITION), "c": self._dice.choice(SORT)}
        if self._dice.random() < 0.04:
            key[self._dice.choice(("p", "c", "other"))] = {"BOOL": True}
        return key

    def _item(self) -> dict[str, Value]:
        item = self._key()
        for name in self._dice.sample(ATTRIBUTES, self._dice.randint(0, 4)):
            item[name] = self._typical(name)
        for name, values in (("x", INDEX_PARTITION), ("y", INDEX_SORT)):
            if self._dice.random() < 0.5:
                item[name] = self._dice.choice(values)
        return item

    def _typical(self, name: str) -> Value:
        match name:
            case "l":
                return {"L": [self._any(1) for _ in range(self._dice.randint(0, 4))]}
            case "m":
                return {"M": {member: self._any(1) for member in self._dice.sample(MEMBERS, 2)}}
            case "nn":
                return {"N": self._dice.choice(NUMBERS)}
            case "st":
                return self._dice.choice(SETS)
            case _:
                return self._any()

    def _any(self, depth: int = 0) -> Value:
        dice = self._dice
        values: list[Value] = [
            {"S": dice.choice(TEXTS)},
            {"N": dice.choice(NUMBERS)},
            {"B": dice.choice(BINARIES)},
            {"BOOL": dice.random() < 0.5},
            {"NULL": True},
            dice.choice(SETS),
        ]
        if depth < 3:
            values.append({"L": [self._any(depth + 1) for _ in range(dice.randint(0, 3))]})
            values.append({"M": {name: self._any(depth + 1) for name in dice.sample(MEMBERS, dice.randint(0, 2))}})
        return dice.choice(values)

    # --- expressions -----------------------------------------------------------------------------------------

    def _name(self, attribute: str) -> str:
        if self._dice.random() < 0.6:
            return attribute
        placeholder = f"#{attribute}"
        self._names[placeholder] = attribute
        return placeholder

    def _value(self, value: Value | None = None) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = self._any(1) if value is None else value
        return placeholder

    def _path(self) -> str:
        path = self._name(self._dice.choice(ATTRIBUTES))
        for _ in range(self._dice.choice((0, 0, 0, 1, 1, 2))):
            path += self._dice.choice(
                (f"[{self._dice.choice((0, 1, 5))}]", f".{self._name(self._dice.choice(MEMBERS))}")
            )
        return path

    def _projection(self) -> str:
        return ", ".join(self._path() for _ in range(self._dice.randint(1, 3)))

    def _operand(self) -> str:
        return self._one_of(self._path, self._path, self._value, self._value, lambda: f"size({self._path()})")

    def _condition(self, depth: int = 0) -> str:
        forms: list[Callable[[], str]] = [
            lambda: f"{self._operand()} {self._dice.choice(COMPARATORS)} {self._operand()}",
            lambda: f"attribute_{self._dice.choice(('exists', 'not_exists'))}({self._path()})",
            lambda: f"begins_with({self._path()}, {self._value({'S': self._dice.choice(TEXTS)})})",
            lambda: f"contains({self._path()}, {self._operand()})",
            lambda: f"attribute_type({self._path()}, {self._value({'S': self._dice.choice(TYPES)})})",
            lambda: f"{self._operand()} BETWEEN {self._operand()} AND {self._operand()}",
            lambda: f"{self._operand()} IN ({self._operand()}, {self._operand()})",
        ]
        if depth < 2:
            word = self._dice.choice(("AND", "OR", "and"))
            forms += [lambda: f"{self._condition(depth + 1)} {word} {self._condition(depth + 1)}"] * 2
            forms += [lambda: f"NOT {self._condition(depth + 1)}", lambda: f"({self._condition(depth + 1)})"]
        return self._one_of(*forms)

    def _update(self) -> str:
        sections = [f"SET {', '.join(self._assignment() for _ in range(self._dice.randint(1, 2)))}"]
        others: list[Callable[[], str]] = [
            lambda: f"REMOVE {self._path()}",
            lambda: f"ADD {self._path()} {self._value(self._dice.choice((*SETS, {'N': '7'})))}",
            lambda: f"DELETE {self._path()} {self._value(self._dice.choice(SETS))}",
        ]
        sections += [make() for make in self._dice.sample(others, self._dice.choice((0, 0, 1, 2)))]
        self._dice.shuffle(sections)
        return " ".join(sections)

    def _assignment(self) -> str:
        if self._dice.random() < 0.2:
            name, values = self._dice.choice((("x", INDEX_PARTITION), ("y", INDEX_SORT)))
            return f"{name} = {self._value(self._dice.choice(values))}"
        value = self._one_of(
            self._value,
            self._value,
            self._path,
            lambda: f"{self._path()} {self._dice.choice('+-')} {self._value({'N': self._dice.choice(NUMBERS)})}",
            lambda: f"if_not_exists({self._path()}, {self._value()})",
            lambda: f"list_append({self._path()}, {self._value({'L': [self._any(2)]})})",
        )
        return f"{self._path()} = {value}"

    def _one_of(self, *makers: Callable[[], str]) -> str:
        return self._dice.choice(makers)()
