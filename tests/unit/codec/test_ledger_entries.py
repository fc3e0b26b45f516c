"""The ledger's entries come back as they were written, also those that are in logs already."""

from stator.codec.ledger_entries import decode_decision, decode_use, encode_decision, encode_use
from stator.rules.ledger import Decision, TokenUse

COMMITTED = Decision(b"\x00\xff", 1_700_000_000_000_001, {7: 1_700_000_000_000_000, 99: 5})
ABORTED = Decision(b"", None, {})
USE = TokenUse(b"\x00\xff", b"hash", 1_700_000_000_000_002)


def test_entries_are_written_as_ever() -> None:
    assert (
        encode_decision(COMMITTED)
        == b'{"txid":"AP8=","commit_us":1700000000000001,"prepared":{"7":1700000000000000,"99":5}}'
    )
    assert encode_decision(ABORTED) == b'{"txid":"","commit_us":null,"prepared":{}}'
    assert encode_use(USE) == b'{"txid":"AP8=","request_hash":"aGFzaA==","used_us":1700000000000002}'


def test_entries_come_back() -> None:
    assert [decode_decision(encode_decision(one)) for one in (COMMITTED, ABORTED)] == [COMMITTED, ABORTED]
    assert decode_use(encode_use(USE)) == USE
