"""Takes the sound out of footage, in place: pictures, times and telemetry stay byte for byte.

Where sound lies is found by reading the file (in a sandbox); the bytes there become zeros.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import av

from pipeline.adapters.video_pyav import ONLY_THIS_FILE
from pipeline.domain.errors import InputError

Span = tuple[int, int]
_TS_BYTES, _TS_HEAD_BYTES, _TS_SYNC = 188, 4, 0x47
# A block's own head may stand before its data.
_SEARCH_BYTES = 64
_PACKETS_AT_ONCE = 5000
_CHUNK_BYTES = 1 << 20


def sound_spans(location: str) -> tuple[Span, ...]:
    """Return offset and length of every run of bytes that is sound; none where there is none.

    Raises:
        InputError: The file has sound that is not found in it as it is told.
    """
    path = Path(location)
    try:
        with av.open(location, options=ONLY_THIS_FILE) as container, path.open("rb") as file:
            streams = container.streams.audio
            if not streams:
                return ()
            if container.format.name == "mpegts":
                return tuple(payloads_of(path, {stream.id for stream in streams}))
            return tuple(
                find_packet(file.fileno(), bytes(packet), packet.pos)
                for packet in container.demux(*streams)
                if packet.size
            )
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError("its sound could not be taken out; record without sound") from error


def witness_of(path: Path, spans: Iterable[Span]) -> int | None:
    """Return where the first byte in runs of bytes lies that is not zero; None if all are."""
    with path.open("rb") as file:
        for offset, length in spans:
            for at in range(offset, offset + length, _CHUNK_BYTES):
                chunk = os.pread(file.fileno(), min(_CHUNK_BYTES, offset + length - at), at)
                if rest := chunk.lstrip(b"\0"):
                    return at + len(chunk) - len(rest)
    return None


def blank(path: Path, spans: Iterable[Span], *, witness: int | None = None) -> None:
    """Write zeros over runs of bytes; doing it twice changes nothing.

    Args:
        path: The file, which stays as long as it is.
        spans: Offset and length of each run.
        witness: The byte there goes last, when all others are surely on the disk: as long as it is
            there, not all is done.
    """
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for offset, length in spans:
            for at in range(offset, min(offset + length, size), _CHUNK_BYTES):
                _zero(
                    file.fileno(), at, min(_CHUNK_BYTES, offset + length - at, size - at), witness
                )
        os.fsync(file.fileno())
        if witness is not None and witness < size:
            os.pwrite(file.fileno(), b"\0", witness)
            os.fsync(file.fileno())


def _zero(file: int, at: int, length: int, witness: int | None) -> None:
    """Write zeros, but not over the witness."""
    if witness is None or not at <= witness < at + length:
        os.pwrite(file, bytes(length), at)
        return
    os.pwrite(file, bytes(witness - at), at)
    os.pwrite(file, bytes(at + length - witness - 1), witness + 1)


def find_packet(file: int, content: bytes, position: int | None) -> Span:
    """Return where a packet lies in a file.

    Raises:
        ValueError: It is not where it is told.
    """
    if position is not None and position >= 0:
        around = os.pread(file, len(content) + _SEARCH_BYTES, position)
        at = around.find(content)
        if at >= 0:
            return position + at, len(content)
    raise ValueError("a packet is not where it is told")


def payloads_of(path: Path, pids: set[int]) -> Iterator[Span]:
    """Yield the payloads of streams in a transport stream (ISO 13818-1, 2.4.3.2).

    Raises:
        ValueError: It is out of step.
    """
    offset = 0
    with path.open("rb") as file:
        while block := file.read(_TS_BYTES * _PACKETS_AT_ONCE):
            for at in range(0, len(block) - _TS_BYTES + 1, _TS_BYTES):
                if block[at] != _TS_SYNC:
                    raise ValueError("a transport stream out of step")
                pid = (block[at + 1] & 0x1F) << 8 | block[at + 2]
                if pid in pids:
                    yield offset + at + _TS_HEAD_BYTES, _TS_BYTES - _TS_HEAD_BYTES
            offset += len(block)
