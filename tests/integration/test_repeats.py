"""An SDK's own retries: what was done once stays done once, also when the server was killed before it could answer."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from select import select
from socket import create_connection, socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest

from tests.standalone_server import StandaloneServer, dynamodb, standalone

KEYS: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
TABLE = "counters"
KEY = {"id": {"S": "a"}}
ADD: dict[str, Any] = {
    "TableName": TABLE,
    "Key": KEY,
    "UpdateExpression": "ADD n :one",
    "ExpressionAttributeValues": {":one": {"N": "1"}},
    "ReturnValues": "ALL_NEW",
}


class AnswerLoser(ThreadingTCPServer):
    """Passes requests on to a server, and loses the answers to the first `losing` of them: the connection is cut."""

    def __init__(self, port: int) -> None:
        self.block_on_close = False
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = ("127.0.0.1", port)
        self.losing = 0
        self.on_loss: Callable[[], None] = lambda: None

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Clients close their connections first: the end waits for that."""
        thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{self.server_address[1]}"
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Connection(BaseRequestHandler):
    server: AnswerLoser

    def handle(self) -> None:
        with create_connection(self.server.target) as there:
            while True:
                ready, _, _ = select([self.request, there], [], [])
                for end, other in ((self.request, there), (there, self.request)):
                    if end in ready and not self._pass(end, other, answer=end is there):
                        return

    def _pass(self, end: socket, other: socket, *, answer: bool) -> bool:
        data = end.recv(65_536)
        if answer and self.server.losing:
            self.server.losing -= 1
            self.server.on_loss()
            return False
        other.sendall(data)
        return bool(data)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandaloneServer]:
    with standalone(tmp_path / "data") as started:
        with closing(dynamodb(started.endpoint)) as client:
            client.create_table(TableName=TABLE, **KEYS)
        yield started


def test_an_update_whose_answer_was_lost_twice_counts_once(server: StandaloneServer) -> None:
    loser = AnswerLoser(server.port)
    with loser.listening() as endpoint, closing(dynamodb(endpoint, attempts=5)) as client:
        for count in range(1, 4):
            loser.losing = 2
            assert client.update_item(**ADD)["Attributes"]["n"] == {"N": str(count)}


def test_a_condition_that_the_request_itself_made_false_does_not_refuse_its_retry(server: StandaloneServer) -> None:
    loser = AnswerLoser(server.port)
    with loser.listening() as endpoint, closing(dynamodb(endpoint, attempts=5)) as client:
        loser.losing = 1
        client.put_item(TableName=TABLE, Item=KEY, ConditionExpression="attribute_not_exists(id)")
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.put_item(TableName=TABLE, Item=KEY, ConditionExpression="attribute_not_exists(id)")


def test_an_update_whose_answer_died_with_the_server_counts_once(server: StandaloneServer) -> None:
    def kill() -> None:
        server.kill()
        server.start()

    loser = AnswerLoser(server.port)
    loser.on_loss = kill
    with loser.listening() as endpoint, closing(dynamodb(endpoint, attempts=10)) as client:
        loser.losing = 1
        assert client.update_item(**ADD)["Attributes"]["n"] == {"N": "1"}
        assert client.update_item(**ADD)["Attributes"]["n"] == {"N": "2"}
