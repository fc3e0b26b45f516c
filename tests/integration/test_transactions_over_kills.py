"""kill -9 in the midst of transactions over partitions, of a standalone server or of a cluster's leaders.

Clients move money and count their transfers, both in one transaction. One that got no answer sends the same again under the same
token until it gets one, as SDKs do. So in the end each count is exactly what its client knows, and no money is gone; nor does it
change anything that transfers done before the kills are asked for once more.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.client_load import create_table
from tests.native_cluster import LEADERS, BreakableCluster
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
REPEATED = 20
"""Transfers of each client that are asked for once more in the end, the oldest."""
PATIENCE_S = 60.0
"""Some seconds for what a kill has cut off to be ended by others; the rest for a server that starts on a busy machine."""


def get(pk: str) -> dict[str, Any]:
    return {"Get": {"TableName": TABLE, "Key": {"pk": {"S": pk}}}}


def add(pk: str, amount: int, condition: str = "") -> dict[str, Any]:
    values = {":n": {"N": str(amount)}} | ({":least": {"N": str(-amount)}} if condition else {})
    update = {"TableName": TABLE, "Key": {"pk": {"S": pk}}, "UpdateExpression": "ADD n :n"}
    conditional = {"ConditionExpression": condition} if condition else {}
    return {"Update": update | {"ExpressionAttributeValues": values} | conditional}


class Transfer(NamedTuple):
    """A transaction that a client may send again."""

    token: str
    actions: tuple[dict[str, Any], ...]


class Bank:
    """The accounts, from the side of one client."""

    def __init__(self, endpoint: str) -> None:
        self._client = dynamodb(endpoint)

    def do(self, transfer: Transfer) -> bool:
        """Whether it was done, now or before, or refused for want of money."""
        until = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < until
            try:
                self._client.transact_write_items(TransactItems=transfer.actions, ClientRequestToken=transfer.token)
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
    """Some that transfer until `stop`; `done` has the transfers that each knows to be done."""

    def __init__(self, endpoint: str) -> None:
        self.done: dict[str, list[Transfer]] = {f"transfers of {number}": [] for number in range(CLIENTS)}
        self.stop = threading.Event()
        self._endpoint = endpoint

    def run(self, name: str) -> None:
        dice, bank = random.Random(name), Bank(self._endpoint)
        while not self.stop.is_set():
            giver, taker = dice.sample(ACCOUNTS, 2)
            amount = dice.randint(1, OPENING // 2)
            actions = add(giver, -amount, "n >= :least"), add(taker, amount), add(name, 1)
            transfer = Transfer(str(uuid.uuid4()), actions)
            if bank.do(transfer):
                self.done[name].append(transfer)
            assert sum(bank.read(*ACCOUNTS)) == OPENING * len(ACCOUNTS)
        bank.close()

    def counts(self) -> list[int]:
        """How many transfers of each are done."""
        return [len(transfers) for transfers in self.done.values()]

    def wait_for_more(self) -> None:
        """Until some more transfers are done."""
        enough, until = sum(self.counts()) + TRANSFERS, time.monotonic() + PATIENCE_S
        while sum(self.counts()) < enough:
            assert time.monotonic() < until
            time.sleep(AGAIN_S)


def transfer_over_kills(endpoint: str, kills: Iterable[Callable[[], object]]) -> None:
    """Have clients transfer while each of the kills is done. Each transfer is done once or not at all, however often it is sent."""
    dice = random.Random(7)
    create_table(endpoint, TABLE)
    bank, clients = Bank(endpoint), Clients(endpoint)
    assert bank.do(Transfer("opening", tuple(add(account, OPENING) for account in ACCOUNTS)))
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(clients.run, name) for name in clients.done]
        try:
            for kill in kills:
                clients.wait_for_more()
                time.sleep(dice.uniform(0, KILL_S))
                kill()
            clients.wait_for_more()
        finally:
            clients.stop.set()
        for one in running:
            one.result()
    assert bank.read(*clients.done) == clients.counts()
    held = bank.read(*ACCOUNTS)
    assert all(bank.do(transfer) for transfers in clients.done.values() for transfer in transfers[:REPEATED])
    assert bank.read(*ACCOUNTS, *clients.done) == held + clients.counts()
    bank.close()


def test_every_transfer_is_done_once_or_not_at_all_over_kills(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", "--partitions", PARTITIONS) as server:

        def kill() -> None:
            server.kill()
            server.start()

        transfer_over_kills(server.endpoint, [kill] * KILLS)


@pytest.mark.cluster
def test_the_same_while_leaders_of_a_cluster_are_killed(cluster: BreakableCluster) -> None:
    """Also the ledger's: the router tells nobody that all is well before a leader has the decision."""
    transfer_over_kills(cluster.endpoint, [partial(cluster.native.kill, leader) for leader in (*LEADERS, *LEADERS)])
