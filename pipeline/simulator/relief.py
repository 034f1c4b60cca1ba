"""Holes in the road: their shape, and what light makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.simulator.noise import octaves, ring, smooth, smoothstep, stones

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.simulator.street import Hole

WALL_M = 0.045
_SHADOW_STEPS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """The light: a sun and a sky.

    Attributes:
        azimuth_deg: Direction of the sun, degrees clockwise from grid north.
        elevation_deg: Height of the sun over the horizon, degrees.
        direct: Share of the light on level ground that comes from the sun, 0 (overcast) to 1.

    """

    azimuth_deg: float = 200.0
    elevation_deg: float = 38.0
    direct: float = 0.55

    def towards(self, heading_deg: float) -> Light:
        """See the light from a road that runs in a direction, degrees clockwise from north."""
        turn = radians(self.azimuth_deg - heading_deg)
        level = cos(radians(self.elevation_deg))
        return Light(
            right=sin(turn) * level,
            ahead=cos(turn) * level,
            up=sin(radians(self.elevation_deg)),
            direct=self.direct,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What dug material looks like, in grey levels of 255 or shares.

    Attributes:
        floor: Mean grey level of the floor in full light.
        pebbles: How much brighter stones on the floor are, grey levels.
        wall: Share of its brightness that broken asphalt loses at the wall.
        rim: How much brighter the broken rim is than the road, grey levels.
        halo: How much brighter the loosened road around the hole is, grey levels; below 0 darker.
        thrown: How much brighter loose stones around the hole are, grey levels.
        bury: How fast the sky is lost with depth, per metre.

    """

    floor: float = 68.0
    pebbles: float = 50.0
    wall: float = 0.85
    rim: float = 2.0
    halo: float = -13.0
    thrown: float = 8.0
    bury: float = 18.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A unit vector towards the sun in road axes, and the sun's share of the light."""

    right: float
    ahead: float
    up: float
    direct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """Depth below the road in a window of the picture.

    Attributes:
        row: First row of the window in the first level.
        column: First column of the window.
        depth_m: Depth, metres, 0 on the road.

    """

    row: int
    column: int
    depth_m: NDArray[np.float32]


def dig_hole(  # noqa: PLR0913  a window, its two axes and what happens in it
    view: NDArray[np.uint8],
    along_m: NDArray[np.float32],
    across_m: NDArray[np.float32],
    hole: Hole,
    light: Light,
    metres_per_px: float,
    look: Look,
) -> NDArray[np.float32]:
    """Paint a hole into a window of the picture.

    Args:
        view: The window, BGR; changed in place.
        along_m: Metres along the road from the centre of the hole, one per row.
        across_m: Metres to the right of it, one per column.
        hole: What to dig.
        light: Where the sun stands in road axes.
        metres_per_px: Size of a pixel, metres.
        look: What dug material looks like.

    Returns:
        Depth below the road, metres, for every pixel of the window.

    """
    rng = np.random.default_rng([hole.shape_seed, 3])
    shape = (along_m.shape[0], across_m.shape[1])
    outside_m = _outside_m(rng, along_m, across_m, hole, metres_per_px)
    px = metres_per_px
    inside = smoothstep(0.0, -WALL_M, outside_m)
    floor = 0.85 + 0.18 * smooth(rng, shape, 0.12 / px)
    gravel = stones(rng, shape, 0.045 / px, 0.55) * 0.011 + smooth(rng, shape, 0.02 / px) * 0.003
    depth_m = np.clip(inside * (hole.depth_m * floor - gravel), 0.0, 0.25).astype(np.float32)
    shade = _shade(depth_m, light, look, px)
    albedo = _albedo(rng, outside_m, inside, look, px)
    lit = view.astype(np.float32) * (1 - inside[..., None])
    fresh = albedo * inside[..., None]
    dusty = _spoil(rng, lit + fresh, outside_m, look, px)
    view[:] = np.clip(dusty * shade[..., None], 0, 255).astype(np.uint8)
    return depth_m


def _outside_m(
    rng: np.random.Generator,
    along_m: NDArray[np.float32],
    across_m: NDArray[np.float32],
    hole: Hole,
    px: float,
) -> NDArray[np.float32]:
    """Distance outside the ragged rim, metres; negative inside."""
    x, y = across_m / (hole.width_m / 2), along_m / (hole.length_m / 2)
    radius = np.sqrt(x * x + y * y)
    angle = np.arctan2(y, x).astype(np.float32)
    rim = 1.0 + np.clip(0.055 * ring(rng, angle, (2, 14)), -0.13, 0.13)
    size_m = (hole.width_m + hole.length_m) / 4
    crumbs = 0.006 * octaves(rng, radius.shape, (0.03 / px, 0.06 / px))
    return np.asarray((radius - rim) * size_m + crumbs, np.float32)


def _shade(
    depth_m: NDArray[np.float32], light: Light, look: Look, px: float
) -> NDArray[np.float32]:
    """Brightness of every pixel over that of the level road: slopes, cast shadow, buried sky."""
    relief = cv2.GaussianBlur(depth_m, (0, 0), 0.7)
    slope_along, slope_across = np.gradient(relief, px)
    facing = slope_across * light.right + slope_along * light.ahead + light.up
    lambert = np.clip(facing / np.sqrt(1 + slope_along**2 + slope_across**2), 0, None) / light.up
    lit = np.ones_like(depth_m)
    for step in range(1, _SHADOW_STEPS):
        reach_m = step * 0.012
        shift = np.array(
            [[1, 0, light.right * reach_m / px], [0, 1, light.ahead * reach_m / px]], np.float64
        )
        blocker = cv2.warpAffine(
            relief, shift, relief.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        rise_m = relief - reach_m * light.up - blocker
        lit = np.minimum(lit, 1 - smoothstep(0.0, 0.006, rise_m.astype(np.float32)))
    buried = np.clip(relief - cv2.GaussianBlur(relief, (0, 0), 0.07 / px), 0, None)
    sky = np.clip(1 - look.bury * buried - 4.0 * relief, 0.25, 1) / np.sqrt(
        1 + 0.5 * (slope_along**2 + slope_across**2)
    )
    light_sum = light.direct * lambert * cv2.GaussianBlur(lit, (0, 0), 1.0)
    total = light_sum + (1 - light.direct) * sky
    return np.asarray(np.clip(total, 0.05, 1.5) ** 0.75, np.float32)


def _albedo(
    rng: np.random.Generator,
    outside_m: NDArray[np.float32],
    inside: NDArray[np.float32],
    look: Look,
    px: float,
) -> NDArray[np.float32]:
    """Colour of the dug material: dark broken asphalt at the walls, gravel and dust below."""
    shape = outside_m.shape
    tone = look.floor + float(rng.uniform(-8, 10)) + 10.0 * smooth(rng, shape, 0.15 / px)
    pebbles = stones(rng, shape, 0.04 / px, 0.35)
    tone = tone + (pebbles - 0.26) * look.pebbles + 9.0 * octaves(rng, shape, (1.0, 0.02 / px))
    wall = smoothstep(-0.09, -0.02, outside_m) * inside
    tone = tone * (1 - look.wall * wall)
    brown = float(rng.uniform(0.0, 0.10))
    tint = np.array([1 - brown, 1.0 - 0.25 * brown, 1.0 + 0.4 * brown], np.float32)
    return np.asarray(tone[..., None] * tint, np.float32)


def _spoil(
    rng: np.random.Generator,
    colour: NDArray[np.float32],
    outside_m: NDArray[np.float32],
    look: Look,
    px: float,
) -> NDArray[np.float32]:
    """Add the broken rim, the loosened road and the loose stones around the hole."""
    shape = outside_m.shape
    ragged = outside_m + 0.02 * smooth(rng, shape, 0.06 / px)
    rim = smoothstep(-0.005, 0.01, ragged) * smoothstep(0.06, 0.015, ragged)
    halo = smoothstep(0.0, 0.02, outside_m) * smoothstep(0.3, 0.0, ragged)
    gained = look.rim * rim + look.halo * halo
    thrown = stones(rng, shape, 0.025 / px, 0.05) * smoothstep(0.28, 0.02, ragged)
    thrown = thrown * smoothstep(-0.02, 0.02, outside_m)
    return np.asarray(colour + (gained + look.thrown * thrown)[..., None], np.float32)
