"""A materializer process: views of the partitions that rendezvous hashing gives it, for eventual reads."""

from stator.model.positions import LogId
from stator.model.tables import Table
from stator.rules.placement import holders
from stator.runtime.cluster_node import ClusterNode, Failed
from stator.runtime.delayed_log import DelayedLog
from stator.runtime.settings import ClusterSettings
from stator.runtime.view_sweep import ViewSweep

from .server import WAIT_S, MaterializerService
from .ship_snapshots import SnapshotLimits, SnapshotSweep


class MaterializerProcess:
    """See `runtime/process.Service`."""

    _views: MaterializerService

    def __init__(self, settings: ClusterSettings, on_failure: Failed) -> None:
        self._node = ClusterNode(settings, on_failure)
        self._table_logs: set[LogId] = set()
        self._fellows = [name for name, role in settings.members.items() if role == "materializer"]

    async def start(self) -> None:
        """Join the cluster and follow the logs of all tables."""
        node = self._node
        await node.join(archive=True)
        delay_s = node.settings.materializer_delay_s
        self._views = MaterializerService(
            DelayedLog(node.log, node.clock, delay_s) if delay_s else node.log,
            node.views("views"),
            node.tasks,
            node.snapshots.install_base,
            wait_s=0.0 if delay_s else WAIT_S,
        )
        self._views.serve(node.peers)
        node.vitals.places.append(self._views.places)
        sweep = SnapshotSweep(self._views.replicas.values, node.archive, node.clock, SnapshotLimits(), self._snapshots)
        node.tasks.spawn("snapshots", sweep.run())
        node.tasks.spawn("view-sweep", ViewSweep(self._views.replicas.values, node.clock).run())
        for held in node.catalog.tables.values():
            self._changed(None, held.table)
        node.catalog.watchers.append(self._changed)

    async def stop(self) -> None:
        """Leave."""
        await self._node.close()

    def _snapshots(self, log_id: LogId) -> bool:
        """Snapshots of a table's partition are taken by the first of its two views; an index has none: it is rebuilt."""
        return self._node.mine(log_id) and log_id in self._table_logs

    def _changed(self, before: Table | None, after: Table | None) -> None:
        had = set(() if before is None else before.logs)
        has = set(() if after is None else after.logs)
        self._table_logs -= had
        if after is not None:
            self._table_logs |= {partition.log_id for partition in after.partitions}
        for log_id in had - has:
            self._views.forget(log_id)
        for log_id in has:
            if self._node.name in holders(log_id, self._fellows):
                self._views.hold(log_id)
