"""Real clips for the tests: a short rendered street, and clips that are broken on purpose."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from deploy.demo import rig_toml
from pipeline.adapters.grid_ostn15 import Ostn15Grid
from pipeline.simulator.drive import STARTED_AT, Pass, PassRules, gpx_of, simulated_rig
from pipeline.simulator.footage import street_painter, write_clip
from pipeline.simulator.making import make_street
from pipeline.simulator.street import Street
from pipeline.simulator.surface import paint_surface


def write_street(
    folder: Path, *, mended: bool = False, started_at: datetime = STARTED_AT, seed: int = 5
) -> int:
    """Write 60 m of street as clip, track and rig; return how many holes it has.

    Args:
        folder: Where to.
        mended: Without its four holes.
        started_at: When it is driven.
        seed: Of the drive.
    """
    street = make_street(11, length_m=60, holes=4, manholes=1, patches=1, shadows=1, cracks=0)
    street = replace(street, holes=()) if mended else street
    write_drive(folder, street, PassRules(speed_mps=9.0), seed=seed, started_at=started_at)
    return len(street.holes)


def write_drive(
    folder: Path,
    street: Street,
    rules: PassRules,
    *,
    seed: int,
    started_at: datetime,
    fps: int = 10,
) -> None:
    """Write a drive down a street as clip, track and rig."""
    rig = simulated_rig()
    driven = Pass(street, rules, seed=seed, started_at=started_at)
    write_clip(
        driven, rig, street_painter(paint_surface(street), rig), folder / "clip.mp4", fps=fps
    )
    (folder / "track.gpx").write_bytes(gpx_of(driven.fixes(Ostn15Grid(epoch_year=2026.1))))
    (folder / "rig.toml").write_text(rig_toml(rig), "utf-8")


def first_metres(street: Street, length_m: float) -> Street:
    """Return the beginning of a street, mended."""
    arcs, left = [], length_m
    for arc in street.arcs:
        if left > 0:
            arcs.append(replace(arc, length_m=min(arc.length_m, left)))
            left -= arc.length_m
    return replace(
        street, arcs=tuple(arcs), holes=(), manholes=(), patches=(), shadows=(), cracks=()
    )


def write_plain(
    path: Path,
    *,
    frames: int = 60,
    fps: int = 10,
    pts: list[int] | None = None,
    faststart: bool = True,
    created: str | None = "2026-02-10T12:00:00Z",
    options: dict[str, str] | None = None,
    key_every: int = 10,
) -> Path:
    """Write a small clip of moving noise, with chosen presentation times."""
    flags = {"movflags": "+faststart"} if faststart else {}
    rng = np.random.default_rng(0)
    base = rng.integers(40, 200, (128, 192, 3), dtype=np.uint8)
    with av.open(str(path), "w", options=options or flags) as container:
        if created:
            container.metadata["creation_time"] = created
        stream = container.add_stream(
            "libx264", rate=fps, options={"g": str(key_every), "sc_threshold": "0", "crf": "18"}
        )
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(base, number, axis=1), format="rgb24")
            frame.pts = number if pts is None else pts[number]
            frame.time_base = Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
