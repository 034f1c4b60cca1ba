"""Random textures: same generator state, same pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Grid: TypeAlias = NDArray[np.float32]


def white(rng: Generator, shape: tuple[int, int]) -> Grid:
    """Independent normal noise of unit spread."""
    return rng.standard_normal(shape, dtype=np.float32)


def smooth(rng: Generator, shape: tuple[int, int], cell_px: float) -> Grid:
    """Smooth noise of about unit spread whose blobs are ``cell_px`` wide."""
    coarse = white(rng, (int(shape[0] / cell_px) + 4, int(shape[1] / cell_px) + 4))
    return magnify(coarse, shape, cell_px, first_row=0) * np.float32(1.35)


def magnify(coarse: Grid, shape: tuple[int, int], cell_px: float, *, first_row: int) -> Grid:
    """Rows ``first_row`` onwards of a coarse grid enlarged ``cell_px`` times, without seams."""
    step = 1.0 / cell_px
    warp = np.array([[step, 0.0, 1.0], [0.0, step, first_row * step + 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(
        coarse, warp, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(out, dtype=np.float32)


def octaves(rng: Generator, shape: tuple[int, int], cells_px: tuple[float, ...]) -> Grid:
    """Sum of smooth noises, one for each blob size, brought to unit spread."""
    total = np.zeros(shape, np.float32)
    for cell_px in cells_px:
        total += smooth(rng, shape, cell_px) if cell_px > 1 else white(rng, shape)
    return total / np.float32(max(len(cells_px), 1) ** 0.5)


def ring(rng: Generator, angle_rad: Grid, harmonics: tuple[int, int]) -> Grid:
    """Noise around a circle, of about unit spread, from the harmonics of that range."""
    total = np.zeros_like(angle_rad)
    power = 0.0
    for order in range(*harmonics):
        weight = order**-0.7
        phase = float(rng.uniform(0, 2 * np.pi))
        total += np.float32(weight * float(rng.normal())) * np.cos(
            np.float32(order) * angle_rad + np.float32(phase)
        )
        power += weight * weight / 2
    return np.asarray(total / np.float32(max(power, 1e-6) ** 0.5), np.float32)


def stones(rng: Generator, shape: tuple[int, int], size_px: float, share: float) -> Grid:
    """Loose stones seen from above: 0 between them, 0.5 to 1 on them, brighter where larger.

    Args:
        rng: Source of chance.
        shape: Rows and columns.
        size_px: Typical diameter, pixels.
        share: Share of the area that stones cover, 0 to 1.

    """
    field = smooth(rng, shape, max(size_px * 0.6, 1.01))
    edge = float(np.quantile(field, 1.0 - share))
    height = np.clip((field - edge) / 0.5, 0.0, 1.0)
    return np.where(height > 0, 0.5 + 0.5 * height, 0.0).astype(np.float32)


def smoothstep(low: float, high: float, value: Grid) -> Grid:
    """0 below ``low``, 1 above ``high`` and a smooth rise between (a fall if ``low > high``)."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
