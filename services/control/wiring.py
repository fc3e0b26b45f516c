"""A control process: table operations and the work they leave to do."""

from stator.runtime.cluster_node import ClusterNode, Failed
from stator.runtime.settings import ClusterSettings

from .tables import TableControl


class ControlProcess:
    """See `runtime/process.Service`."""

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self._node = ClusterNode(settings, on_failure)

    async def start(self) -> None:
        """Join the cluster and serve."""
        node = self._node
        await node.join(archive=False)
        control = TableControl(
            node.log,
            node.catalog,
            node.partitions,
            node.clock,
            node.ids,
            node.tasks,
            node.settings.partitions,
            node.on_duty,
        )
        node.peers.serve("control", control.serve)
        node.tasks.spawn("control", control.run())

    async def stop(self) -> None:
        """Leave; other control processes carry on."""
        await self._node.close()
