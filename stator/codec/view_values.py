"""What lies in a view: an item's version and image under its key, and the position the view stands at.

    item       8 bytes timestamp_us | 4 bytes CRC-32 of key, timestamp and image, big-endian | image, canonical DynamoDB-JSON
    position   msgpack array: format, next offset, lanes, timestamp_us, closed_us, digest (16 bytes), items, item bytes,
               definition, base, base offset, open prepares (txid, prepared_us, record),
               marks (offset, digest, items, item bytes)
    layouts    msgpack array of arrays, the layout in force first: sort keys of the local indexes (name, type), expiry attribute
    carried    under a token: 8 bytes timestamp_us, 8 offset, 4 number, big-endian

The image stays opaque so that a read splices it into its answer. Nothing is read without its checksum: a leader that decided on an
item which a disk made up would be believed, since what it decides is what the log says. Fields are only ever added at the end of
the position; a change of meaning takes a new format number, and views of another format are rebuilt from the log.
"""

from struct import Struct
from zlib import crc32

import msgspec

from stator.model.errors import DamagedDataError
from stator.model.positions import (
    Epoch,
    LaneId,
    LaneState,
    LogPosition,
    Mark,
    Offset,
    OpenPrepare,
    Seq,
    TimestampUs,
    WriterId,
)
from stator.model.tables import KeyAttribute, KeyType
from stator.rules.local_rows import LaidOut, LocalLayout
from stator.rules.request_tokens import Carried

FORMAT = 5

_ITEM = Struct(">QI")
_TIMESTAMP_BYTES = 8
_CARRIED = Struct(">QQI")
_DIGEST_BYTES = 16


class _SourceLane(msgspec.Struct, array_like=True, frozen=True):
    epoch: int
    writer: int
    seq: int
    chain: int


class _Lane(msgspec.Struct, array_like=True, frozen=True):
    lane: int
    epoch: int
    writer: int
    seq: int
    chain: int
    source_offset: int
    source_lane: _SourceLane | None = None


class _OpenPrepare(msgspec.Struct, array_like=True, frozen=True):
    txid: bytes
    prepared_us: int
    raw: bytes


class _Mark(msgspec.Struct, array_like=True, frozen=True):
    offset: int
    digest: bytes
    items: int
    item_bytes: int


class _Position(msgspec.Struct, array_like=True, frozen=True):
    format: int
    next_offset: int
    lanes: list[_Lane]
    timestamp_us: int
    closed_us: int
    digest: bytes
    items: int
    item_bytes: int
    definition: bytes
    base: str
    base_offset: int
    prepares: list[_OpenPrepare]
    marks: list[_Mark]


class _Layout(msgspec.Struct, array_like=True, frozen=True):
    sort_keys: list[tuple[str, KeyType]]
    expiry_attribute: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Position)
_layouts_decoder = msgspec.msgpack.Decoder(list[_Layout])


def encode_item(key: bytes, timestamp_us: TimestampUs, image: bytes) -> bytes:
    """The stored value of an item."""
    checksum = crc32(image, crc32(key + timestamp_us.to_bytes(_TIMESTAMP_BYTES, "big")))
    return _ITEM.pack(timestamp_us, checksum) + image


def decode_item(key: bytes, value: bytes) -> tuple[TimestampUs, bytes]:
    """Version and image of what is stored under a key. Raises DamagedDataError when it is not what was stored there."""
    if len(value) < _ITEM.size:
        raise DamagedDataError(f"a stored item has {len(value)} bytes, and no whole head")
    timestamp_us, checksum = _ITEM.unpack_from(value)
    image = value[_ITEM.size :]
    if crc32(image, crc32(key + value[:_TIMESTAMP_BYTES])) != checksum:
        raise DamagedDataError("a stored item does not have the checksum that it was stored with")
    return TimestampUs(timestamp_us), image


def encode_carried(carried: Carried) -> bytes:
    """The stored value of a token."""
    return _CARRIED.pack(*carried)


def decode_carried(value: bytes) -> Carried:
    """Where a token says that a request was carried. Raises DamagedDataError."""
    if len(value) != _CARRIED.size:
        raise DamagedDataError(f"a stored token has {len(value)} bytes, not {_CARRIED.size}")
    timestamp_us, offset, number = _CARRIED.unpack(value)
    return Carried(TimestampUs(timestamp_us), Offset(offset), number)


def encode_position(position: LogPosition) -> bytes:
    """The stored form of a position."""
    return _encoder.encode(
        _Position(
            format=FORMAT,
            next_offset=position.next_offset,
            lanes=[
                _Lane(
                    lane,
                    state.epoch,
                    state.writer,
                    state.seq,
                    state.chain,
                    state.source_offset,
                    _stored_source(state.source_lane),
                )
                for lane, state in position.lanes.items()
            ],
            timestamp_us=position.timestamp_us,
            closed_us=position.closed_us,
            digest=position.digest.to_bytes(_DIGEST_BYTES, "big"),
            items=position.items,
            item_bytes=position.item_bytes,
            definition=position.definition,
            base=position.base,
            base_offset=position.base_offset,
            prepares=[_OpenPrepare(one.txid, one.prepared_us, one.raw) for one in position.prepares],
            marks=[
                _Mark(mark.offset, mark.digest.to_bytes(_DIGEST_BYTES, "big"), mark.items, mark.item_bytes)
                for mark in position.marks
            ],
        ),
    )


def decode_position(data: bytes) -> LogPosition:
    """The position that was stored. Raises DamagedDataError for anything else, also for another format."""
    try:
        stored = _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DamagedDataError(f"a stored position does not decode: {error}") from error
    if stored.format != FORMAT or len(stored.digest) != _DIGEST_BYTES:
        raise DamagedDataError(f"a stored position has format {stored.format}, this version reads {FORMAT}")
    return LogPosition(
        next_offset=Offset(stored.next_offset),
        lanes={
            LaneId(lane.lane): LaneState(
                Epoch(lane.epoch),
                WriterId(lane.writer),
                Seq(lane.seq),
                lane.chain,
                lane.source_offset,
                _source(lane.source_lane),
            )
            for lane in stored.lanes
        },
        timestamp_us=TimestampUs(stored.timestamp_us),
        closed_us=TimestampUs(stored.closed_us),
        digest=int.from_bytes(stored.digest, "big"),
        items=stored.items,
        item_bytes=stored.item_bytes,
        definition=stored.definition,
        base=stored.base,
        base_offset=Offset(stored.base_offset),
        prepares=tuple(OpenPrepare(one.txid, TimestampUs(one.prepared_us), one.raw) for one in stored.prepares),
        marks=tuple(
            Mark(Offset(mark.offset), int.from_bytes(mark.digest, "big"), mark.items, mark.item_bytes)
            for mark in stored.marks
        ),
    )


def encode_layouts(laid: LaidOut) -> bytes:
    """The stored form of the layouts of a view."""
    return _encoder.encode(
        [
            _Layout([(key.name, key.type) for key in layout.sort_keys], layout.expiry_attribute)
            for layout in (laid.layout, *laid.replaced)
        ]
    )


def decode_layouts(data: bytes) -> LaidOut:
    """The layouts that were stored. Raises DamagedDataError for anything else."""
    try:
        stored = _layouts_decoder.decode(data)
    except msgspec.DecodeError as error:
        raise DamagedDataError(f"stored layouts do not decode: {error}") from error
    if not stored:
        raise DamagedDataError("no layout is stored")
    layout, *replaced = (
        LocalLayout(tuple(KeyAttribute(*key) for key in one.sort_keys), one.expiry_attribute) for one in stored
    )
    return LaidOut(layout, tuple(replaced))


def _stored_source(source: LaneState | None) -> _SourceLane | None:
    return None if source is None else _SourceLane(source.epoch, source.writer, source.seq, source.chain)


def _source(stored: _SourceLane | None) -> LaneState | None:
    if stored is None:
        return None
    return LaneState(Epoch(stored.epoch), WriterId(stored.writer), Seq(stored.seq), stored.chain)
