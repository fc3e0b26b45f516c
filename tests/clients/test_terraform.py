"""Terraform's `aws_dynamodb_table`: a refresh must find what was configured, or Terraform would plan the same change for ever."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.clients.terraform_provider import Provider, Refused, Resource

MUSIC = Resource(
    name="terraform-music",
    hash_key="Artist",
    range_key="Song",
    attributes=(("Artist", "S"), ("Genre", "S"), ("Plays", "N"), ("Song", "S")),
    local_indexes=(("ByPlays", "Plays"),),
    global_indexes=(("ByGenre", "Genre", ()), ("ByGenreShort", "Genre", ("Length",))),
    stream_view_type="NEW_AND_OLD_IMAGES",
    ttl="Expires",
    recovery_days=35,
    tags=(("Environment", "test"), ("Name", "music")),
)
LOCKS = Resource(
    name="terraform-locks",
    hash_key="LockID",
    attributes=(("LockID", "S"),),
    billing_mode="PROVISIONED",
    capacity=(3, 2),
)


@pytest.fixture
def provider(endpoint: str) -> Iterator[Provider]:
    provider = Provider(endpoint)
    yield provider
    provider.close()


def test_a_table_with_everything_is_created_without_drift_changed_and_deleted(provider: Provider) -> None:
    state = provider.create(MUSIC)
    assert state == MUSIC
    assert provider.read(MUSIC.name) == MUSIC

    first_stream = provider.table(MUSIC.name)["LatestStreamArn"]
    for changes in (
        {"tags": (("Environment", "production"), ("Owner", "ann")), "recovery_days": 7},
        {"stream_view_type": "KEYS_ONLY"},
        {"ttl": None, "recovery_days": None, "deletion_protection": True, "table_class": "STANDARD_INFREQUENT_ACCESS"},
    ):
        wanted = replace(state, **changes)
        state = provider.update(state, wanted)
        assert state == wanted
    assert provider.table(MUSIC.name)["LatestStreamArn"] != first_stream

    with pytest.raises(Refused) as refused:
        provider.delete(MUSIC.name)
    assert refused.value.code == "ValidationException"
    for changes in ({"deletion_protection": False}, {"stream_view_type": None, "tags": ()}):
        wanted = replace(state, **changes)
        state = provider.update(state, wanted)
        assert state == wanted
    provider.delete(MUSIC.name)


def test_a_provisioned_table_changes_its_capacity_and_its_billing(provider: Provider) -> None:
    """The S3 backend's table of locks, whose only use is a conditional put."""
    state = provider.create(LOCKS)
    assert state == LOCKS
    assert "BillingModeSummary" not in provider.table(LOCKS.name)
    for changes in ({"capacity": (5, 5)}, {"billing_mode": "PAY_PER_REQUEST", "capacity": (0, 0)}):
        wanted = replace(state, **changes)
        state = provider.update(state, wanted)
        assert state == wanted

    lock = {"LockID": {"S": "state/terraform.tfstate"}, "Info": {"S": "{}"}}
    take = {"TableName": LOCKS.name, "Item": lock, "ConditionExpression": "attribute_not_exists(LockID)"}
    provider.call("PutItem", **take)
    with pytest.raises(Refused) as refused:
        provider.call("PutItem", **take)
    assert refused.value.code == "ConditionalCheckFailedException"
    provider.delete(LOCKS.name)


def test_a_table_that_is_gone_is_taken_for_deleted(provider: Provider) -> None:
    with pytest.raises(Refused) as refused:
        provider.delete("terraform-gone")
    assert refused.value.code == "ResourceNotFoundException"
    assert refused.value.text.startswith("Requested resource not found: Table: ")
    assert provider.status("terraform-gone") is None
