"""Queries over a view: one page at a time, with DynamoDB's order of limit, filter and projection.

Shared by leaders (strong reads) and materializers (eventual reads), so that both cut pages at the same item.
Source: AWS developer guide, "Query": limit and 1 MB are counted before the filter.
"""

from stator.expressions.conditions import matches, parse_condition
from stator.expressions.projections import parse_projection, project
from stator.model.attributes import item_size
from stator.model.item import decode_image, encode_image
from stator.model.positions import OWN_LANE
from stator.ports.view import ViewReader
from stator.rules.commands import Page, Query, Size
from stator.runtime.replica import Replica

PAGE_BYTES_MAX = 1024 * 1024


def query_page(view: ViewReader, query: Query) -> Page:
    """Evaluate one page of a query. `last` is set when the limit or 1 MB ended the page, as DynamoDB does, even if nothing
    follows.
    """
    condition = None if query.filter is None else parse_condition(query.filter.text)
    projection = None if query.projection is None else parse_projection(query.projection.text)
    images: list[bytes] = []
    count = scanned = size = 0
    last: bytes | None = None
    rows = view.scan(query.low, query.high, reverse=query.reverse)
    for _, stored in rows:
        item = decode_image(stored.image)
        scanned += 1
        size += item_size(item)
        if condition is None or (query.filter and matches(condition, item, query.filter.names, query.filter.values)):
            count += 1
            if not query.count_only:
                if projection is not None and query.projection is not None:
                    images.append(encode_image(project(projection, item, query.projection.names)))
                else:
                    images.append(stored.image)
        if scanned == query.limit or size >= PAGE_BYTES_MAX:
            last = stored.image
            break
    close = getattr(rows, "close", None)
    if close is not None:
        close()
    return Page(images=images, count=count, scanned=scanned, bytes_read=size, last=last)


def size_of(replica: Replica) -> Size:
    """How much a replica's view holds, and how far it is."""
    position = replica.position
    sources = {int(lane): state.source_offset for lane, state in position.lanes.items() if lane != OWN_LANE}
    return Size(position.items, position.item_bytes, position.next_offset, sources)
