"""Footage of the simulated street: straight into the line, or as a real clip on disk."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.footage import Clip, Frame, FrameRef, WantedFrame
from pipeline.domain.ids import ClipSha256
from pipeline.geometry.distortion import straightened
from pipeline.simulator.drive import Pass, lens_at
from pipeline.simulator.surface import Surface
from pipeline.simulator.view import render_view

Picture = NDArray[np.uint8]
Painter = Callable[[Pass, float], Picture]

FPS = 25
TICKS_A_FRAME = 512
_TIME_BASE = Fraction(1, FPS * TICKS_A_FRAME)


def clip_of(driven: Pass, rig: CameraRig) -> Clip:
    """Return what the index of a pass's footage would say."""
    name = f"{driven.street.seed} {driven.seed} {driven.rules} {driven.started_at} {rig}"
    behind = timedelta(seconds=driven.rules.camera_clock_behind_s)
    return Clip(
        sha256=ClipSha256(hashlib.sha256(name.encode()).hexdigest()),
        width_px=rig.width_px,
        height_px=rig.height_px,
        time_base=_TIME_BASE,
        first_pts=0,
        duration_s=driven.duration_s,
        started_at=driven.started_at - behind,
    )


def street_painter(surface: Surface, rig: CameraRig) -> Painter:
    """Return what renders a pass's view at an instant; same instant, same pixels.

    A lens that bends is painted by bending the picture of a pinhole that sees as much.
    """
    if rig.distortion:
        return _bending_painter(surface, rig)

    def paint(driven: Pass, t_s: float) -> Picture:
        moment = driven.at(t_s)
        return render_view(
            surface,
            driven.street,
            camera=lens_at(rig, moment),
            easting_m=moment.pose.easting_m,
            northing_m=moment.pose.northing_m,
            heading_deg=moment.pose.heading_deg,
            near_s_m=moment.street_m,
            rng=np.random.default_rng([driven.seed, round(t_s * 1000)]),
        )

    return paint


def _bending_painter(surface: Surface, rig: CameraRig) -> Painter:
    size = np.array([rig.width_px, rig.height_px])
    rows, columns = np.mgrid[0 : rig.height_px, 0 : rig.width_px].astype(np.float64)
    offsets = np.stack((columns, rows), axis=-1) - (size - 1) / 2
    shown = straightened(offsets, focal_px=rig.focal_px, distortion=rig.distortion)
    wide, high = (int(2 * np.abs(shown[..., i]).max()) + 3 for i in (0, 1))
    pinhole = replace(rig, width_px=wide, height_px=high, distortion=0.0)
    paint = street_painter(surface, pinhole)
    taken = (shown + (np.array([wide, high]) - 1) / 2).astype(np.float32)

    def bend(driven: Pass, t_s: float) -> Picture:
        straight = paint(driven, t_s)
        seen = cv2.remap(straight, taken[..., 0], taken[..., 1], cv2.INTER_LINEAR)
        return np.asarray(seen, np.uint8)

    return bend


def grey_painter(rig: CameraRig) -> Painter:
    """Return a painter of one and the same speckle: for a detector that knows the truth."""
    speckle = np.random.default_rng(5).integers(
        90, 160, (rig.height_px, rig.width_px, 3), dtype=np.uint8
    )
    return lambda _driven, _t_s: speckle


class SimulatedFootage:
    """The footage port over passes that were never encoded: only wanted frames are painted."""

    def __init__(self, passes: dict[str, Pass], rig: CameraRig, painter: Painter) -> None:
        """Serve passes by name."""
        self._passes = passes
        self._rig = rig
        self._painter = painter

    @contextmanager
    def open(self, location: str) -> Iterator["_SimulatedReader"]:
        """Open a pass by its name."""
        yield _SimulatedReader(self._passes[location], self._rig, self._painter)


class _SimulatedReader:
    def __init__(self, driven: Pass, rig: CameraRig, painter: Painter) -> None:
        self._pass = driven
        self._painter = painter
        self.clip = clip_of(driven, rig)
        self.decoded = 0
        self.cut_at_pts: int | None = None

    def frames(self, wanted: Iterable[WantedFrame]) -> Generator[Frame, None, None]:
        last = -1
        for one in wanted:
            number = -(-one.pts // TICKS_A_FRAME)
            pts = number * TICKS_A_FRAME
            if number <= last or self.clip.seconds_at(pts) > self.clip.duration_s:
                continue
            last = number
            self.decoded += 1
            t_s = self.clip.seconds_at(pts)
            yield Frame(
                ref=FrameRef(clip_sha256=self.clip.sha256, pts=pts),
                taken_at=(self.clip.started_at or self._pass.started_at) + timedelta(seconds=t_s),
                pixels=self._painter(self._pass, t_s),
            )


def write_clip(
    driven: Pass,
    rig: CameraRig,
    painter: Painter,
    path: Path,
    *,
    fps: int = 10,
    on_frame: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """Render a pass into an MP4 with presentation times and a creation time.

    Args:
        driven: The pass.
        rig: The camera.
        painter: Paints its frames.
        path: Where to; replaced if it is there.
        fps: Frames a second.
        on_frame: Told how many frames of how many are done.
    """
    count = int(driven.duration_s * fps)
    began = (clip_of(driven, rig).started_at or driven.started_at).isoformat()
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        container.metadata["creation_time"] = began.replace("+00:00", "Z")
        stream = container.add_stream("libx264", rate=fps, options={"crf": "20", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = rig.width_px, rig.height_px, "yuv420p"
        for number in range(count):
            picture = painter(driven, number / fps)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
            on_frame(number + 1, count)
        container.mux(stream.encode())
