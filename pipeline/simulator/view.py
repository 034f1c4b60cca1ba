"""What a camera on the street sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from pipeline.simulator.optics import Ground, Lens, Pose, ground_at, project_hole, see_ground
from pipeline.simulator.scenery import draw_scenery
from pipeline.simulator.surface import LEVELS

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from pipeline.simulator.optics import Camera
    from pipeline.simulator.relief import Relief
    from pipeline.simulator.street import Hole, Street
    from pipeline.simulator.surface import Surface

    Floats: TypeAlias = NDArray[np.float32]
    Picture: TypeAlias = NDArray[np.uint8]

__all__ = ["Finish", "Pose", "project_hole", "render_view"]

HAZE_BGR = (205.0, 200.0, 194.0)
_HAZE_RANGE_M = 260.0
_RELIEF_RANGE_M = 28.0
_MARCH_STEPS = 12
_NOISE_PAD_PX = 61
_POSTURES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What the camera does to the light.

    Attributes:
        exposure: Gain on every pixel.
        exposure_spread: Spread of the gain from frame to frame.
        vignette: Share of the light lost in the corners.
        noise: Spread of the sensor's noise, grey levels of 255.
        blur_px: Spread of the lens blur, pixels.
        motion_px: Length of a vertical smear at the lower edge of the image, pixels; 0 for none.

    """

    exposure: float = 1.0
    exposure_spread: float = 0.03
    vignette: float = 0.14
    noise: float = 2.5
    blur_px: float = 0.6
    motion_px: int = 0


def render_view(  # noqa: PLR0913  a scene, a camera, its pose and chance
    surface: Surface,
    street: Street,
    *,
    camera: Camera,
    easting_m: float,
    northing_m: float,
    heading_deg: float,
    near_s_m: float,
    rng: Generator,
    finish: Finish | None = None,
) -> Picture:
    """Render one frame.

    Args:
        surface: The painted street.
        street: The street that was painted.
        camera: The camera.
        easting_m: Grid easting of the ground point under the camera, metres.
        northing_m: Its grid northing, metres.
        heading_deg: Direction of the vehicle, degrees clockwise from grid north.
        near_s_m: Chainage of the vehicle, metres, to a few tens of metres.
        rng: Source of the sensor's noise and of the exposure's wander.
        finish: What the camera does to the light; the usual one where None.

    Returns:
        The frame, rows by columns by BGR.

    """
    lens = Lens.of(camera)
    pose = Pose(easting_m=easting_m, northing_m=northing_m, heading_deg=heading_deg)
    ground = see_ground(lens)
    frame = _sky(lens)
    if ground.first_row < lens.height_px:
        s_m, d_m = _road_coordinates(street, pose, ground.right_m, ground.ahead_m, near_s_m)
        road = _sample_bands(surface, ground, s_m, d_m)
        _haze(road, ground)
        behind = frame[ground.first_row :]
        np.copyto(behind, road, where=~ground.is_far[..., None])
        for hole, relief in zip(street.holes, surface.reliefs, strict=True):
            if abs(hole.s_m - near_s_m) < _RELIEF_RANGE_M + 10:
                _look_into(frame, surface, street, lens, pose, hole, relief)
    draw_scenery(frame, street, lens, pose, near_s_m)
    return _finish(frame, lens, finish or Finish(), rng)


def _road_coordinates(
    street: Street, pose: Pose, right_m: Floats, ahead_m: Floats, near_s_m: float
) -> tuple[Floats, Floats]:
    """Road coordinates of ground points given in vehicle axes."""
    turn = np.deg2rad(pose.heading_deg)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    along, across = street.offsets_to_road(
        right_m * c + ahead_m * s,
        ahead_m * c - right_m * s,
        from_e_m=pose.easting_m,
        from_n_m=pose.northing_m,
        near_s_m=near_s_m,
    )
    return along.astype(np.float32, copy=False), across.astype(np.float32, copy=False)


def _sample_bands(surface: Surface, ground: Ground, s_m: Floats, d_m: Floats) -> Picture:
    """Colours of the road, each row from the two levels whose grain suits its range."""
    fine = np.log2(np.maximum(ground.footprint_m / surface.metres_per_px, 1.0))
    fine = np.clip(fine, 0.0, LEVELS - 1.001)
    level_of_row = np.floor(fine).astype(int)
    out = np.empty((*s_m.shape, 3), np.uint8)
    for level in np.unique(level_of_row):
        rows = np.flatnonzero(level_of_row == level)
        band = slice(int(rows[0]), int(rows[-1]) + 1)
        near = sample(surface, int(level), s_m[band], d_m[band]).astype(np.float32)
        far = sample(surface, int(level) + 1, s_m[band], d_m[band]).astype(np.float32)
        share = (fine[band] - level).astype(np.float32)[:, None, None]
        out[band] = (near + (far - near) * share + 0.5).astype(np.uint8)
    return out


def sample(surface: Surface, level: int, s_m: Floats, d_m: Floats) -> Picture:
    """Colours at road positions; beyond either end the street is mirrored."""
    picture = surface.levels[level]
    along, across = surface.squeeze(level)
    total = np.float32(surface.levels[0].shape[0] * surface.metres_per_px)
    s = s_m - np.float32(surface.first_s_m)
    if float(s.min()) < 0 or float(s.max()) > total:
        s = total - np.abs(np.mod(s, 2 * total) - total)
    row = s * np.float32(1 / (surface.metres_per_px * along)) - np.float32(0.5)
    column = (d_m - np.float32(surface.first_d_m)) * np.float32(
        1 / (surface.metres_per_px * across)
    ) - np.float32(0.5)
    top = max(int(row.min()) - 1, 0)
    piece = picture[top : int(row.max()) + 3]
    taken = cv2.remap(
        piece, column, row - np.float32(top), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(taken, np.uint8)


def _haze(road: Picture, ground: Ground) -> None:
    """Let far ground fade, in place."""
    share = 1 - np.exp(-ground.range_m / _HAZE_RANGE_M)
    rows = np.flatnonzero(share > 0.04)
    if rows.size:
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        weight = share[part].astype(np.float32)[:, None, None]
        haze = np.array(HAZE_BGR, np.float32)
        road[part] = (road[part] * (1 - weight) + haze * weight).astype(np.uint8)


def _look_into(  # noqa: PLR0913  one hole of one scene in one view
    frame: Picture,
    surface: Surface,
    street: Street,
    lens: Lens,
    pose: Pose,
    hole: Hole,
    relief: Relief,
) -> None:
    """Redraw a hole with its depth: the far wall shows and the near wall hides."""
    box = project_hole(hole, street, lens, pose)
    if box is None:
        return
    left, top = max(int(box[0]) - 4, 0), max(int(box[1]) - 3, 0)
    right, bottom = min(int(box[2]) + 5, lens.width_px), min(int(box[3]) + 4, lens.height_px)
    if right - left < 3 or bottom - top < 2:
        return
    fine_x, fine_y = _fineness(bottom - top, right - left, hole)
    x_px = left + (np.arange((right - left) * fine_x) + 0.5) / fine_x
    y_px = top + (np.arange((bottom - top) * fine_y) + 0.5) / fine_y
    seen = ground_at(lens, *np.broadcast_arrays(x_px[None, :], y_px[:, None]))
    right_m, ahead_m = (part.astype(np.float32) for part in seen)
    s_m, d_m = _road_coordinates(street, pose, right_m, ahead_m, hole.s_m)
    s_hit, d_hit, is_in = _march(surface, relief, street, lens, pose, s_m, d_m)
    if not is_in.any():
        return
    colours = sample(surface, 0, s_hit, d_hit)
    size = (right - left, bottom - top)
    share = cv2.resize(is_in.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    inner = cv2.resize(
        colours.astype(np.float32) * is_in[..., None], size, interpolation=cv2.INTER_AREA
    )
    window = frame[top:bottom, left:right]
    window[:] = np.clip(window * (1 - share) + inner + 0.5, 0, 255).astype(np.uint8)


def _fineness(rows: int, columns: int, hole: Hole) -> tuple[int, int]:
    """Count samples per pixel across and down: a sample is about a centimetre of the hole."""
    fine_x = int(np.clip(round(hole.width_m * 70 / columns), 1, 3))
    fine_y = int(np.clip(round(hole.length_m * 100 / rows), 1, 8))
    return fine_x, fine_y


def _march(  # noqa: PLR0913  the ray needs the scene and the view
    surface: Surface,
    relief: Relief,
    street: Street,
    lens: Lens,
    pose: Pose,
    s_m: Floats,
    d_m: Floats,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Follow every ray below the road until it meets the floor or the far wall.

    Returns:
        Road coordinates of the places met, metres, and which rays enter through the rim.

    """
    at = np.array([pose.easting_m]), np.array([pose.northing_m])
    own_s, own_d = street.to_road(*at, float(s_m.mean()))
    run_s = (s_m - np.float32(own_s[0])) / np.float32(lens.mount_height_m)
    run_d = (d_m - np.float32(own_d[0])) / np.float32(lens.mount_height_m)
    is_in = _depth(surface, relief, s_m, d_m) > np.float32(0.004)
    deepest = float(relief.depth_m.max())
    low, high = np.zeros_like(s_m), np.full_like(s_m, deepest)
    found = np.zeros(s_m.shape, np.bool_)
    for step in range(1, _MARCH_STEPS + 1):
        down = np.float32(deepest * step / _MARCH_STEPS)
        under = _depth(surface, relief, s_m + run_s * down, d_m + run_d * down) <= down
        first = under & ~found
        high[first], low[first] = down, down - np.float32(deepest / _MARCH_STEPS)
        found |= under
    for _ in range(2):
        middle = np.asarray((low + high) / 2, np.float32)
        under = _depth(surface, relief, s_m + run_s * middle, d_m + run_d * middle) <= middle
        high = np.where(under, middle, high)
        low = np.where(under, low, middle)
    sunk = np.where(is_in, (low + high) / 2, 0).astype(np.float32)
    return s_m + run_s * sunk, d_m + run_d * sunk, is_in


def _depth(surface: Surface, relief: Relief, s_m: Floats, d_m: Floats) -> Floats:
    """Depth below the road at road positions, metres."""
    px = surface.metres_per_px
    row = (s_m - np.float32(surface.first_s_m)) / np.float32(px) - np.float32(relief.row + 0.5)
    column = (d_m - np.float32(surface.first_d_m)) / np.float32(px) - np.float32(
        relief.column + 0.5
    )
    taken = cv2.remap(relief.depth_m, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(taken, np.float32)


def _sky(lens: Lens) -> Picture:
    """Start a frame of sky, pale at the horizon, and of haze below it."""
    return _sky_picture(lens).copy()


@lru_cache(maxsize=_POSTURES)
def _sky_picture(lens: Lens) -> Picture:
    zenith = np.array([226.0, 206.0, 188.0], np.float32)
    horizon = np.array([232.0, 228.0, 222.0], np.float32)
    first = see_ground(lens).first_row
    rise = np.clip(1 - np.arange(lens.height_px) / max(first, 1), 0, 1).astype(np.float32)
    column = horizon + (zenith - horizon) * rise[:, None]
    column[first:] = HAZE_BGR
    clouds = np.random.default_rng(7).standard_normal((6, 9), dtype=np.float32)
    veil = cv2.resize(clouds, (lens.width_px, lens.height_px), interpolation=cv2.INTER_CUBIC)
    return np.clip(column[:, None, :] + 5 * veil[..., None], 0, 255).astype(np.uint8)


@lru_cache(maxsize=2)
def _falloff(height_px: int, width_px: int, loss: float) -> Floats:
    """Gain of the lens over the image, 1 in the middle."""
    y = (np.arange(height_px) + 0.5) / height_px * 2 - 1
    x = (np.arange(width_px) + 0.5) / width_px * 2 - 1
    gain = 1 - loss * (x[None, :] ** 2 + y[:, None] ** 2) / 2
    return np.repeat(gain[..., None], 3, axis=2).astype(np.float32)


@lru_cache(maxsize=2)
def _noise_bank(height_px: int, width_px: int, spread: float) -> NDArray[np.int16]:
    """More sensor noise than one frame needs; a frame takes a window of it."""
    shape = (height_px + _NOISE_PAD_PX, width_px + _NOISE_PAD_PX, 3)
    noise = np.random.default_rng(11).standard_normal(shape, dtype=np.float32) * spread
    noise = 0.75 * noise + 0.65 * noise.mean(axis=2, keepdims=True)
    return np.asarray(np.rint(noise), np.int16)


def _finish(frame: Picture, lens: Lens, finish: Finish, rng: Generator) -> Picture:
    """Blur, smear, expose and speckle a frame."""
    if finish.blur_px > 0:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), finish.blur_px), np.uint8)
    if finish.motion_px > 1:
        _smear(frame, finish.motion_px)
    gain = finish.exposure * (1 + finish.exposure_spread * float(rng.uniform(-1, 1)))
    row, column = (int(start) for start in rng.integers(0, _NOISE_PAD_PX, 2))
    bank = _noise_bank(lens.height_px, lens.width_px, finish.noise)
    speckle = bank[row : row + lens.height_px, column : column + lens.width_px]
    lit = cv2.multiply(
        frame,
        _falloff(lens.height_px, lens.width_px, finish.vignette),
        scale=gain,
        dtype=cv2.CV_16S,
    )
    return np.asarray(cv2.add(lit, speckle, dtype=cv2.CV_8U), np.uint8)


def _smear(frame: Picture, motion_px: int) -> None:
    """Smear the lower half downwards, in place, growing with nearness to the vehicle."""
    rows = frame.shape[0]
    for part in range(4):
        band = slice(rows // 2 + part * rows // 8, rows // 2 + (part + 1) * rows // 8)
        length = max(round(motion_px * (part + 1) / 4), 1)
        frame[band] = cv2.blur(frame[band], (1, length))
