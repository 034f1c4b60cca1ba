"""Cards as they come back from a round: drives, and everything that is wrong with cards."""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np

from pipeline.simulator.recorders import add_blackvue_gps, box, gpx, write_recording

_BEGINS = datetime(2026, 2, 10, 8, 0, tzinfo=UTC)
_CLIP_S = 6
_STEP_DEG = 9e-5  # ten metres northwards


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFile:
    """A file that cannot be used.

    Attributes:
        words: What must be said of it, at the least.
    """

    path: str
    kind: str
    words: str


def write_drives(
    folder: Path, clips: int, *, seed: int = 0, every: int = 40, on_clip: Callable[[], None]
) -> list[str]:
    """Write clips with positions inside, of drives that are an hour apart; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(clips):
        drive, place = divmod(number, every)
        at = _BEGINS + timedelta(days=seed % 300, hours=drive, seconds=_CLIP_S * place)
        clip = write_recording(
            folder / f"{at:%Y%m%d_%H%M%S}_NF.mp4", created=at, seed=1000 * seed + number
        )
        begins = 51.0 + 0.02 * drive + _STEP_DEG * _CLIP_S * place
        places = [(begins + _STEP_DEG * second, -1.0) for second in range(_CLIP_S + 1)]
        add_blackvue_gps(clip, places, gps_at=at, clock_at=at)
        names.append(clip.name)
        on_clip()
    return names


def write_bad_files(folder: Path, count: int) -> list[BadFile]:
    """Write files that cannot be used, of every kind in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    good = write_recording(folder / "good.mp4", created=_BEGINS).read_bytes()
    late = _moov_last(folder / "late.mp4")
    (folder / "good.mp4").unlink()
    (folder / "late.mp4").unlink()
    abroad = [(48.85 + _STEP_DEG * i, 2.35) for i in range(7)]
    kinds: Mapping[str, tuple[str, bytes, str]] = {
        "empty": ("mp4", b"", "the file is empty"),
        "archive": ("mp4", b"PK\x03\x04" + bytes(4000), "archive (ZIP)"),
        "photograph": ("mp4", b"\xff\xd8\xff\xe0" + bytes(4000), "photograph"),
        "program": ("mp4", b"\x7fELF" + bytes(4000), "programs are never opened"),
        "noise": ("mp4", bytes(range(256))[1:] * 40, "not footage that can be read"),
        "no index": ("mp4", late[: len(late) // 2], "before the camera wrote its index"),
        "playlist": ("mp4", b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n", "playlist"),
        "no positions": ("mp4", good, "no positions"),
        "sound": ("mp4", write_sound(folder / "sound.mp4").read_bytes(), "only sound"),
        "absurd size": (
            "mov",
            write_absurd(folder / "absurd.mov").read_bytes(),
            "no picture in it can be decoded",
        ),
        "rear camera": ("mp4", good, "rear camera"),
        "track without dates": ("csv", b"lat,lon\n51.0,-1.0\n", "which column is time"),
        "track without zone": (
            "gpx",
            gpx(_BEGINS, [(51.0, -1.0)]).replace(b"Z</time>", b"</time>"),
            "no time zone",
        ),
        "lonely track": ("gpx", gpx(_BEGINS + timedelta(days=900), [(51.0, -1.0)]), "no footage"),
        "abroad": ("mp4", good, "in the sea or abroad"),
    }
    written = []
    for number in range(count):
        kind = list(kinds)[number % len(kinds)]
        ending, content, words = kinds[kind]
        way = "_NR" if kind == "rear camera" else ""
        name = f"bad_{number:02d}_{kind.replace(' ', '_')}{way}.{ending}"
        if kind == "rear camera":
            name = f"2026021{number % 10}_1200{number % 60:02d}_NR.mp4"
        path = folder / name
        # A free box at the end keeps an MP4 what it is, and makes its bytes its own.
        own = box(b"free", struct.pack(">I", number)) if ending in {"mp4", "mov"} else b""
        path.write_bytes(content + own if content else b"")
        if kind == "no positions":
            _dated(path, _BEGINS + timedelta(days=500 + number))
        if kind == "abroad":
            at = _BEGINS + timedelta(days=700 + number)
            add_blackvue_gps(path, abroad, gps_at=at, clock_at=at)
        written.append(BadFile(path=name, kind=kind, words=words))
    for name in ("sound.mp4", "absurd.mov"):
        (folder / name).unlink()
    return written


def _dated(path: Path, at: datetime) -> None:
    """Set the creation time in the index of an MP4: else the same minutes would be shown twice."""
    content = bytearray(path.read_bytes())
    since_1904 = struct.pack(">I", int((at - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds()))
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        place = content.find(kind)
        content[place + 8 : place + 12] = since_1904
    path.write_bytes(content)


def _moov_last(path: Path) -> bytes:
    write_recording(path)
    with av.open(str(path)) as source, av.open(f"{path}.mp4", "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    other = Path(f"{path}.mp4")
    content = other.read_bytes()
    other.unlink()
    return content


def write_sound(path: Path) -> Path:
    """Write a file with sound and no pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_absurd(path: Path) -> Path:
    """Write footage that claims pictures of 100,000 by 100,000."""
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    at = content.index(b"IHDR")
    content[at + 4 : at + 12] = struct.pack(">2I", 100_000, 100_000)
    content[at + 17 : at + 21] = struct.pack(">I", zlib.crc32(content[at : at + 17]))
    path.write_bytes(content)
    return path
