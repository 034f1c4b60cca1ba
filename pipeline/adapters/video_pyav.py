"""Footage through PyAV: one pass, presentation times, no more in memory than a group of pictures.

Only wanted frames become pixels. Groups of pictures in which no frame is wanted (the vehicle
stands still) are not even decoded.
"""

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from pipeline.adapters.ahead import read_ahead
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Clip, Frame, FrameRef, WantedFrame
from pipeline.domain.ids import ClipSha256

_Packet: TypeAlias = "Packet[VideoStream]"
_EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_MOST_PACKETS = 600
_AHEAD = 4
_CHUNK_BYTES = 1 << 20
_CUT_TOLERANCE_S = 1.0
# A playlist would have other files or addresses opened: only containers of pictures, only files.
ONLY_THIS_FILE = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,mxf,ogg",
}
_MOST_PIXELS = 100_000_000


class PyAvFootage:
    """Opens clips from files."""

    def __init__(self, sha256: ClipSha256 | None = None, *, store: Path | None = None) -> None:
        """Open clips, of which the SHA-256 need not be found again where it is known.

        Args:
            sha256: Of the one file that is to be opened.
            store: A folder in which files are called by the SHA-256 that they came with: their
                sound was taken out since.
        """
        self._sha256 = sha256
        self._store = store

    @contextmanager
    def open(self, location: str) -> Iterator["PyAvReader"]:
        """Open a clip.

        Raises:
            InputError: The file is missing, empty, no video, or has no index.
        """
        path = Path(location)
        if not path.is_file():
            raise InputError(f"{path.name}: there is no such file")
        if path.stat().st_size == 0:
            raise InputError(f"{path.name}: the file is empty; copy it from the card again")
        try:
            container = av.open(location, options=ONLY_THIS_FILE)
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(
                f"{path.name}: this is not footage that can be read (its index is missing or it "
                "is no video); if the recording was cut off, copy it again or have the camera "
                "repair it"
            ) from error
        with container:
            if not container.streams.video:
                raise InputError(f"{path.name}: the file has no pictures, only sound or data")
            yield PyAvReader(container, path, self._sha256_of(path))

    def _sha256_of(self, path: Path) -> ClipSha256:
        if self._sha256 is not None:
            return self._sha256
        if self._store is not None and path.resolve().is_relative_to(self._store):
            return ClipSha256(path.name)
        return sha256_of_file(path)


def sha256_of_file(path: Path) -> ClipSha256:
    """Return the SHA-256 of a file's bytes; read again only if its size or time has changed."""
    state = path.stat()
    return _sha256_of_state(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256_of_state(path: Path, _size_bytes: int, _changed_ns: int) -> ClipSha256:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return ClipSha256(digest.hexdigest())


class _Wanted:
    """The next wanted presentation time; None when there is none left."""

    def __init__(self, wanted: Iterable[WantedFrame]) -> None:
        ordered = sorted(wanted, key=lambda frame: frame.pts)
        self._all = [frame.pts for frame in ordered]
        self._latest = [frame.latest_pts for frame in ordered]
        self._next = 0

    @property
    def pts(self) -> int | None:
        return self._all[self._next] if self._next < len(self._all) else None

    def pass_by(self, pts: int) -> None:
        """Go on to the first wanted time after this one."""
        self._next = max(self._next, bisect_right(self._all, pts))

    def last_needed(self, packets: list[_Packet], next_key_pts: int | None) -> int | None:
        """Return the time of the last frame of a group that is wanted; None if that is unknown.

        What is decoded after it is not needed: it is shown later (nothing is shown before it is
        decoded), and what comes next begins with a key frame. That key frame also serves
        what may wait for it.
        """
        if next_key_pts is None:
            return None
        before_key = bisect_left(self._latest, next_key_pts)
        if before_key == 0:
            return None
        last = self._all[before_key - 1]
        return min((p.pts for p in packets if p.pts is not None and p.pts >= last), default=None)


class PyAvReader:
    """One clip, open for reading once, in order."""

    def __init__(self, container: InputContainer, path: Path, sha256: ClipSha256) -> None:
        """Read the index; decode one frame to learn the first time and the rotation."""
        self._container = container
        self._stream: VideoStream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._codec: VideoCodecContext = self._stream.codec_context
        self._name = path.name
        self._colours = VideoReformatter()
        self._decoded = 0
        self._damaged = 0
        # After damage what is shown is patched together from lost pictures, until a key frame.
        self._broken = False
        self._cut_at: int | None = None
        self._clip = self._read_index(sha256)

    @property
    def clip(self) -> Clip:
        """What the clip's index says."""
        return self._clip

    @property
    def cameras(self) -> int:
        """How many cameras' pictures the file holds; pictures of a cover do not count."""
        streams = self._container.streams.video
        return sum(not stream.disposition & Disposition.attached_pic for stream in streams)

    @property
    def decoded(self) -> int:
        """How many frames were decoded so far."""
        return self._decoded

    @property
    def damaged(self) -> int:
        """How many packets or frames could not be decoded so far."""
        return self._damaged

    @property
    def cut_at_pts(self) -> int | None:
        """Where the footage ended before its index said; None while it did not."""
        return self._cut_at

    def frames(self, wanted: Iterable[WantedFrame]) -> Generator[Frame, None, None]:
        """Yield what is wanted, in order, each frame once.

        Decoding runs a few frames ahead, in a thread of its own.
        """
        yield from read_ahead(self._frames(wanted), _AHEAD)

    def _frames(self, frames: Iterable[WantedFrame]) -> Iterator[Frame]:
        wanted = _Wanted(frames)
        if wanted.pts is None:
            return
        self._container.seek(wanted.pts, stream=self._stream, backward=True)
        last = self._clip.first_pts
        for frame in self._decode_wanted(wanted):
            pts = frame.pts
            if pts is None:
                continue
            last = pts
            if pts >= wanted.pts:
                yield self._as_frame(frame, pts)
                wanted.pass_by(pts)
            if wanted.pts is None:
                return
        self._note_cut(last)

    def _decode_wanted(self, wanted: "_Wanted") -> Iterator[VideoFrame]:
        """Decode groups of pictures, leaving out those that end before the next wanted time."""
        idle = False
        for packets, next_key_pts in self._groups():
            if wanted.pts is None:
                return
            if next_key_pts is not None and wanted.pts >= next_key_pts + self._lag:
                if not idle:
                    yield from self._drain()
                idle = True
                continue
            idle = False
            needed = wanted.last_needed(packets, next_key_pts)
            for packet in packets:
                if needed is None or packet.dts is None or packet.dts <= needed:
                    yield from self._decode(packet)
        yield from self._drain()

    @property
    def _lag(self) -> int:
        """Reordering room, in ticks: frames that are shown before the next key frame come late."""
        return math.ceil(0.5 / self._clip.time_base)

    def _groups(self) -> Iterator[tuple[list[_Packet], int | None]]:
        """Yield packets from one key frame to the next, with the next one's time."""
        group: list[_Packet] = []
        try:
            for packet in self._container.demux(self._stream):
                if packet.size == 0:
                    continue
                if group and (packet.is_keyframe or len(group) >= _MOST_PACKETS):
                    yield group, packet.pts if packet.is_keyframe else None
                    group = []
                group.append(packet)
        except av.error.FFmpegError:
            self._damaged += 1
        if group:
            yield group, None

    def _decode(self, packet: _Packet) -> Iterator[VideoFrame]:
        try:
            frames = self._codec.decode(packet)
        except av.error.FFmpegError:
            self._damaged += 1
            self._broken = True
            return
        for frame in frames:
            self._decoded += 1
            if frame.is_corrupt:
                self._damaged += 1
                self._broken = True
            elif frame.key_frame or not self._broken:
                self._broken = False
                yield frame

    def _drain(self) -> Iterator[VideoFrame]:
        try:
            frames = self._codec.decode(None)
        except av.error.FFmpegError:
            frames = []
        self._decoded += len(frames)
        yield from (frame for frame in frames if not frame.is_corrupt)
        self._codec.flush_buffers()

    def _note_cut(self, last_pts: int) -> None:
        lacking = self._clip.duration_s - self._clip.seconds_at(last_pts)
        if lacking > _CUT_TOLERANCE_S + self._frame_s:
            self._cut_at = last_pts

    @property
    def _frame_s(self) -> float:
        rate = self._stream.average_rate
        return float(1 / rate) if rate else 0.0

    def _as_frame(self, frame: VideoFrame, pts: int) -> Frame:
        picture = self._colours.reformat(frame, format="bgr24", interpolation="FAST_BILINEAR")
        pixels = np.asarray(picture.to_ndarray(), np.uint8)
        turns = round(frame.rotation / 90) % 4
        if turns:
            pixels = np.ascontiguousarray(np.rot90(pixels, turns))
        started_at = self._clip.started_at or _EARLIEST
        return Frame(
            ref=FrameRef(clip_sha256=self._clip.sha256, pts=pts),
            taken_at=started_at + timedelta(seconds=self._clip.seconds_at(pts)),
            pixels=pixels,
        )

    def _read_index(self, sha256: ClipSha256) -> Clip:
        stream = self._stream
        if self._codec.width * self._codec.height > _MOST_PIXELS:
            raise InputError(
                f"{self._name}: its pictures are {self._codec.width}×{self._codec.height}, which "
                "no camera on a vehicle takes"
            )
        first = self._first_frame()
        time_base = stream.time_base or Fraction(1, 90_000)
        turned = round(first.rotation / 90) % 2 == 1
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        first_pts = first.pts if first.pts is not None else 0
        return Clip(
            sha256=sha256,
            width_px=width,
            height_px=height,
            time_base=time_base,
            first_pts=first_pts,
            duration_s=self._duration_s(time_base),
            started_at=_creation_time(self._container, stream),
        )

    def _duration_s(self, time_base: Fraction) -> float:
        if self._stream.duration is not None:
            return float(self._stream.duration * time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return 0.0

    def _first_frame(self) -> VideoFrame:
        for packets, _ in self._groups():
            for packet in packets:
                for frame in self._decode(packet):
                    self._start_again()
                    return frame
        for frame in self._drain():
            self._start_again()
            return frame
        raise InputError(
            f"{self._name}: no picture in it can be decoded; copy the file from the card again"
        )

    def _start_again(self) -> None:
        self._codec.flush_buffers()
        self._decoded = self._damaged = 0
        self._broken = False


def _creation_time(container: InputContainer, stream: VideoStream) -> datetime | None:
    text = stream.metadata.get("creation_time") or container.metadata.get("creation_time")
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        return None
    return instant.astimezone(UTC) if _EARLIEST <= instant <= _LATEST else None
