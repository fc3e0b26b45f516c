"""Histories that no serial order explains, by name: what is found in them, and the evidence.

Each is as small as it gets. Where intervals overlap (0-9 everywhere), real time says nothing, so that what is found
follows from reads alone.
"""

ANOMALIES: dict[str, tuple[set[str], str]] = {
    # --- one read is enough ------------------------------------------------------------------------------------
    "a value that nobody wrote": ({"garbage"}, "R 0-9: x=7"),
    "a value that nobody wrote, between others": ({"garbage"}, "A 0-9: x+1\nB 0-9: x+2\nR 0-9: x=1,7,2"),
    "an append that landed twice": ({"duplicate"}, "A 0-9: x+1\nR 0-9: x=1,1"),
    "an append that landed twice, around another": ({"duplicate", "G0"}, "A 0-9: x+1\nB 0-9: x+2\nR 0-9: x=1,2,1"),
    "an unknown append that landed twice": ({"duplicate"}, "A 0- unknown: x+1\nR 1-9: x=1,1"),
    "a failed write is read": ({"G1a"}, "A 0-9 failed: x+1\nR 0-9: x=1"),
    "a failed write is read below others": ({"G1a"}, "A 0-9 failed: x+1\nB 0-9: x+2\nR 0-9: x=1,2"),
    "a failed write is read above others": ({"G1a"}, "A 0-9 failed: x+1\nB 0-9: x+2\nR 0-9: x=2,1"),
    "a transaction that failed half": ({"G1a"}, "A 0-9 failed: x+1 y+1\nR 0-9: x=1 y="),
    "a failed write is read long after": ({"G1a"}, "A 0-1 failed: x+1\nR 5-9: x=1"),
    "an intermediate state is read": ({"G1b", "G-single"}, "A 0-9: x+1 x+2\nR 0-9: x=1\nS 0-9: x=1,2"),
    "an intermediate state is read, the final one by nobody": ({"G1b", "G-single"}, "A 0-9: x+1 x+2\nR 0-9: x=1"),
    "the second of three is read": ({"G1b", "G-single"}, "A 0-9: x+1 x+2 x+3\nR 0-9: x=1,2\nS 0-9: x=1,2,3"),
    "an intermediate state of an unknown transaction": ({"G1b", "G-single"}, "A 0- unknown: x+1 x+2\nR 1-9: x=1"),
    "an answer from the future": ({"future-read", "G1c-realtime"}, "A 5-9: x+1\nR 0-1: x=1"),
    "an answer from the future, of an unknown write": (
        {"future-read", "G1c-realtime"},
        "A 5- unknown: x+1\nR 0-1: x=1",
    ),
    # --- a transaction against itself --------------------------------------------------------------------------
    "own write not read": ({"internal"}, "A 0-9: x+1 x=\nR 0-9: x=1"),
    "own write not last": ({"internal", "G1c"}, "A 0-9: x+1 x=1,2\nB 0-9: x+2"),
    "own write read before it": ({"internal"}, "A 0-9: x=1 x+1"),
    "unrepeatable read": ({"internal", "G-single"}, "A 0-9: x= x=1\nB 0-9: x+1"),
    "unrepeatable read with an own write between": ({"internal", "G-single"}, "A 0-9: x= x+1 x=2,1\nB 0-9: x+2"),
    "a list that shrinks": ({"internal", "G-single"}, "B 0-9: x+1\nA 0-9: x=1 x="),
    # --- orders of one list ------------------------------------------------------------------------------------
    "two orders of two": ({"incompatible-order"}, "A 0-9: x+1\nB 0-9: x+2\nR 0-9: x=1,2\nS 0-9: x=2,1"),
    "two heads": ({"incompatible-order"}, "A 0-9: x+1\nB 0-9: x+2\nR 0-9: x=1\nS 0-9: x=2"),
    "a hole in a shorter list": (
        {"incompatible-order"},
        "A 0-9: x+1\nB 0-9: x+2\nC 0-9: x+3\nR 0-9: x=1,2,3\nS 0-9: x=1,3",
    ),
    "three heads": ({"incompatible-order"}, "A 0-9: x+1\nB 0-9: x+2\nC 0-9: x+3\nR 0-9: x=1\nS 0-9: x=2\nT 0-9: x=3"),
    # --- lost and stale ----------------------------------------------------------------------------------------
    "an acknowledged append is lost": ({"lost-append", "G-single-realtime"}, "A 0-1: x+1\nR 2-3: x="),
    "an acknowledged append is lost below a later one": (
        {"lost-append", "G0-realtime"},
        "A 0-1: x+1\nB 2-3: x+2\nR 4-5: x=2",
    ),
    "half of a transaction is lost": ({"lost-append", "G-single"}, "A 0-1: x+1 y+1\nR 2-3: x=1 y="),
    "an append is there, and then gone": ({"stale-read", "G-single-realtime"}, "A 0-1: x+1\nR 2-3: x=1\nS 4-5: x="),
    "a stale read": ({"stale-read", "G-single-realtime"}, "A 0-1: x+1\nS 2-3: x=\nR 4-5: x=1"),
    "a stale read of the second version": (
        {"stale-read", "G-single-realtime"},
        "A 0-1: x+1\nB 2-3: x+2\nS 4-5: x=1\nR 6-7: x=1,2",
    ),
    "a read goes back in time, and nobody was told of the write": (
        {"G-single-realtime"},
        "A 0-9: x+1\nR 1-2: x=1\nS 3-4: x=",
    ),
    "a read goes back in time, and the write's outcome is unknown": (
        {"G-single-realtime"},
        "A 0- unknown: x+1\nR 1-2: x=1\nS 3-4: x=",
    ),
    "appends against real time": ({"G0-realtime"}, "A 0-1: x+1\nB 2-3: x+2\nR 0-9: x=2,1"),
    "appends against real time, by way of a third": (
        {"G0-realtime"},
        "A 0-1: x+1\nB 2-9: x+2\nC 3-9: x+3\nR 0-9: x=2,3,1",
    ),
    "lost update": ({"G-single"}, "A 0-9: x= x+1\nB 0-9: x= x+2\nR 0-9: x=1,2"),
    "lost update that nobody reads": ({"G2"}, "A 0-9: x= x+1\nB 0-9: x= x+2"),
    "lost update upon a version": ({"G-single"}, "A 0-9: x+1\nB 0-9: x=1 x+2\nC 0-9: x=1 x+3\nR 0-9: x=1,2,3"),
    "a read-modify-write loses an unknown append": (
        {"G-single"},
        "A 0- unknown: x= x+1\nB 0-9: x= x+2\nR 0-9: x=1,2",
    ),
    # --- cycles of writes --------------------------------------------------------------------------------------
    "dirty write": ({"G0"}, "A 0-9: x+1 y+1\nB 0-9: x+2 y+2\nR 0-9: x=1,2 y=2,1"),
    "dirty write, each list read by another": ({"G0"}, "A 0-9: x+1 y+1\nB 0-9: x+2 y+2\nR 0-9: x=1,2\nS 0-9: y=2,1"),
    "appends of two transactions interleave": ({"G0"}, "A 0-9: x+1 x+3\nB 0-9: x+2\nR 0-9: x=1,2,3"),
    "a transaction's own appends in the wrong order": ({"G1b", "incompatible-order"}, "A 0-9: x+1 x+2\nR 0-9: x=2,1"),
    "a transaction's own appends in the wrong order, below another's": (
        {"incompatible-order"},
        "A 0-9: x+1 x+2\nB 0-9: x+3\nR 0-9: x=2,1,3",
    ),
    "dirty write of three": (
        {"G0"},
        "A 0-9: x+1 z+1\nB 0-9: x+2 y+2\nC 0-9: y+3 z+3\nR 0-9: x=1,2 y=2,3 z=3,1",
    ),
    "dirty write with an unknown transaction": ({"G0"}, "A 0-9: x+1 y+1\nB 0- unknown: x+2 y+2\nR 0-9: x=1,2 y=2,1"),
    # --- circular information ----------------------------------------------------------------------------------
    "two read each other": ({"G1c"}, "A 0-9: x+1 y=1\nB 0-9: y+1 x=1"),
    "three read each other": ({"G1c"}, "A 0-9: x+1 z=1\nB 0-9: y+1 x=1\nC 0-9: z+1 y=1"),
    "written after, read before": ({"G1c"}, "A 0-9: x+1 y+1\nB 0-9: x+2 y=\nC 0-9: y=1 x+3\nR 0-9: x=3,1,2"),
    "reads what it overwrote": ({"G1c"}, "A 0-9: x+1 y=2\nB 0-9: x+2 y+2\nR 0-9: x=1,2"),
    "information against real time": ({"G1c-realtime"}, "A 0-9: x+1 z=1\nR 1-2: x=1\nB 3-4: z+1"),
    # --- one anti-dependency -----------------------------------------------------------------------------------
    "half a transaction is read": ({"G-single"}, "A 0-9: x+1 y+1\nR 0-9: x=1 y="),
    "half a transaction is read, of an unknown one": ({"G-single"}, "A 0- unknown: x+1 y+1\nR 1-9: x=1 y="),
    "half a transaction is read, of three lists": ({"G-single"}, "A 0-9: x+1 y+1 z+1\nR 0-9: x=1 y=1 z="),
    "read skew": ({"G-single"}, "A 0-9: x+1 y+1\nB 0-9: x+2 y+2\nR 0-9: x=1,2 y=1\nS 0-9: y=1,2"),
    "read skew by way of another": ({"G-single"}, "A 0-9: x+1\nB 0-9: x=1 y+1\nR 0-9: y=1 x="),
    "read skew by a write after a write": ({"G-single"}, "A 0-9: x+1\nB 0-9: x+2 y+2\nR 0-9: y=2 x=1\nS 0-9: x=1,2"),
    # --- more of them ------------------------------------------------------------------------------------------
    "write skew": ({"G2"}, "A 0-9: x= y+1\nB 0-9: y= x+1"),
    "write skew that is read": ({"G2"}, "A 0-9: x= y+1\nB 0-9: y= x+1\nR 0-9: x=1 y=1"),
    "write skew of three": ({"G2"}, "A 0-9: x= y+1\nB 0-9: y= z+1\nC 0-9: z= x+1"),
    "write skew upon versions": ({"G2"}, "I 0-9: x+1 y+1\nA 0-9: x=1 y+2\nB 0-9: y=1 x+2\nR 0-9: x=1,2 y=1,2"),
    "two readers see two writes in two orders": ({"G2"}, "A 0-9: x+1\nB 0-9: y+1\nR 0-9: x=1 y=\nS 0-9: x= y=1"),
    "a reader sees the result of a race and not its start": (
        {"G2"},
        "A 0-9: x= y= y+1\nB 0-9: x+1\nR 0-9: x=1 y=\nS 0-9: x= y=1",
    ),
    # --- only real time says so --------------------------------------------------------------------------------
    "two writes are seen in two orders, by way of real time": (
        {"G2-realtime"},
        "A 0-9: x+1\nB 0-9: y+1\nR 0-9: x= y=1\nS 1-2: x=1\nT 3-4: y=",
    ),
    "a write skew that was over before it began": ({"G-single-realtime"}, "A 0-1: x+1\nB 2-3: y+1\nR 0-9: y=1 x="),
    "a snapshot from before the question": (
        {"stale-read", "G-single-realtime"},
        "A 0-1: x+1 y+1\nR 2-3: x= y=\nS 4-5: x=1 y=1",
    ),
}

EXPLAINED: dict[str, str] = {
    # --- histories that look odd and have a serial order --------------------------------------------------------
    "nothing happened": "",
    "one after the other": "A 0-1: x= x+1\nB 2-3: x=1 x+2\nR 4-5: x=1,2",
    "overlapping appends are read in either order": "A 0-9: x+1\nB 0-9: x+2\nR 0-9: x=2,1",
    "a read that overlaps a write may miss it": "A 0-5: x+1\nR 1-2: x=\nS 6-7: x=1",
    "a read may see a write that nobody was told of yet": "A 0-5: x+1\nR 1-2: x=1\nS 3-4: x=1",
    "an answer and a question at one instant overlap": "A 0-1: x+1\nR 1-2: x=",
    "an unknown append landed late": "A 0- unknown: x+1\nR 1-2: x=\nS 3-4: x=1",
    "an unknown append never landed": "A 0- unknown: x+1 y+1\nR 1-2: x= y=\nS 3-4: x= y=",
    "an unknown append landed behind one that was asked later": "A 0- unknown: x+1\nB 2-3: x+2\nR 4-5: x=2,1",
    "unknown transactions heard nothing, so nothing is skewed": "A 0-9: x= y+1\nB 0- unknown: y= x+1\nR 0-9: x=1 y=1",
    "a failed append is not missed": "A 0-1 failed: x+1\nR 2-3: x=",
    "own writes are read": "A 0-1: x= x+1 x=1 x+2 x=1,2\nR 2-3: x=1,2",
    "a snapshot that lags in a lull": "A 0-9: x+1 y+1\nB 0-9: x+2 y+2\nR 0-9: x=1 y=1\nS 0-9: x= y=\nT 0-9: x=1,2 y=1,2",
    "appends that nobody reads": "A 0-1: x+1\nB 2-3: x+2\nC 2-3: x+3",
    "two readers, of which the later-asked saw less": "A 0-9: x+1\nR 1-8: x=1\nS 2-7: x=",
    "a chain across lists": "A 0-9: x+1\nB 0-9: x=1 y+1\nC 0-9: y=1 z+1\nR 0-9: x=1 y=1 z=1",
}
