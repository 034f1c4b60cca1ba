"""Flat things on the road that are not holes: patches, covers, cracks and shadows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.spatial import cKDTree

from pipeline.simulator.noise import octaves, smooth, smoothstep, white

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from pipeline.simulator.street import Crack, Manhole, Patch, Shadow


def paint_patch(
    view: NDArray[np.uint8],
    along_m: NDArray[np.float32],
    across_m: NDArray[np.float32],
    patch: Patch,
    rng: Generator,
) -> None:
    """Paint a reinstatement with sealed seams into a window, in place."""
    outside_m = np.maximum(
        np.abs(along_m) - patch.length_m / 2, np.abs(across_m) - patch.width_m / 2
    )
    px = float(along_m[1, 0] - along_m[0, 0])
    outside_m = outside_m + 0.006 * smooth(rng, outside_m.shape, 0.2 / px)
    body = smoothstep(0.005, -0.005, outside_m)
    seam = smoothstep(0.028, 0.018, np.abs(outside_m))
    gain = (1 + body * (patch.tone - 1)) * (1 - 0.22 * seam)
    grain = white(rng, outside_m.shape) * 3.0 * body
    _apply(view, gain, grain)


def paint_manhole(
    view: NDArray[np.uint8],
    along_m: NDArray[np.float32],
    across_m: NDArray[np.float32],
    manhole: Manhole,
    rng: Generator,
) -> None:
    """Paint an iron cover with its frame and a raised pattern into a window, in place."""
    half_m = manhole.width_m / 2
    if manhole.square:
        from_middle_m = np.maximum(np.abs(along_m), np.abs(across_m))
    else:
        from_middle_m = np.sqrt(along_m * along_m + across_m * across_m)
    outside_m = (from_middle_m - half_m).astype(np.float32)
    px = float(along_m[1, 0] - along_m[0, 0])
    cover = smoothstep(0.006, -0.006, outside_m)
    gap = smoothstep(0.012, 0.004, np.abs(outside_m + 0.045))
    bed = smoothstep(0.10, 0.09, outside_m) * (1 - cover)
    studs = np.where(
        (np.mod(along_m + 10.0, 0.08) < 0.05) ^ (np.mod(across_m + 10.0, 0.08) < 0.05), 1.0, 0.0
    )
    studs = studs * (outside_m < -0.06)
    shape = outside_m.shape
    iron = 138.0 + 12.0 * studs - 34.0 * gap + 4.0 * white(rng, shape)
    iron = iron + 4.0 * smooth(rng, shape, 0.15 / px)
    tint = np.array([1.0, 1.0, 1.02], np.float32)
    plain = view.astype(np.float32) * (1 + 0.05 * bed[..., None])
    mixed = plain * (1 - cover[..., None]) + (iron * cover)[..., None] * tint
    view[:] = np.clip(mixed, 0, 255).astype(np.uint8)


def paint_crack(
    view: NDArray[np.uint8],
    along_m: NDArray[np.float32],
    across_m: NDArray[np.float32],
    crack: Crack,
    rng: Generator,
) -> None:
    """Paint a crack, or a field of them, into a window, in place."""
    shape = (along_m.shape[0], across_m.shape[1])
    px = float(along_m[1, 0] - along_m[0, 0])
    if crack.kind == "alligator":
        gap_m = _cells_m(rng, shape, 0.14 / px) * px
        radius = np.hypot(along_m / (crack.length_m / 2), across_m / (crack.width_m / 2))
        strength = smoothstep(1.0, 0.6, (radius + 0.1 * smooth(rng, shape, 0.3 / px)))
        line = smoothstep(0.008, 0.002, gap_m.astype(np.float32)) * strength
    elif crack.kind == "longitudinal":
        line = _thread(rng, across_m, along_m, crack.length_m, px)
    else:
        line = _thread(rng, along_m.T, across_m.T, crack.width_m, px).T
    _apply(view, 1 - 0.55 * line, np.zeros(shape, np.float32))


def shadow_gain(
    along_m: NDArray[np.float32],
    across_m: NDArray[np.float32],
    shadow: Shadow,
    rng: Generator,
) -> NDArray[np.float32]:
    """Share of the light that a tree, a pole or a building leaves in a window."""
    shape = (along_m.shape[0], across_m.shape[1])
    px = float(along_m[1, 0] - along_m[0, 0])
    y, x = along_m / (shadow.length_m / 2), across_m / (shadow.width_m / 2)
    if shadow.kind == "tree":
        radius = np.sqrt(x * x + y * y) + 0.16 * octaves(rng, shape, (1.1 / px, 0.5 / px))
        leaves = smoothstep(-1.5, 0.2, octaves(rng, shape, (0.7 / px, 0.3 / px)))
        dark = smoothstep(1.0, 0.75, radius) * (0.65 + 0.35 * leaves)
        soft_m = 0.06
    else:
        dark = smoothstep(1.0, 0.93, np.maximum(np.abs(x), np.abs(y)))
        soft_m = 0.03
    dark = cv2.GaussianBlur(dark.astype(np.float32), (0, 0), soft_m / px)
    return np.asarray(1 - 0.42 * dark, np.float32)


def _apply(view: NDArray[np.uint8], gain: NDArray[np.float32], add: NDArray[np.float32]) -> None:
    """Multiply and add, in place."""
    out = view.astype(np.float32) * gain[..., None] + add[..., None]
    view[:] = np.clip(out, 0, 255).astype(np.uint8)


def _thread(
    rng: Generator,
    side_m: NDArray[np.float32],
    run_m: NDArray[np.float32],
    length_m: float,
    px: float,
) -> NDArray[np.float32]:
    """One wandering line of varying width: ``run_m`` is a column, ``side_m`` a row."""
    count = run_m.shape[0]
    wander = smooth(rng, (count, 1), 0.5 / px) * 0.035 + smooth(rng, (count, 1), 0.08 / px) * 0.008
    thick = np.clip(0.006 + 0.003 * smooth(rng, (count, 1), 0.25 / px), 0.002, None)
    ends = smoothstep(length_m / 2, length_m / 2 - 0.3, np.abs(run_m))
    off = np.abs(side_m - wander) - thick
    return smoothstep(0.006, -0.002, off.astype(np.float32)) * ends


def _cells_m(rng: Generator, shape: tuple[int, int], cell_px: float) -> NDArray[np.float32]:
    """Distance to the nearest border between random cells, pixels."""
    rows, columns = (int(side / cell_px) + 3 for side in shape)
    jitter = rng.uniform(-0.42, 0.42, (rows, columns, 2))
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
    points = ((grid + jitter - 0.5) * cell_px).reshape(-1, 2)
    where = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"), axis=-1)
    near, _ = cKDTree(points).query(where.reshape(-1, 2), k=2)
    return np.asarray((near[:, 1] - near[:, 0]) / 2, np.float32).reshape(shape)
