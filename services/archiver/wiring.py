"""An archiver process: ships the logs that are its own."""

from stator.runtime.cluster_node import ClusterNode, Failed
from stator.runtime.settings import ClusterSettings

from .archive_tables import ArchiverService
from .ship_segments import SegmentLimits


class ArchiverProcess:
    """See `runtime/process.Service`."""

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self._node = ClusterNode(settings, on_failure)

    async def start(self) -> None:
        """Join the cluster and start to ship."""
        node = self._node
        await node.join(archive=True)
        limits = SegmentLimits(segment_age_s=node.settings.segment_age_s)
        archiver = ArchiverService(node.log, node.archive, node.catalog, node.clock, node.tasks, limits, node.mine)
        node.vitals.places.append(archiver.places)

    async def stop(self) -> None:
        """Leave; what is not shipped yet is read from the log again."""
        await self._node.close()
