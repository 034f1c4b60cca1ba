"""Pictures as a bad lens, a bad mount or bad weather would have taken them.

For measuring and fitting the quality gate: what each does to a picture is known. How strong it is
drawn from the range in which the surface can no longer be judged.
"""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.looks import NotLookedReason

Picture = NDArray[np.uint8]
Spoil = Callable[[Picture, np.random.Generator], Picture]


def darkened(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture taken at dusk or night without lamps: little light, much noise."""
    light = rng.uniform(0.02, 0.09)
    dark = picture.astype(np.float32) * light
    noise = rng.normal(0, rng.uniform(1.0, 4.0), picture.shape)
    return _picture(dark + noise)


def shaken(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture blurred along a line, by speed or shake."""
    width = picture.shape[1]
    length = max(5, round(width * rng.uniform(0.03, 0.08)))
    angle = rng.uniform(0, 180)
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1.0
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), angle, 1.0)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return _noisy(cv2.filter2D(picture, -1, kernel / kernel.sum()), rng)


def unfocused(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture out of focus."""
    sigma = picture.shape[1] * rng.uniform(0.006, 0.018)
    return _noisy(cv2.GaussianBlur(picture, (0, 0), sigma), rng)


def rained_on(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture through drops of rain: each a small lens that turns the view over."""
    high, wide = picture.shape[:2]
    found = _picture(cv2.GaussianBlur(picture, (0, 0), wide * rng.uniform(0.001, 0.004)))
    turned = cv2.GaussianBlur(picture[::-1, ::-1], (0, 0), wide * 0.004)
    for _ in range(int(rng.integers(60, 160))):
        radius = wide * rng.uniform(0.012, 0.045)
        column, row = rng.uniform(0, wide), rng.uniform(0, high)
        left, right = int(max(0, column - radius)), int(min(wide, column + radius))
        top, bottom = int(max(0, row - radius)), int(min(high, row + radius))
        if right - left < 3 or bottom - top < 3:
            continue
        y, x = np.mgrid[top:bottom, left:right]
        inside = np.hypot((x - column) / radius, (y - row) / (radius * rng.uniform(0.8, 1.2)))
        share = np.clip((1.0 - inside) * 4, 0, 1)[..., None]
        seen = cv2.resize(turned, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        light = 1.0 + 0.35 * np.clip((row - y) / radius, -1, 1)[..., None]
        patch = found[top:bottom, left:right]
        found[top:bottom, left:right] = _picture(patch * (1 - share) + seen * light * share)
    return found


def dazzled(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture into a low sun: a white disc, a veil, and the shadows lifted."""
    high, wide = picture.shape[:2]
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    column, row = rng.uniform(0.15, 0.85) * wide, rng.uniform(0.0, 0.5) * high
    away = np.hypot(x - column, y - row) / wide
    flare = rng.uniform(320, 520) * np.exp(-((away / rng.uniform(0.22, 0.5)) ** 2))
    veil = rng.uniform(60, 130)
    return _picture(picture * rng.uniform(0.45, 0.8) + (flare + veil)[..., None])


def blocked(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture with most of the view covered: a leaf, a sticker, a visor, a glove."""
    high, wide = picture.shape[:2]
    mask = np.zeros((high, wide), np.uint8)
    side = int(rng.integers(4))
    share = rng.uniform(0.8 if side == 0 else 0.5, 1.0)  # the road is below
    span = round((high if side < 2 else wide) * share)
    top, left = (0, high - span, 0, 0)[side], (0, 0, 0, wide - span)[side]
    down, across = (span, wide) if side < 2 else (high, span)
    mask[top : top + down, left : left + across] = 255
    soft = cv2.GaussianBlur(mask, (0, 0), wide * rng.uniform(0.005, 0.05)) / 255
    colour = _paint(rng, 5, 90) + rng.normal(0, 2, picture.shape)
    return _picture(picture * (1 - soft[..., None]) + colour * soft[..., None])


def dirtied(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture through mud and dust: soft spots and smears that let little through."""
    high, wide = picture.shape[:2]
    small = rng.normal(0, 1, (high // 16 + 2, wide // 16 + 2)).astype(np.float32)
    clouds = cv2.GaussianBlur(small, (0, 0), rng.uniform(1.2, 3.0))
    clouds = cv2.resize(clouds, (wide, high), interpolation=cv2.INTER_CUBIC)
    edge = np.quantile(clouds, 1 - rng.uniform(0.45, 0.8))
    cover = np.clip((clouds - edge) / (clouds.std() * 0.35), 0, rng.uniform(0.85, 0.97))[..., None]
    behind = cv2.GaussianBlur(picture, (0, 0), wide * 0.012)
    mud = np.array([60, 75, 90]) * rng.uniform(0.5, 1.7)
    return _picture(picture * (1 - cover) + (0.35 * behind + 0.65 * mud) * cover)


def over_bonnet(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture of which bonnet or dashboard fill the part where the road would be."""
    high, wide = picture.shape[:2]
    top = rng.uniform(0.18, 0.42) * high
    x = np.linspace(-1, 1, wide)
    edge = top + rng.uniform(0.0, 0.15) * high * x**2 + rng.uniform(-0.05, 0.05) * high * x
    y = np.arange(high)[:, None]
    inside = np.clip((y - edge[None]) / 2, 0, 1)[..., None]
    colour = _paint(rng, 8, 220)
    shade = 1 - 0.5 * np.clip((y - edge[None]) / high, 0, 1)[..., None]
    mirrored = cv2.GaussianBlur(picture[::-1], (0, 0), wide * 0.03)
    shine = rng.uniform(0.0, 0.35)
    paint = colour * shade * (1 - shine) + mirrored * shine + rng.normal(0, 1.5, picture.shape)
    return _picture(picture * (1 - inside) + paint * inside)


def turned_over(picture: Picture, _rng: np.random.Generator) -> Picture:
    """Return a picture of a camera that hangs upside down."""
    return np.ascontiguousarray(picture[::-1, ::-1])


def shifted(picture: Picture, down: float, right: float, roll_deg: float) -> Picture:
    """Return what a knocked camera sees: shifted by shares of the height, and rolled."""
    high, wide = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), roll_deg, 1.0)
    turn[:, 2] += (right * high, down * high)
    return np.asarray(
        cv2.warpAffine(picture, turn, (wide, high), borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


SPOILS: Mapping[NotLookedReason, tuple[Spoil, ...]] = {
    NotLookedReason.TOO_DARK: (darkened,),
    NotLookedReason.BLURRED: (shaken, unfocused),
    NotLookedReason.WET_LENS: (rained_on,),
    NotLookedReason.TOO_BRIGHT: (dazzled,),
    NotLookedReason.OBSTRUCTED: (blocked,),
    NotLookedReason.DIRTY_LENS: (dirtied,),
    NotLookedReason.BONNET: (over_bonnet,),
    NotLookedReason.UPSIDE_DOWN: (turned_over,),
}


def _paint(rng: np.random.Generator, darkest: float, brightest: float) -> NDArray[np.floating]:
    """Return a colour, most often near grey."""
    return rng.uniform(darkest, brightest) * (1 + rng.normal(0, 0.12, 3))


def _noisy(picture: NDArray[Any], rng: np.random.Generator) -> Picture:
    return _picture(picture + rng.normal(0, rng.uniform(0, 2), picture.shape))


def _picture(values: NDArray[Any]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
