"""A streams process: publishes the changes of its share of the logs."""

from stator.adapters.changes_kafka import KafkaChanges
from stator.adapters.log_kafka_topics import log_topic
from stator.runtime.cluster_node import ClusterNode, Failed
from stator.runtime.settings import ClusterSettings

from .follow_tables import FollowTables

ROLE = "streams"


class StreamsProcess:
    """See `runtime/process.Service`."""

    _changes: KafkaChanges

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self._node = ClusterNode(settings, on_failure)

    async def start(self) -> None:
        """Join the cluster and start to publish."""
        node = self._node
        await node.join(archive=False)
        self._changes = await KafkaChanges.connect(node.settings.kafka, node.clock, source_topic=log_topic)
        following = FollowTables(
            node.name,
            lambda: node.membership.alive(ROLE),
            node.catalog,
            node.log,
            self._changes,
            node.clock,
            node.ids,
            node.tasks,
        )
        node.vitals.places.append(following.places)
        node.tasks.spawn("share-out", following.run())

    async def stop(self) -> None:
        """Leave; what is in flight is decided by whoever opens the log next."""
        await self._node.close()
        if hasattr(self, "_changes"):
            await self._changes.close()
