"""The street from above: one straightened picture in road coordinates, and the relief of its holes.

Row ``i`` of the picture is chainage ``first_s_m + (i + 0.5) * metres_per_px``, column ``j`` is
offset ``first_d_m + (j + 0.5) * metres_per_px``. Light is baked in: the sun stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from pipeline.simulator.marks import paint_crack, paint_manhole, paint_patch, shadow_gain
from pipeline.simulator.noise import magnify, smoothstep, white
from pipeline.simulator.relief import Look, Relief, Sun, dig_hole

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from pipeline.simulator.street import Feature, Street

    Picture: TypeAlias = NDArray[np.uint8]
    Grid: TypeAlias = NDArray[np.float32]
    Column: TypeAlias = NDArray[np.float32]
    Row: TypeAlias = NDArray[np.float32]

FOOTWAY_M = 1.9
VERGE_M = 2.4
KERB_M = 0.15
END_MARGIN_M = 25.0
LEVELS = 8
_CHUNK_M = 20.48
_ASPHALT = 122.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A painted street.

    Attributes:
        levels: The picture (rows along, columns across, BGR), then coarser ones. Each has half
            the rows of the one before, and half the columns at every other step, because a road
            seen at a slant is squeezed along much more than across.
        metres_per_px: Size of a pixel of the first level, metres.
        first_s_m: Chainage of the upper edge of row 0, metres.
        first_d_m: Offset of the left edge of column 0, metres.
        reliefs: The depth below the road of every hole, in the order of ``street.holes``.

    """

    levels: tuple[Picture, ...]
    metres_per_px: float
    first_s_m: float
    first_d_m: float
    reliefs: tuple[Relief, ...]

    @staticmethod
    def squeeze(level: int) -> tuple[int, int]:
        """Pixels of the first level in one pixel of a level: along, across."""
        return 2**level, 2 ** (level // 2)


def paint_surface(
    street: Street,
    *,
    sun: Sun | None = None,
    look: Look | None = None,
    metres_per_px: float = 0.01,
) -> Surface:
    """Paint a street.

    Args:
        street: What to paint; the street's seed decides every grain.
        sun: Where the light comes from; the usual sun where None.
        metres_per_px: Size of a pixel, metres.
        look: What dug material looks like; the usual one where None.

    Returns:
        The painted street; 300 m at a centimetre take about 170 MB, and as much for the levels.

    """
    rng = np.random.default_rng([street.seed, 1])
    half_m = street.width_m / 2 + FOOTWAY_M + VERGE_M
    columns = round(2 * half_m / metres_per_px)
    rows = round((street.length_m + 2 * END_MARGIN_M) / metres_per_px)
    rows = -(-rows // 2**LEVELS) * 2**LEVELS
    canvas = Canvas(
        picture=np.empty((rows, columns, 3), np.uint8),
        metres_per_px=metres_per_px,
        first_s_m=-END_MARGIN_M,
        first_d_m=-half_m,
    )
    _paint_ground(canvas, street, rng)
    reliefs = _paint_features(canvas, street, sun or Sun(), look or Look())
    return Surface(
        levels=_pyramid(canvas.picture),
        metres_per_px=metres_per_px,
        first_s_m=canvas.first_s_m,
        first_d_m=canvas.first_d_m,
        reliefs=reliefs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The picture while it is being painted."""

    picture: Picture
    metres_per_px: float
    first_s_m: float
    first_d_m: float

    def window(self, feature: Feature, margin_m: float) -> tuple[slice, slice]:
        """Rows and columns around a feature, cut at the edges of the picture."""
        px = self.metres_per_px
        top = (feature.s_m - feature.length_m / 2 - margin_m - self.first_s_m) / px
        left = (feature.d_m - feature.width_m / 2 - margin_m - self.first_d_m) / px
        height = (feature.length_m + 2 * margin_m) / px
        width = (feature.width_m + 2 * margin_m) / px
        rows, columns = self.picture.shape[:2]
        return (
            slice(max(round(top), 0), min(round(top + height), rows)),
            slice(max(round(left), 0), min(round(left + width), columns)),
        )

    def axes(self, window: tuple[slice, slice], feature: Feature) -> tuple[Column, Row]:
        """Metres along (a column) and across (a row) from the centre of a feature."""
        px = self.metres_per_px
        along = (np.arange(window[0].start, window[0].stop) + 0.5) * px + self.first_s_m
        across = (np.arange(window[1].start, window[1].stop) + 0.5) * px + self.first_d_m
        return (
            (along - feature.s_m).astype(np.float32)[:, None],
            (across - feature.d_m).astype(np.float32)[None, :],
        )


def _paint_features(canvas: Canvas, street: Street, sun: Sun, look: Look) -> tuple[Relief, ...]:
    """Paint what lies on the street, the lowest first, and shade it."""
    rng = np.random.default_rng([street.seed, 2])
    for patch in street.patches:
        window = canvas.window(patch, 0.15)
        paint_patch(canvas.picture[window], *canvas.axes(window, patch), patch, rng)
    for crack in street.cracks:
        window = canvas.window(crack, 0.1)
        paint_crack(canvas.picture[window], *canvas.axes(window, crack), crack, rng)
    for manhole in street.manholes:
        window = canvas.window(manhole, 0.3)
        paint_manhole(canvas.picture[window], *canvas.axes(window, manhole), manhole, rng)
    reliefs = []
    for hole in street.holes:
        window = canvas.window(hole, 0.45)
        light = sun.towards(street.to_world(hole.s_m, 0.0)[2])
        depth_m = dig_hole(
            canvas.picture[window],
            *canvas.axes(window, hole),
            hole,
            light,
            canvas.metres_per_px,
            look,
        )
        reliefs.append(Relief(row=window[0].start, column=window[1].start, depth_m=depth_m))
    _cast_shadows(canvas, street, rng)
    return tuple(reliefs)


def _cast_shadows(canvas: Canvas, street: Street, rng: Generator) -> None:
    """Darken what lies in shadow; where two shadows meet, the darker one counts."""
    kept = np.full(canvas.picture.shape[:2], 255, np.uint8)
    for shadow in street.shadows:
        window = canvas.window(shadow, 0.6)
        gain = shadow_gain(*canvas.axes(window, shadow), shadow, rng)
        kept[window] = np.minimum(kept[window], (gain * 255).astype(np.uint8))
    for shadow in street.shadows:
        window = canvas.window(shadow, 0.6)
        left = kept[window].astype(np.float32) / 255
        view = canvas.picture[window]
        view[:] = (view * left[..., None]).astype(np.uint8)
        kept[window] = 255


def _paint_ground(canvas: Canvas, street: Street, rng: Generator) -> None:
    """Paint carriageway, markings, kerbs, footways and verges, piece by piece along the road."""
    px = canvas.metres_per_px
    rows, columns = canvas.picture.shape[:2]
    across_m = (np.arange(columns) + 0.5) * px + canvas.first_d_m
    strips = _Strips.across(across_m.astype(np.float32), street.width_m)
    blotches = {
        cell_m: white(rng, (int(rows * px / cell_m) + 6, int(columns * px / cell_m) + 6))
        for cell_m in (0.06, 0.35, 1.6, 6.0)
    }
    step = round(_CHUNK_M / px)
    for top in range(0, rows, step):
        height = min(step, rows - top)
        shape = (height, columns)
        light = {
            cell_m: magnify(field, shape, cell_m / px, first_row=top)
            for cell_m, field in blotches.items()
        }
        grain = white(rng, shape) * strips.grain
        grain += light[0.06] * (strips.grain * np.float32(0.45))
        slow = light[0.35] * 3.0 + light[1.6] * 3.5 + light[6.0] * 4.0
        tone: Grid = np.asarray(strips.tone + grain + slow, np.float32)
        along_m = ((np.arange(top, top + height) + 0.5) * px + canvas.first_s_m)[:, None]
        paint = _lines(along_m.astype(np.float32), across_m.astype(np.float32)[None, :], street)
        worn = smoothstep(-1.9, -0.9, light[0.06] + 0.7 * light[0.35])
        tone += paint * worn * (205.0 - strips.tone)
        joints = _joints(along_m.astype(np.float32), strips)
        tone *= joints
        chunk = canvas.picture[top : top + height]
        for channel in range(3):
            tint = strips.tint[:, channel] * (1 - paint * worn) + paint * worn
            chunk[:, :, channel] = cv2.convertScaleAbs(np.clip(tone * tint, 0, 255))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strips:
    """What the ground is like across the road, column by column."""

    tone: NDArray[np.float32]
    grain: NDArray[np.float32]
    tint: NDArray[np.float32]
    is_footway: NDArray[np.bool_]
    is_kerb: NDArray[np.bool_]

    @classmethod
    def across(cls, d_m: NDArray[np.float32], width_m: float) -> _Strips:
        """Lay the strips for the given offsets."""
        beyond = np.abs(d_m) - width_m / 2
        is_road = beyond < 0
        is_kerb = (beyond >= 0) & (beyond < KERB_M)
        is_footway = (beyond >= KERB_M) & (beyond < FOOTWAY_M)
        lane = np.abs(np.abs(d_m) - width_m / 4)
        track = np.exp(-(((lane - 0.78) / 0.28) ** 2))
        gutter = np.exp(-((beyond / 0.25) ** 2))
        road = _ASPHALT - 7.0 * track - 14.0 * gutter
        which = [is_road, is_kerb, is_footway]
        tone = np.select(which, [road, 150.0, 146.0], 88.0)
        grain = np.select(which, [11.0 - 2.5 * track, 6.0, 6.0], 17.0)
        tints = np.array([[1.0, 1.0, 1.0], [0.98, 1.0, 1.0], [0.96, 0.99, 1.0], [0.55, 1.1, 0.9]])
        index = np.select(which, [0, 1, 2], 3)
        return cls(
            tone=tone.astype(np.float32),
            grain=grain.astype(np.float32),
            tint=tints[index].astype(np.float32),
            is_footway=is_footway,
            is_kerb=is_kerb,
        )


def _joints(along_m: NDArray[np.float32], strips: _Strips) -> NDArray[np.float32]:
    """Dark joints between kerb stones, and between the flags of the footway."""
    kerb = (np.mod(along_m, 0.915) < 0.012) & strips.is_kerb
    flag = (np.mod(along_m, 0.6) < 0.012) & strips.is_footway
    return np.asarray(np.where(kerb | flag, 0.72, 1.0), np.float32)


def _lines(
    along_m: NDArray[np.float32], across_m: NDArray[np.float32], street: Street
) -> NDArray[np.float32]:
    """Where white paint lies: a dashed centre line, and a line along either edge."""
    dash = smoothstep(2.02, 1.98, np.abs(np.mod(along_m, 6.0) - 3.0))
    centre = smoothstep(0.06, 0.045, np.abs(across_m)) * dash
    edge = smoothstep(0.06, 0.045, np.abs(np.abs(across_m) - (street.width_m / 2 - 0.28)))
    return np.asarray(np.maximum(centre, edge), np.float32)


def _pyramid(picture: Picture) -> tuple[Picture, ...]:
    """Make the picture and its coarser levels."""
    levels = [picture]
    for level in range(1, LEVELS):
        above = levels[-1]
        columns = above.shape[1] // 2 if level % 2 == 0 else above.shape[1]
        size = (columns, above.shape[0] // 2)
        levels.append(np.asarray(cv2.resize(above, size, interpolation=cv2.INTER_AREA), np.uint8))
    return tuple(levels)
