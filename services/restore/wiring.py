"""A restore process: carries out the restores that the catalog asks for."""

from stator.runtime.cluster_node import ClusterNode, Failed
from stator.runtime.history import History
from stator.runtime.settings import ClusterSettings

from .restore_tables import TableRestore


class RestoreProcess:
    """See `runtime/process.Service`."""

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self._node = ClusterNode(settings, on_failure)

    async def start(self) -> None:
        """Join the cluster and look for restores."""
        node = self._node
        await node.join(archive=True)
        restore = TableRestore(
            node.catalog,
            node.partitions,
            History(node.archive, node.log, node.clock),
            node.snapshots,
            node.views("scratch"),
            node.clock,
            node.tasks,
            node.on_duty,
        )
        restore.serve(node.peers)
        node.tasks.spawn("restore", restore.run())

    async def stop(self) -> None:
        """Leave; whoever is on duty next carries on."""
        await self._node.close()
