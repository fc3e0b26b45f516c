"""What Stator's log takes for granted of its brokers, tried on three real ones."""

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.servers import KafkaBrokers
from tools.brokers import BROKERS, MESSAGE_BYTES_MAX

pytestmark = pytest.mark.kafka

ANSWER_S = 30


Settings = dict[str, str | int | float | bool]


def quiet(brokers: KafkaBrokers, settings: Settings | None = None) -> Settings:
    return {"bootstrap.servers": brokers.bootstrap, "log_level": 0, **(settings or {})}


def create_topic(admin: AdminClient, name: str) -> None:
    (created,) = admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=BROKERS)]).values()
    created.result(ANSWER_S)


def append(producer: Producer, topic: str, value: bytes) -> int:
    """Append one record; return its offset or raise what the broker said."""
    outcomes: list[tuple[KafkaError | None, Message]] = []
    producer.produce(topic, value, on_delivery=lambda error, message: outcomes.append((error, message)))
    producer.flush(ANSWER_S)
    ((error, message),) = outcomes
    if error is not None:
        raise KafkaException(error)
    offset = message.offset()
    assert offset is not None
    return offset


def test_appends_go_on_after_the_partitions_broker_is_killed(kafka: KafkaBrokers) -> None:
    admin = AdminClient(quiet(kafka))
    create_topic(admin, "survives")
    producer = Producer(quiet(kafka, {"acks": "all", "enable.idempotence": "true"}))
    assert append(producer, "survives", b"before") == 0

    leader = admin.list_topics("survives", timeout=ANSWER_S).topics["survives"].partitions[0].leader
    kafka.kill(leader)
    assert append(producer, "survives", b"after") == 1

    kafka.start(leader)
    assert append(producer, "survives", b"healed") == 2


def test_appends_are_refused_when_only_one_broker_is_left(kafka: KafkaBrokers) -> None:
    """Two of three brokers gone: neither a quorum of controllers nor two in-sync replicas, so no acknowledgement."""
    create_topic(AdminClient(quiet(kafka)), "starves")
    producer = Producer(quiet(kafka, {"acks": "all", "enable.idempotence": "true", "message.timeout.ms": 6000}))
    assert append(producer, "starves", b"before") == 0

    kafka.kill(1)
    kafka.kill(2)
    with pytest.raises(KafkaException):
        append(producer, "starves", b"after")


def test_the_largest_message_passes(kafka: KafkaBrokers) -> None:
    create_topic(AdminClient(quiet(kafka)), "large")
    framing_bytes = 1000  # batch and request headers count against the limit
    producer = Producer(quiet(kafka, {"acks": "all", "message.max.bytes": MESSAGE_BYTES_MAX}))
    assert append(producer, "large", bytes(MESSAGE_BYTES_MAX - framing_bytes)) == 0


def test_a_topic_is_never_created_by_mentioning_it(kafka: KafkaBrokers) -> None:
    producer = Producer(quiet(kafka, {"message.timeout.ms": 5000, "topic.metadata.propagation.max.ms": 2000}))
    with pytest.raises(KafkaException):
        append(producer, "nobody-made-me", b"x")
