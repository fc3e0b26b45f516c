"""How the log uses Kafka, as the settings of its clients and topics, each with its reason.

Depending on each other: a delivery is given up (message.timeout) only after several requests could have been tried
(request.timeout), and a request before its connection (socket.timeout). None of them is the client's deadline: that is
the services' own, and always earlier. Do not make them "faster": one timed-out message makes librdkafka drain every
partition of its producer (protocol P1). Names and defaults: librdkafka CONFIGURATION.md.
"""

import logging
from collections.abc import Mapping
from typing import Any

from stator.ports.log import MESSAGE_BYTES_MAX

Settings = Mapping[str, Any]
"""librdkafka's settings by name, and what its Python binding takes beside them (logger, error_cb)."""

BATCH_BYTES_MAX = MESSAGE_BYTES_MAX + 1024 * 1024
"""What a topic must allow so that MESSAGE_BYTES_MAX fits: a frame, and compression that does not shrink."""

CONNECTION: Settings = {
    "logger": logging.getLogger("stator.kafka"),  # librdkafka writes to stderr otherwise
    "socket.timeout.ms": 6000,  # the default of 60 s is how long a hung broker would go unnoticed
    "socket.keepalive.enable": True,
    "socket.nagle.disable": True,  # 40 ms per append otherwise
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1000,
    "allow.auto.create.topics": False,  # a log exists because somebody created it
    "topic.metadata.refresh.fast.interval.ms": 50,  # how soon a new log, or a new broker leader, is noticed
    "topic.metadata.propagation.max.ms": 5000,  # how long a log nobody knows of may still turn out to exist
    "log.connection.close": False,  # brokers close idle connections; that is no news
}

PRODUCER: Settings = {
    "acks": "all",
    "enable.idempotence": True,  # keeps gaps rare; safety does not rest on it (protocol R1)
    # A broker serves one Produce request of a connection at a time, so more in flight only queue there, each a batch of
    # its own; here they join one batch. Five concurrent appends, three brokers on one machine: 1,400/s against 700/s.
    "max.in.flight.requests.per.connection": 1,
    "linger.ms": 0,  # 0.5 doubles a lone append's 1.5 ms and group commit has batched already
    "compression.type": "lz4",
    "message.timeout.ms": 20_000,
    "request.timeout.ms": 5000,
    "retry.backoff.ms": 50,
    "message.max.bytes": BATCH_BYTES_MAX,
    "queue.buffering.max.kbytes": 4 * MESSAGE_BYTES_MAX // 1024,  # beyond, appends fail
    "queue.buffering.max.messages": 100_000,
}

CONSUMER: Settings = {
    "enable.auto.commit": False,  # positions live in views, not in Kafka (R3)
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # the default skips silently to the end
    "isolation.level": "read_uncommitted",  # there are no transactions on logs
    "check.crcs": True,
    "fetch.wait.max.ms": 200,  # a newly opened reader waits for the idle fetch that is out; shorter ones keep idle brokers busy
    "fetch.error.backoff.ms": 20,
    "fetch.queue.backoff.ms": 20,  # the default of 1 s stalls a reader that catches up
    "queued.min.messages": 1000,
    "queued.max.messages.kbytes": 16 * 1024,
    "receive.message.max.bytes": 2 * BATCH_BYTES_MAX,  # one oversized batch and what else the fetch brings
}

ADMIN: Settings = {
    "log_level": 0,  # every failure comes back as the outcome of a call, and is told there
}


def topic_settings(min_insync: int) -> dict[str, str]:
    """The settings of a log's topic.

    Nothing is dropped unless `trim` says so, and nothing confirmed is lost while one in-sync replica lives.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "min.insync.replicas": str(min_insync),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(BATCH_BYTES_MAX),
        "segment.bytes": str(2 * BATCH_BYTES_MAX),  # a message must fit; trimming drops whole segments
        "segment.index.bytes": str(1024 * 1024),  # 10 MiB by default, allocated per segment of every log
        "message.timestamp.type": "CreateTime",  # nobody reads it: records carry their own time
    }
