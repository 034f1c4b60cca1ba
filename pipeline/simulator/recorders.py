"""Recorders: footage and telemetry as devices write them, made byte by byte."""

import struct
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Place = tuple[float, float]


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of an MP4 (ISO 14496-12)."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def klv(key: bytes, kind: bytes, size: int, content: bytes) -> bytes:
    """Return an item of GPMF, padded to four bytes."""
    count = len(content) // size
    return struct.pack(">4scBH", key, kind, size, count) + content + b"\0" * (-len(content) % 4)


def gpmf(blocks: Sequence[tuple[str, Sequence[Place]]], *, fix: int = 3, dop: float = 1.5) -> bytes:
    """Return a stream of GPS5 blocks: the time as GoPro writes it, and places (lat, lon)."""
    stream = b""
    for at, places in blocks:
        rows = b"".join(
            struct.pack(">5i", round(lat * 1e7), round(lon * 1e7), 1000, 5000, 500)
            for lat, lon in places
        )
        items = (
            klv(b"GPSF", b"L", 4, struct.pack(">I", fix))
            + klv(b"GPSU", b"U", 16, at.encode())
            + klv(b"GPSP", b"S", 2, struct.pack(">H", round(dop * 100)))
            + klv(b"SCAL", b"l", 4, struct.pack(">5i", 10_000_000, 10_000_000, 1000, 1000, 100))
            + klv(b"GPS5", b"l", 20, rows)
        )
        device = klv(b"DVNM", b"c", 1, b"Hero5 Black") + klv(b"STRM", b"\0", 1, items)
        stream += klv(b"DEVC", b"\0", 1, device)
    return stream


def rmc(at: datetime, place: Place, *, knots: float = 10.0, course: float = 90.0) -> str:
    """Return an RMC sentence with its checksum."""
    lat, lon = place
    north, east = "NS"[lat < 0], "EW"[lon < 0]
    lat_min, lon_min = (abs(lat) % 1) * 60, (abs(lon) % 1) * 60
    text = (
        f"GPRMC,{at:%H%M%S.00},A,{int(abs(lat)):02d}{lat_min:08.5f},{north},"
        f"{int(abs(lon)):03d}{lon_min:08.5f},{east},{knots:.2f},{course:.1f},{at:%d%m%y},,,A"
    )
    total = 0
    for letter in text:
        total ^= ord(letter)
    return f"${text}*{total:02X}"


def add_blackvue_gps(
    clip: Path, places: Sequence[Place], *, gps_at: datetime, clock_at: datetime
) -> Path:
    """Add positions, one a second, to a clip as BlackVue cameras do: NMEA with the camera's time.

    Args:
        clip: Changed in place.
        places: Latitude and longitude; the first belongs to the first frame.
        gps_at: UTC of the first.
        clock_at: What the camera's clock says then.
    """
    epoch = datetime(1970, 1, 1, tzinfo=clock_at.tzinfo)
    start_ms = round((clock_at - epoch).total_seconds() * 1000)
    lines = []
    for i, place in enumerate(places):
        sentence = rmc(gps_at + timedelta(seconds=i), place)
        lines.append(f"[{start_ms + 1000 * i}]{sentence}\r\n")
    content = box(b"sttm", struct.pack(">Q", start_ms)) + box(b"gps ", "".join(lines).encode())
    with clip.open("ab") as file:
        file.write(box(b"free", content))
    return clip


def fit(records: Sequence[tuple[datetime, Place]]) -> bytes:
    """Return a FIT activity with one record a position."""
    epoch = datetime(1989, 12, 31, tzinfo=records[0][0].tzinfo)
    body = struct.pack("<BBBHB", 0x40, 0, 0, 20, 3)
    body += bytes([253, 4, 0x86, 0, 4, 0x85, 1, 4, 0x85])
    for at, (lat, lon) in records:
        semi = [round(v * 2**31 / 180) for v in (lat, lon)]
        body += struct.pack("<BIii", 0, int((at - epoch).total_seconds()), *semi)
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT")
    return head + b"\0\0" + body + b"\0\0"


def gpx(begins: datetime, places: Sequence[Place]) -> bytes:
    """Return a GPX track with a position each second."""
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"><time>'
        f"{begins + timedelta(seconds=i):%Y-%m-%dT%H:%M:%SZ}</time></trkpt>"
        for i, (lat, lon) in enumerate(places)
    )
    return f'<gpx version="1.1"><trk><trkseg>{points}</trkseg></trk></gpx>'.encode()


def write_recording(
    path: Path, *, seconds: int = 6, created: datetime | None = None, seed: int = 0
) -> Path:
    """Write a small clip of moving noise, ten pictures a second; another seed, other bytes."""
    base = np.random.default_rng(seed).integers(40, 200, (128, 192, 3), dtype=np.uint8)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        if created is not None:
            container.metadata["creation_time"] = f"{created:%Y-%m-%dT%H:%M:%SZ}"
        stream = container.add_stream("libx264", rate=10, options={"g": "10", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for number in range(10 * seconds):
            frame = av.VideoFrame.from_ndarray(np.roll(base, number, axis=1), format="rgb24")
            frame.pts = number
            frame.time_base = Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
