"""What stands beside the street: hedges, houses, trees and lamp posts, as flat shapes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from pipeline.simulator.optics import Pose, project
from pipeline.simulator.surface import FOOTWAY_M, VERGE_M

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.simulator.optics import Lens
    from pipeline.simulator.street import Street

    Bgr: TypeAlias = tuple[float, float, float]

_VIEW_M = 130.0
_HEDGE_STEP_M = 2.0
_HAZE_BGR = np.array([205.0, 200.0, 194.0])
_HAZE_RANGE_M = 220.0
_GLASS_BGR = (70.0, 62.0, 58.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """An upright flat shape beside the road.

    Attributes:
        s_m: Chainage of its middle, metres, by which panels are sorted.
        corners: Chainage, offset and height of every corner, metres; convex, in order.
        colour: BGR.
        is_leafy: Whether it is foliage.

    """

    s_m: float
    corners: tuple[tuple[float, float, float], ...]
    colour: Bgr
    is_leafy: bool


def draw_scenery(
    frame: NDArray[np.uint8], street: Street, lens: Lens, pose: Pose, near_s_m: float
) -> None:
    """Draw what stands beside the street into a frame, in place, the farthest first."""
    ahead = street.to_world(near_s_m, 0.0)[2]
    direction = 1.0 if np.cos(np.deg2rad(pose.heading_deg - ahead)) >= 0 else -1.0
    scene = _scene(street)
    away_m = (scene.s_m - near_s_m) * direction
    leaf = np.zeros(frame.shape[:2], np.uint8)
    seen = np.flatnonzero((away_m > 0.5) & (away_m < _VIEW_M))
    seen = seen[np.argsort(-away_m[seen], kind="stable")]
    corners = scene.corners[seen].reshape(-1, 3)
    x_px, y_px, depth_m = project(lens, pose, corners[:, 0], corners[:, 1], corners[:, 2])
    points = np.stack([x_px, y_px], axis=-1).clip(-8000, 8000).reshape(seen.size, -1, 2)
    outlines = np.rint(points).astype(np.int32)
    near_m = depth_m.reshape(seen.size, -1).min(axis=1)
    left, right = outlines[..., 0].min(axis=1), outlines[..., 0].max(axis=1)
    shown = (near_m > 1.0) & (right >= 0) & (left <= lens.width_px)
    shown &= (right - left) + np.ptp(outlines[..., 1], axis=1) > 2
    share = (1 - np.exp(-near_m / _HAZE_RANGE_M))[:, None]
    colours = scene.colour[seen] * (1 - share) + _HAZE_BGR * share
    for index in np.flatnonzero(shown):
        outline = outlines[index]
        cv2.fillConvexPoly(frame, outline, colours[index].tolist(), lineType=cv2.LINE_AA)
        cv2.fillConvexPoly(leaf, outline, 255 if scene.is_leafy[seen[index]] else 60)
    _roughen(frame, leaf, lens)


def _roughen(frame: NDArray[np.uint8], leaf: NDArray[np.uint8], lens: Lens) -> None:
    """Add the grain of foliage to a frame, in place, as strongly as ``leaf`` says."""
    rows = np.flatnonzero(leaf.any(axis=1))
    if rows.size:
        band = slice(int(rows[0]), int(rows[-1]) + 1)
        texture = _leaf_texture(lens)[band]
        rough = cv2.multiply(texture, leaf[band], scale=1 / 255, dtype=cv2.CV_16S)
        frame[band] = cv2.add(frame[band], cv2.merge([rough] * 3), dtype=cv2.CV_8U)


@lru_cache(maxsize=32)
def _leaf_texture(lens: Lens) -> NDArray[np.int16]:
    """Grain of foliage, as wide as the image."""
    rng = np.random.default_rng(5)
    fine = rng.standard_normal((lens.height_px, lens.width_px), dtype=np.float32)
    blobs = cv2.GaussianBlur(fine, (0, 0), 2.0) * 5 + cv2.GaussianBlur(fine, (0, 0), 5.0) * 8
    return np.asarray(np.rint(13 * blobs + 8 * fine), np.int16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """All panels of a street as arrays, their corners in the world.

    Attributes:
        s_m: Chainage, one per panel, metres.
        corners: Easting, northing and height of every corner, metres; the last corner of a panel
            is repeated to fill its row.
        colour: BGR, one row per panel.
        is_leafy: Whether a panel is foliage.

    """

    s_m: NDArray[np.float64]
    corners: NDArray[np.float64]
    colour: NDArray[np.float64]
    is_leafy: NDArray[np.bool_]


@lru_cache(maxsize=2)
def _scene(street: Street) -> _Scene:
    """Place the panels of a street in the world."""
    panels = _panels(street)
    most = max(len(panel.corners) for panel in panels)
    corners = np.empty((len(panels), most, 3))
    for row, panel in zip(corners, panels, strict=True):
        placed = [(*street.to_world(s, d)[:2], up) for s, d, up in panel.corners]
        row[: len(placed)] = placed
        row[len(placed) :] = placed[-1]
    return _Scene(
        s_m=np.array([panel.s_m for panel in panels]),
        corners=corners,
        colour=np.array([panel.colour for panel in panels]),
        is_leafy=np.array([panel.is_leafy for panel in panels]),
    )


def _panels(street: Street) -> tuple[Panel, ...]:
    """Everything that stands beside a street."""
    rng = np.random.default_rng([street.seed, 4])
    panels: list[Panel] = []
    edge_m = street.width_m / 2 + FOOTWAY_M + VERGE_M - 0.15
    start_m, end_m = -_VIEW_M, street.length_m + _VIEW_M
    for side in (-1.0, 1.0):
        panels += _hedge(rng, side * edge_m, start_m, end_m)
        s_m = start_m
        while s_m < end_m:
            panels += _house(rng, s_m, side * (edge_m + 6.0), side)
            s_m += float(rng.uniform(11.0, 19.0))
        s_m = start_m
        while s_m < end_m:
            panels += _tree(rng, s_m, side * (edge_m + float(rng.uniform(0.5, 3.0))))
            s_m += float(rng.uniform(9.0, 30.0))
        s_m = start_m
        while s_m < end_m:
            panels += _lamp_post(s_m, side * (street.width_m / 2 + FOOTWAY_M - 0.1), side)
            s_m += 34.0
    return tuple(panels)


def _upright(  # noqa: PLR0913  three measures, a place and a colour
    s_m: float, d_m: float, width_m: float, foot_m: float, top_m: float, colour: Bgr, *, leafy: bool
) -> Panel:
    """Make a rectangle that faces along the road."""
    left, right = d_m - width_m / 2, d_m + width_m / 2
    corners = ((s_m, left, foot_m), (s_m, right, foot_m), (s_m, right, top_m), (s_m, left, top_m))
    return Panel(s_m=s_m, corners=corners, colour=colour, is_leafy=leafy)


def _hedge(rng: np.random.Generator, d_m: float, start_m: float, end_m: float) -> list[Panel]:
    """Grow a hedge along the road, a panel every two metres."""
    panels = []
    height_m = 1.7
    for s_m in np.arange(start_m, end_m, _HEDGE_STEP_M):
        after_m = float(np.clip(height_m + rng.normal(0, 0.12), 1.2, 2.6))
        tone = float(rng.uniform(0.85, 1.1))
        corners = (
            (float(s_m), d_m, 0.0),
            (float(s_m) + _HEDGE_STEP_M, d_m, 0.0),
            (float(s_m) + _HEDGE_STEP_M, d_m, after_m),
            (float(s_m), d_m, height_m),
        )
        colour = (42 * tone, 78 * tone, 62 * tone)
        panels.append(Panel(s_m=float(s_m) + 1, corners=corners, colour=colour, is_leafy=True))
        height_m = after_m
    return panels


def _house(rng: np.random.Generator, s_m: float, d_m: float, side: float) -> list[Panel]:
    """Build a gable that faces along the road, a front that faces it, and a roof."""
    wall = float(rng.uniform(0.85, 1.1))
    brick: Bgr = (98 * wall, 112 * wall, 142 * wall)
    if rng.random() < 0.4:
        brick = (178 * wall, 190 * wall, 198 * wall)
    shade: Bgr = (brick[0] * 0.8, brick[1] * 0.8, brick[2] * 0.8)
    depth_m, eaves_m, length_m = 8.0, float(rng.uniform(4.8, 5.6)), float(rng.uniform(7, 10))
    near_d, far_d, back = d_m, d_m + side * depth_m, s_m + length_m
    ridge_d, ridge_m = d_m + side * depth_m / 2, eaves_m + 2.8
    middle = s_m + length_m / 2
    eaves = (s_m, near_d, eaves_m), (back, near_d, eaves_m)
    front = ((back, near_d, 0.0), (s_m, near_d, 0.0), *eaves)
    roof = (*eaves, (back, ridge_d, ridge_m), (s_m, ridge_d, ridge_m))
    panels = [
        Panel(s_m=middle + 0.2, corners=roof, colour=(74.0, 72.0, 80.0), is_leafy=False),
        Panel(s_m=middle + 0.1, corners=front, colour=shade, is_leafy=False),
    ]
    for end in (s_m, back):
        gable = (
            (end, near_d, 0.0),
            (end, far_d, 0.0),
            (end, far_d, eaves_m),
            (end, ridge_d, ridge_m),
            (end, near_d, eaves_m),
        )
        panels.append(Panel(s_m=end, corners=gable, colour=brick, is_leafy=False))
    for offset_m in (length_m * 0.25, length_m * 0.7):
        for sill_m in (0.9, 3.3):
            a, b, top = s_m + offset_m - 0.6, s_m + offset_m + 0.6, sill_m + 1.2
            pane = ((a, near_d, sill_m), (b, near_d, sill_m), (b, near_d, top), (a, near_d, top))
            panels.append(Panel(s_m=middle, corners=pane, colour=_GLASS_BGR, is_leafy=False))
    return panels


def _tree(rng: np.random.Generator, s_m: float, d_m: float) -> list[Panel]:
    """Grow a trunk and a crown of overlapping leafy blobs."""
    panels = [_upright(s_m, d_m, 0.35, 0.0, 3.0, (52.0, 60.0, 68.0), leafy=False)]
    size_m = float(rng.uniform(1.4, 2.4))
    for _ in range(7):
        middle_d = d_m + float(rng.normal(0, 0.45)) * size_m
        middle_m = 3.0 + size_m + float(rng.normal(0, 0.35)) * size_m
        radius_m = size_m * float(rng.uniform(0.5, 0.8))
        tone = float(rng.uniform(0.8, 1.2))
        turns = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        corners = tuple(
            (s_m, middle_d + radius_m * float(np.cos(t)), middle_m + radius_m * float(np.sin(t)))
            for t in turns
        )
        colour = (44 * tone, 84 * tone, 70 * tone)
        panels.append(Panel(s_m=s_m - 0.01, corners=corners, colour=colour, is_leafy=True))
    return panels


def _lamp_post(s_m: float, d_m: float, side: float) -> list[Panel]:
    """Put up a grey post with an arm over the road."""
    grey = (120.0, 122.0, 122.0)
    post = _upright(s_m, d_m, 0.14, 0.0, 7.0, grey, leafy=False)
    arm = _upright(s_m, d_m - side * 0.7, 1.4, 6.9, 7.0, grey, leafy=False)
    return [post, arm]
