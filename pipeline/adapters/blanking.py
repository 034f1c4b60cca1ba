"""Takes parts of footage out, in place: pictures, telemetry and whatever lies beside them.

Where they lie is found by reading the file (in a sandbox); the bytes there become zeros. Pictures
go from a key frame to a key frame, so that what is kept can still be decoded. Positions that stand
outside the streams (the blocks of Novatek's cameras, the boxes of others) have no times by which
they could be told apart: all of them go; what is kept of them stands in the database.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.packet import Packet

from pipeline.adapters.silence import Span, find_packet, payloads_of
from pipeline.adapters.video_pyav import ONLY_THIS_FILE
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Clip
from pipeline.domain.private import PrivateBytes

# Telemetry comes in packets of a second or so, of which the time is that of their beginning.
_TELEMETRY_S = 2.0
_HEAD_BYTES = 8
_LONG_HEAD_BYTES = 16
# At the top of an MP4: what is not an index or the streams themselves (ISO 14496-12, 4.2).
_KEPT_BOXES = {b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"styp"}
_FIRST_BOXES = _KEPT_BOXES | {b"free", b"skip", b"wide", b"uuid"}
# In its index: descriptions, which may name the place of the first picture.
_TELLING_BOXES = {b"udta", b"meta"}
_NOVATEK_BOX = b"gps "
# A block begins with its length, and with "free", which stays; then it says what it is.
_NOVATEK_MARK = b"freeGPS "


def private_bytes(location: str, parts: Sequence[tuple[float, float]], clip: Clip) -> PrivateBytes:
    """Return which bytes must go, so that parts of a clip are not kept, and what goes with them.

    Args:
        location: Where the clip lies.
        parts: From and to, in seconds after its first frame.
        clip: What its index says.

    Raises:
        InputError: Its packets are not found in it as they are told.
    """
    path = Path(location)
    try:
        with av.open(location, options=ONLY_THIS_FILE) as container, path.open("rb") as file:
            in_stream = container.format.name == "mpegts"
            packets = _Packets(tuple(parts), clip, None if in_stream else file.fileno())
            for packet in container.demux(*container.streams):
                if packet.size:
                    packets.take(packet)
            packets.close()
        found = (
            _in_transport_stream(path, packets)
            if in_stream
            else sorted([*_merged(packets.spans), *_beside_streams(path)])
        )
        return PrivateBytes(spans=tuple(found), parts=tuple(packets.gone))
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(
            "it was taken partly in a private area, which cannot be cut out of it; have the "
            "camera record MP4, or leave this file out"
        ) from error


@dataclass(frozen=True, slots=True)
class _Packet:
    content: bytes
    position: int | None
    begins_s: float


@dataclass(slots=True)
class _Packets:
    """Where private packets lie, found as they come; no more in memory than a group of them.

    Attributes:
        file: In which packets lie as they are; None for a transport stream.
        spans: Where private packets lie in such a file.
        pids: Of a transport stream: its streams without sound.
        ranges: Likewise: from where to where private groups of pictures lie.
        gone: From when to when these groups are shown.
    """

    parts: tuple[tuple[float, float], ...]
    clip: Clip
    file: int | None
    spans: list[Span] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)
    ranges: list[tuple[int, int | None]] = field(default_factory=list)
    gone: list[tuple[float, float]] = field(default_factory=list)
    _group: list[_Packet] = field(default_factory=list)

    def take(self, packet: "Packet[Any]") -> None:
        """Take a packet in the order in which it lies in the file."""
        kind = packet.stream.type
        if kind == "audio":
            return
        begins_s = self._seconds(packet)
        this = _Packet(bytes(packet), packet.pos, begins_s)
        self.pids.add(packet.stream.id)
        if kind != "video":
            if self._meets(begins_s - _TELEMETRY_S, begins_s + _TELEMETRY_S):
                self._go([this])
            return
        if packet.is_keyframe and self._group:
            self._end_group(this)
        self._group.append(this)

    def close(self) -> None:
        """Take the last group of pictures."""
        if self._group:
            self._end_group(None)

    def _end_group(self, following: _Packet | None) -> None:
        times = [packet.begins_s for packet in self._group]
        ends_s = following.begins_s if following else math.inf
        if self._meets(min(times), max(ends_s, *times)):
            self._go(self._group)
            begins_s = max(0.0, min(times))
            self.gone.append((begins_s, max(begins_s, min(ends_s, self.clip.duration_s))))
            begins = self._group[0].position
            if begins is not None:
                self.ranges.append((begins, following.position if following else None))
        self._group = []

    def _go(self, packets: Sequence[_Packet]) -> None:
        if self.file is not None:
            self.spans += [find_packet(self.file, p.content, p.position) for p in packets]

    def _seconds(self, packet: "Packet[Any]") -> float:
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None:
            raise ValueError("a packet without a time")
        first_s = float(self.clip.first_pts * self.clip.time_base)
        return float(at * packet.time_base) - first_s

    def _meets(self, begins_s: float, ends_s: float) -> bool:
        return any(begins_s < to_s and ends_s > from_s for from_s, to_s in self.parts)


def _in_transport_stream(path: Path, packets: _Packets) -> list[Span]:
    """Return the payloads of all streams but sound from private key frames to the next."""
    if any(begins < 0 for begins, _ in packets.ranges):
        raise ValueError("a group of pictures that is nowhere")
    size = path.stat().st_size
    ranges = [(begins, size if ends is None else ends) for begins, ends in packets.ranges]
    return [
        (offset, length)
        for offset, length in payloads_of(path, packets.pids)
        if any(begins <= offset < ends for begins, ends in ranges)
    ]


def _merged(spans: Sequence[Span]) -> Iterator[Span]:
    """Join spans that touch."""
    begins = ends = None
    for offset, length in sorted(spans):
        if ends is not None and offset <= ends:
            ends = max(ends, offset + length)
            continue
        if begins is not None and ends is not None:
            yield begins, ends - begins
        begins, ends = offset, offset + length
    if begins is not None and ends is not None:
        yield begins, ends - begins


def _beside_streams(path: Path) -> list[Span]:
    """Return what of an MP4 may hold positions outside its streams; nothing of other files."""
    size = path.stat().st_size
    found: list[Span] = []
    with path.open("rb") as file:
        if file.read(_HEAD_BYTES)[4:] not in _FIRST_BOXES:
            return []
        for kind, begins, ends in _boxes(file, 0, size):
            if kind == b"moov":
                found += _telling(file, begins, ends)
            elif kind not in _KEPT_BOXES:
                found.append((begins, ends - begins))
    return [span for span in found if span[1] > 0]


def _telling(file: BinaryIO, begins: int, ends: int) -> Iterator[Span]:
    """Yield what of an MP4's index tells places, or names blocks that do."""
    for kind, inner_begins, inner_ends in _boxes(file, begins, ends):
        if kind in _TELLING_BOXES:
            yield inner_begins, inner_ends - inner_begins
        if kind == _NOVATEK_BOX:
            file.seek(inner_begins)
            for offset, length in _novatek_blocks(file.read(inner_ends - inner_begins)):
                file.seek(offset)
                if file.read(4 + len(_NOVATEK_MARK))[4:] == _NOVATEK_MARK:
                    yield offset + _HEAD_BYTES, length - _HEAD_BYTES


def _boxes(file: BinaryIO, begins: int, ends: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, begin and end of what boxes hold (ISO 14496-12, 4.2)."""
    at = begins
    while at + _HEAD_BYTES <= ends:
        file.seek(at)
        head = file.read(_LONG_HEAD_BYTES)
        length, head_bytes = int.from_bytes(head[:4]), _HEAD_BYTES
        if length == 1:
            length, head_bytes = int.from_bytes(head[8:16]), _LONG_HEAD_BYTES
        elif length == 0:
            length = ends - at
        if length < head_bytes:
            return
        yield head[4:8], at + head_bytes, min(ends, at + length)
        at += length


def _novatek_blocks(index: bytes) -> list[Span]:
    """Return the blocks that Novatek's list names: offset and length, 4 bytes each, after 8."""
    numbers = [
        (int.from_bytes(index[at : at + 4]), int.from_bytes(index[at + 4 : at + 8]))
        for at in range(8, len(index) - 7, 8)
    ]
    return [(offset, length) for offset, length in numbers if length > _HEAD_BYTES]
