"""Queries and scans over a view: one page at a time, with DynamoDB's order of limit, filter and projection.

Shared by leaders (strong reads) and materializers (eventual reads), so that both cut pages at the same item. A page is read in
pieces, each a transaction of its own: a megabyte of small items takes many times as long as a loop may be kept from the others.
Source: AWS developer guide, "Query": limit and 1 MB are counted before the filter.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from stator.expressions.conditions import matches, parse_condition
from stator.expressions.projections import parse_projection, project
from stator.model.attributes import item_size
from stator.model.item import Item, decode_image, encode_image
from stator.model.key_order import after_prefix
from stator.model.positions import OWN_LANE, Offset
from stator.ports.view import ItemReader, StoredItem
from stator.rules.capacity import read_units
from stator.rules.commands import GotMany, Page, Query, Size
from stator.rules.key_spans import Span, after_key
from stator.rules.local_rows import local_rows
from stator.rules.reports import Duty, Place
from stator.runtime.replica import Replica

PIECE_ITEMS = 250
PIECE_BYTES = 64 * 1024
"""Items, and their bytes, read without giving way: some 3 ms."""

ANSWER_BYTES_MAX = 32 * 1024 * 1024
"""Images in one answer: more than a client gets of one batch (16 MB of items, which are shorter), less than a frame holds."""


class PageReading:
    """A page in the making. Each item is as the view has it when its piece is read."""

    def __init__(self, view: ItemReader, query: Query) -> None:
        self._view = view
        self._query = query
        self._filter = None if query.filter is None else parse_condition(query.filter.text)
        self._projection = None if query.projection is None else parse_projection(query.projection.text)
        self._carried = None if query.local is None else query.local.carried
        self._fetches = query.local is not None and query.local.whole
        self._left = _stretch(query)
        looked_into = query.filter is not None or query.projection is not None or self._carried is not None
        self._estimates = not (looked_into or query.measured)
        self._estimated: list[bytes] = []
        self._images: list[bytes] = []
        self._count = self._scanned = self._bytes = self._bytes_held = self._fetched_units = 0

    def step(self) -> Page | None:
        """Read on; the page when that ends it. Raises ValidationError when an expression does not fit an item."""
        items = bytes_read = 0
        with closing(self._rows()) as rows:
            for key, stored in rows:
                size = self._examine(stored)
                if self._scanned == self._query.limit or self._is_full():
                    return self._page(stored.image)
                items += 1
                bytes_read += size
                if items == PIECE_ITEMS or bytes_read >= PIECE_BYTES:
                    self._left = after_key(self._left, key, reverse=self._query.reverse)
                    return None
        return self._page(None)

    def _rows(self) -> Generator[tuple[bytes, StoredItem], None, None]:
        low, high = self._left
        if self._query.local is None:
            yield from self._view.scan(low, high, reverse=self._query.reverse)
        else:
            for row in self._view.rows(low, high, reverse=self._query.reverse):
                yield row.key, row.item

    def _examine(self, stored: StoredItem) -> int:
        """Take an item into the page; the bytes of it that are read."""
        if self._estimates:
            return self._take_whole(stored.image)
        query = self._query
        item = decode_image(stored.image)
        entry = item if self._carried is None else {name: item[name] for name in item if name in self._carried}
        size = item_size(entry)
        self._scanned += 1
        self._bytes += size
        if self._fetches:
            size = item_size(item)
            self._fetched_units += int(read_units(size, strong=True))
        else:
            item = entry
        self._bytes_held += size
        if query.filter is not None and self._filter is not None:
            shown = matches(self._filter, item, query.filter.names, query.filter.values)
        else:
            shown = True
        if shown:
            self._count += 1
            if not query.count_only:
                self._images.append(self._shown(stored.image, item))
        return size

    def _take_whole(self, image: bytes) -> int:
        """Take an item that nobody need look into. Its image is never shorter than the item: that serves as its size for now."""
        self._scanned += 1
        self._count += 1
        self._bytes += len(image)
        self._bytes_held += len(image)
        self._estimated.append(image)
        if not self._query.count_only:
            self._images.append(image)
        return len(image)

    def _is_full(self) -> bool:
        """Whether the page has all the bytes it may; to say so, estimates are made exact, no more of them than it takes."""
        while self._bytes_held >= self._query.bytes_max and self._estimated:
            image = self._estimated.pop()
            excess = len(image) - item_size(decode_image(image))
            self._bytes -= excess
            self._bytes_held -= excess
        return self._bytes_held >= self._query.bytes_max

    def _shown(self, image: bytes, item: Item) -> bytes:
        if self._projection is None or self._query.projection is None:
            return image if self._fetches or self._carried is None else encode_image(item)
        return encode_image(project(self._projection, item, self._query.projection.names))

    def _page(self, last: bytes | None) -> Page:
        reached = self._view.position.next_offset  # of the last piece, hence behind everything that the others show
        return Page(
            self._images,
            self._count,
            self._scanned,
            self._bytes,
            last,
            self._fetched_units,
            self._bytes_held,
            reached,
        )


def _stretch(query: Query) -> Span:
    """The rows to read, of the view's items or of those that it derives from them."""
    if query.local is None:
        return Span(query.low, query.high)
    rows = local_rows(query.local.number)
    return Span(rows + query.low, after_prefix(rows) if query.high is None else rows + query.high)


def read_page(view: ItemReader, query: Query, future: "asyncio.Future[Page]") -> None:
    """Read a page for `future`: at once, if it is one piece, and else a piece in each turn of the loop."""
    _read_on(PageReading(view, query), future)


def _read_on(reading: PageReading, future: "asyncio.Future[Page]") -> None:
    if future.done():
        return
    try:
        page = reading.step()
    except Exception as error:  # noqa: BLE001 - also a view that was closed meanwhile: whoever waits is told
        future.set_exception(error)
        return
    if page is None:
        future.get_loop().call_soon(_read_on, reading, future)
    else:
        future.set_result(page)


def images_of(keys: Sequence[bytes], find: Callable[[bytes], StoredItem | None], reached: Offset) -> GotMany:
    """What is found under the keys, as far as it fits into one answer; at least the first. It shows what lies below `reached`."""
    images: list[bytes | None] = []
    left = ANSWER_BYTES_MAX
    for key in keys:
        stored = find(key)
        image = None if stored is None else stored.image
        left -= len(image or b"")
        if left < 0 and images:
            break
        images.append(image)
    return GotMany(images, reached)


def size_of(replica: Replica) -> Size:
    """How much a replica's view holds, and how far it is."""
    position = replica.position
    sources = {int(lane): state.source_offset for lane, state in position.lanes.items() if lane != OWN_LANE}
    return Size(position.items, position.item_bytes, position.next_offset, sources)


def place_of(replica: Replica, duty: Duty, epoch: int = 0) -> Place:
    """Where a process stands with the log that this replica follows."""
    position, reason = replica.position, replica.damaged or replica.distrust_reason
    size = size_of(replica)
    return Place(
        log_id=replica.log_id,
        duty=duty,
        next_offset=size.offset,
        timestamp_us=position.timestamp_us,
        epoch=epoch,
        items=size.items,
        bytes=size.bytes,
        problem="" if reason is None else reason.message,
        rebuilding=reason is not None and replica.damaged is None,
        rebuilds=replica.rebuilds,
        undecided=len(position.prepares),
        undecided_since_us=min((one.prepared_us for one in position.prepares), default=0),
    )
