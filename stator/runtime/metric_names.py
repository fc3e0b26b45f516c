"""Every metric there is. `ddb_…` is what CloudWatch calls the same in AWS (docs/metrics.md has its name), `stator_…` is ours."""

from stator.runtime.meters import COUNT_BOUNDS, LATENCY_BOUNDS_S, Metric

REQUEST_DURATION = Metric(
    "ddb_request_duration_seconds",
    "histogram",
    "From the last byte of a request to its answer, of requests that succeeded.",
    ("table", "operation"),
    LATENCY_BOUNDS_S,
)
READ_UNITS = Metric(
    "ddb_consumed_read_capacity_units_total", "counter", "Read capacity units consumed.", ("table", "index")
)
WRITE_UNITS = Metric(
    "ddb_consumed_write_capacity_units_total", "counter", "Write capacity units consumed.", ("table", "index")
)
RETURNED_ITEMS = Metric(
    "ddb_returned_item_count_total", "counter", "Items returned by queries and scans.", ("table", "operation")
)
RETURNED_RECORDS = Metric(
    "ddb_returned_records_count_total", "counter", "Change records returned by GetRecords.", ("table",)
)
RETURNED_BYTES = Metric(
    "ddb_returned_bytes_total", "counter", "Bytes of the bodies of answers.", ("table", "operation")
)
CONDITIONS_FAILED = Metric(
    "ddb_conditional_check_failed_requests_total", "counter", "Writes whose condition did not hold.", ("table",)
)
THROTTLED = Metric(
    "ddb_throttled_requests_total", "counter", "Requests refused for their rate.", ("table", "operation")
)
USER_ERRORS = Metric("ddb_user_errors_total", "counter", "Requests refused as they were (HTTP 400).", ("operation",))
SYSTEM_ERRORS = Metric(
    "ddb_system_errors_total", "counter", "Requests that failed on our side (HTTP 500).", ("table", "operation")
)
TTL_DELETED = Metric(
    "ddb_time_to_live_deleted_item_count_total", "counter", "Items deleted because they expired.", ("table",)
)
PROVISIONED_READ = Metric(
    "ddb_provisioned_read_capacity_units", "gauge", "Provisioned read units a second.", ("table", "index")
)
PROVISIONED_WRITE = Metric(
    "ddb_provisioned_write_capacity_units", "gauge", "Provisioned write units a second.", ("table", "index")
)

TRANSACTIONS_STARTED = Metric(
    "stator_transactions_started_total",
    "counter",
    "Transactions that write begun, over one partition or across several.",
    ("scope",),
)
TRANSACTIONS_ENDED = Metric(
    "stator_transactions_ended_total", "counter", "Transactions that write answered, by how.", ("scope", "outcome")
)
TRANSACTIONS_CANCELLED_FOR = Metric(
    "stator_transactions_cancelled_for_total",
    "counter",
    "Transactions that write cancelled, by the reason of one or more of their actions.",
    ("reason",),
)
TRANSACTIONS_RECOVERED = Metric(
    "stator_transactions_recovered_total",
    "counter",
    "Prepared parts of transactions that were ended without their coordinator.",
    ("outcome",),
)
UNDECIDED = Metric(
    "stator_undecided_transactions",
    "gauge",
    "Transactions that a partition which is led here has prepared and not ended.",
    ("table", "log"),
)

APPEND_DURATION = Metric(
    "stator_append_duration_seconds",
    "histogram",
    "From handing a record to the log until it is confirmed.",
    bounds=LATENCY_BOUNDS_S,
)
HAND_OVERS = Metric(
    "stator_hand_overs_total", "counter", "Partitions handed over to the process that should lead them, when it asked."
)
GROUP_WRITES = Metric("stator_group_writes", "histogram", "Writes that shared one append.", bounds=COUNT_BOUNDS)
EPOCH = Metric("stator_epoch", "gauge", "Fencing epoch of a partition that is led here.", ("table", "index", "log"))
POSITION = Metric(
    "stator_position_offset",
    "gauge",
    "The next offset of a log that this process will take in, by what for.",
    ("duty", "table", "index", "log"),
)
LAG_OFFSETS = Metric(
    "stator_lag_offsets",
    "gauge",
    "Records in the log that this process has not taken in yet, by what for.",
    ("duty", "table", "index", "log"),
)
LAG_SECONDS = Metric(
    "stator_lag_seconds",
    "gauge",
    "Age of the oldest record in the log that this process has not taken in; 0 when there is none.",
    ("duty", "table", "index", "log"),
)
DAMAGED = Metric("stator_damaged", "gauge", "1 for a log or view that does not check.", ("duty", "table", "log"))
REBUILDS = Metric(
    "stator_view_rebuilds",
    "gauge",
    "How often a view was found wrong and begun anew, since the process started.",
    ("duty", "table", "log"),
)
DISK_FREE = Metric("stator_disk_free_bytes", "gauge", "Free space where the data lies.")
DISK_TOTAL = Metric("stator_disk_total_bytes", "gauge", "Size of the file system where the data lies.")

OF_REQUESTS = (
    REQUEST_DURATION,
    READ_UNITS,
    WRITE_UNITS,
    RETURNED_ITEMS,
    RETURNED_RECORDS,
    RETURNED_BYTES,
    CONDITIONS_FAILED,
    THROTTLED,
    USER_ERRORS,
    SYSTEM_ERRORS,
    TTL_DELETED,
    PROVISIONED_READ,
    PROVISIONED_WRITE,
)
OF_TRANSACTIONS = (
    TRANSACTIONS_STARTED,
    TRANSACTIONS_ENDED,
    TRANSACTIONS_CANCELLED_FOR,
    TRANSACTIONS_RECOVERED,
    UNDECIDED,
)
OF_PROCESSES = (
    APPEND_DURATION,
    GROUP_WRITES,
    HAND_OVERS,
    EPOCH,
    POSITION,
    LAG_OFFSETS,
    LAG_SECONDS,
    DAMAGED,
    REBUILDS,
    DISK_FREE,
    DISK_TOTAL,
)
ALL = (*OF_REQUESTS, *OF_TRANSACTIONS, *OF_PROCESSES)
