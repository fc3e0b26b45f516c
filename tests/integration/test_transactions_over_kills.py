"""kill -9 of a standalone server in the midst of transactions over its partitions: each is done once or not at all.

Clients move money and count their transfers, both in one transaction. One that got no answer sends the same again under the same
token until it gets one, as SDKs do. So in the end each count is exactly what its client knows, and no money is gone.
"""

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.standalone_server import dynamodb, standalone

TABLE = "over-kills"
PARTITIONS = "3"
CLIENTS = 4
KILLS = 6
TRANSFERS = 20
"""Between two kills, at least; then a kill comes within KILL_S."""
KILL_S = 0.3
OPENING = 1_000
ACCOUNTS = [f"account {number}" for number in range(8)]
TRY_AGAIN = {"InternalServerError", "ServiceUnavailable", "TransactionInProgressException"}
AGAIN_S = 0.02
PATIENCE_S = 60.0
"""Some seconds for what a kill has cut off to be ended by others; the rest for a server that starts on a busy machine."""


def get(pk: str) -> dict[str, Any]:
    return {"Get": {"TableName": TABLE, "Key": {"pk": {"S": pk}}}}


def add(pk: str, amount: int, condition: str = "") -> dict[str, Any]:
    values = {":n": {"N": str(amount)}} | ({":least": {"N": str(-amount)}} if condition else {})
    update = {"TableName": TABLE, "Key": {"pk": {"S": pk}}, "UpdateExpression": "ADD n :n"}
    conditional = {"ConditionExpression": condition} if condition else {}
    return {"Update": update | {"ExpressionAttributeValues": values} | conditional}


class Bank:
    """The accounts, from the side of one client."""

    def __init__(self, endpoint: str) -> None:
        self._client = dynamodb(endpoint)

    def do(self, *actions: dict[str, Any]) -> bool:
        """Whether the actions were done, or refused for want of money."""
        token = str(uuid.uuid4())
        until = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < until
            try:
                self._client.transact_write_items(TransactItems=list(actions), ClientRequestToken=token)
            except BotoCoreError:  # the server is away, or went away before it answered
                time.sleep(AGAIN_S)
            except ClientError as error:
                if error.response["Error"]["Code"] not in TRY_AGAIN:
                    codes = {reason["Code"] for reason in error.response["CancellationReasons"]}
                    assert codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}
                    if "ConditionalCheckFailed" in codes:
                        return False
                time.sleep(AGAIN_S)
            else:
                return True

    def read(self, *names: str) -> list[int]:
        """What is in these accounts, at one moment."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self._client.transact_get_items(TransactItems=[get(name) for name in names])
            except (BotoCoreError, ClientError):
                assert time.monotonic() < until
                time.sleep(AGAIN_S)
            else:
                return [int(one["Item"]["n"]["N"]) if one else 0 for one in answer["Responses"]]

    def close(self) -> None:
        self._client.close()


class Clients:
    """Some that transfer until `stop`; `done` has how many transfers each knows to be done."""

    def __init__(self, endpoint: str) -> None:
        self.done = dict.fromkeys((f"transfers of {number}" for number in range(CLIENTS)), 0)
        self.stop = threading.Event()
        self._endpoint = endpoint

    def run(self, name: str) -> None:
        dice, bank = random.Random(name), Bank(self._endpoint)
        while not self.stop.is_set():
            giver, taker = dice.sample(ACCOUNTS, 2)
            amount = dice.randint(1, OPENING // 2)
            self.done[name] += bank.do(add(giver, -amount, "n >= :least"), add(taker, amount), add(name, 1))
            assert sum(bank.read(*ACCOUNTS)) == OPENING * len(ACCOUNTS)
        bank.close()

    def wait_for_more(self) -> None:
        """Until some more transfers are done."""
        enough, until = sum(self.done.values()) + TRANSFERS, time.monotonic() + PATIENCE_S
        while sum(self.done.values()) < enough:
            assert time.monotonic() < until
            time.sleep(AGAIN_S)


def test_every_transfer_is_done_once_or_not_at_all_over_kills(tmp_path: Path) -> None:
    dice = random.Random(7)
    with standalone(tmp_path / "data", "--partitions", PARTITIONS) as server, ThreadPoolExecutor(CLIENTS) as pool:
        client = dynamodb(server.endpoint)
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client.close()
        bank, clients = Bank(server.endpoint), Clients(server.endpoint)
        assert bank.do(*(add(account, OPENING) for account in ACCOUNTS))
        running = [pool.submit(clients.run, name) for name in clients.done]
        try:
            for _ in range(KILLS):
                clients.wait_for_more()
                time.sleep(dice.uniform(0, KILL_S))
                server.kill()
                server.start()
        finally:
            clients.stop.set()
        for one in running:
            one.result()
        assert bank.read(*clients.done) == list(clients.done.values())
        bank.close()
