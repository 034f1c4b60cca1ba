"""GPMF, the telemetry stream of GoPro cameras, as a bare stream: bytes to samples. Pure.

ExifTool reads GPMF inside its MP4 only; an exported stream is read here. The format is that of
GoPro's specification ("GPMF-parser"): an item is a four-letter key, a type letter (0: items
within), the size of a structure, how many there are (big-endian, 16 bit), and the data, padded to
four bytes. Of each stream (STRM) within a device (DEVC) these are read:

- SCAL: the divisors of the elements
- GPS5: latitude, longitude, altitude, speed (m/s), speed in 3D; five 32-bit integers
- GPSF: the fix (0, 2, 3); GPSU: UTC of the block (yymmddhhmmss.sss); GPSP: 100 × dilution
- GPS9: like GPS5, then days since 2000-01-01, seconds of the day, dilution, fix
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.telemetry import Device, TelemetrySample

SIGMA_PER_DOP_M = 2.5
# What mapillary_tools keeps by default: a fix in two dimensions, a dilution of ten.
WORST_DOP = 10.0
LEAST_FIX = 2
_HEAD = struct.Struct(">4scBH")
_GPS5, _GPS9 = struct.Struct(">5i"), struct.Struct(">7i2H")
_INTEGERS = {b"l": "i", b"L": "I", b"s": "h", b"S": "H"}
_LONGEST_BLOCK_S = 2.0
_USUAL_BLOCK_S = 1.0
_MILLENNIUM = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Item:
    key: bytes
    kind: bytes
    size: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The positions of about one second, as integers."""

    at: datetime | None
    dop: float
    fix: int
    scale: tuple[int, ...]
    gps5: tuple[tuple[int, ...], ...]
    gps9: tuple[tuple[int, ...], ...]


def parse_gpmf(content: bytes, *, name: str) -> tuple[TelemetrySample, ...]:
    """Return the positions of a GPMF stream; GPS9 where the camera writes it, otherwise GPS5.

    Positions without a fix or with a dilution above 10 are left out. A stream that is cut short
    gives what came before the cut. GPS5 positions are spread evenly from their block's time to
    the next one's.

    Args:
        content: The stream.
        name: How the file is called in messages.

    Raises:
        InputError: It is no GPMF stream, or has no usable position in it.
    """
    blocks = [block for stream in _streams(content) if (block := _block(stream)) is not None]
    samples = [sample for block in blocks for sample in _of_gps9(block)]
    if not samples:
        spread = [block for block in blocks if block.gps5]
        following = [*(block.at for block in spread[1:]), None]
        for block, end in zip(spread, following, strict=True):
            samples += _of_gps5(block, end)
    if not samples:
        raise InputError(f"{name}: the telemetry stream has no usable GPS position in it")
    return tuple(samples)


def device_of_gpmf(content: bytes) -> Device:
    """Return which camera wrote a stream, as far as it says."""
    for device in _items(content):
        for item in _items(device.data):
            if item.key == b"DVNM":
                return Device(make="GoPro", model=item.data.decode("latin-1").strip("\0 "))
    return Device(make="GoPro")


def is_gpmf(head: bytes) -> bool:
    """Return whether bytes begin like a GPMF stream."""
    return head[:5] == b"DEVC\0"


def _items(data: bytes) -> Iterator[_Item]:
    """Yield the items in a run of bytes; ends where it is cut short."""
    position = 0
    while position + _HEAD.size <= len(data):
        key, kind, size, count = _HEAD.unpack_from(data, position)
        begin = position + _HEAD.size
        if begin + size * count > len(data):
            return
        yield _Item(key, kind, size, data[begin : begin + size * count])
        position = begin + (size * count + 3) // 4 * 4


def _streams(content: bytes) -> Iterator[list[_Item]]:
    for device in _items(content):
        if device.key == b"DEVC":
            for stream in _items(device.data):
                if stream.key == b"STRM":
                    yield list(_items(stream.data))


def _block(stream: list[_Item]) -> _Block | None:
    found = {item.key: item for item in stream}
    if b"GPS5" not in found and b"GPS9" not in found:
        return None
    return _Block(
        at=_utc(found[b"GPSU"].data) if b"GPSU" in found else None,
        dop=_integers(found.get(b"GPSP"), (0,))[0] / 100,
        fix=_integers(found.get(b"GPSF"), (3,))[0],
        scale=_integers(found.get(b"SCAL"), ()),
        gps5=_rows(found.get(b"GPS5"), _GPS5),
        gps9=_rows(found.get(b"GPS9"), _GPS9),
    )


def _of_gps9(block: _Block) -> Iterator[TelemetrySample]:
    for row in block.gps9:
        if len(block.scale) != len(row) or not all(block.scale):
            return
        lat, lon, _, speed, _, days, seconds, dop, fix = (
            value / by for value, by in zip(row, block.scale, strict=True)
        )
        at = _MILLENNIUM + timedelta(days=days, seconds=seconds)
        yield from _sample((lat, lon, speed), at, dop, fix)


def _of_gps5(block: _Block, end: datetime | None) -> Iterator[TelemetrySample]:
    scale = block.scale if len(block.scale) == _GPS5.size // 4 else block.scale[:1] * 5
    if block.at is None or not scale or not all(scale):
        return
    lasts_s = _USUAL_BLOCK_S if end is None else (end - block.at).total_seconds()
    if not 0 < lasts_s <= _LONGEST_BLOCK_S:
        lasts_s = _USUAL_BLOCK_S
    for i, row in enumerate(block.gps5):
        lat, lon, _, speed, _ = (value / by for value, by in zip(row, scale, strict=True))
        at = block.at + timedelta(seconds=i * lasts_s / len(block.gps5))
        yield from _sample((lat, lon, speed), at, block.dop, block.fix)


def _sample(
    values: tuple[float, float, float], at: datetime, dop: float, fix: float
) -> Iterator[TelemetrySample]:
    lat, lon, speed = values
    if fix < LEAST_FIX or dop > WORST_DOP or abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004
        return
    yield TelemetrySample(
        media_s=None,
        at=at,
        place=LonLat(lon_deg=lon, lat_deg=lat),
        sigma_m=SIGMA_PER_DOP_M * dop if dop > 0 else None,
        speed=speed,
    )


def _rows(item: _Item | None, form: struct.Struct) -> tuple[tuple[int, ...], ...]:
    if item is None or item.size != form.size:
        return ()
    return tuple(form.iter_unpack(item.data))


def _integers(item: _Item | None, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    letter = _INTEGERS.get(item.kind) if item is not None else None
    if item is None or letter is None or not item.data:
        return otherwise
    count = len(item.data) // struct.calcsize(letter)
    return struct.unpack(f">{count}{letter}", item.data)


def _utc(data: bytes) -> datetime | None:
    try:
        return datetime.strptime(data.decode("ascii"), "%y%m%d%H%M%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None
