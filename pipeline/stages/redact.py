"""Redact: the only way in which a picture of the footage comes to be kept. Pure.

People and vehicles are painted over, solid, before any derived picture is encoded for keeping.
A close view shows road and nothing above it; a wide view shows the place. At most three
candidates of a place wait in memory, redacted and encoded: no unredacted picture ever waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.errors import InputError
from pipeline.domain.evidence import Still, StillKind
from pipeline.domain.footage import Frame, FrameRef
from pipeline.domain.ids import ObservationId
from pipeline.domain.looks import Bystander, PixelBox
from pipeline.domain.observations import Observation
from pipeline.geometry.distortion import bent, straightened
from pipeline.geometry.ground import row_at_range

Pixels = NDArray[np.uint8]

_COLUMNS, _SPEEDING_UP_MPS2 = 129, 2.0
_GREY = (128, 128, 128)
_MARK = (0, 200, 255)
_EDGE = 14
_KEPT_QUALITY = 85
_COARSE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactSettings:
    """How pictures are cut and what is painted over.

    Attributes:
        candidates: At most so many sightings of a place wait for the best to be chosen.
        same_place_m: Sightings nearer than this belong to one place, for choosing pictures.
        passed_m: A place is closed when the vehicle is this far past it.
        road_to_m: A close view shows no road farther ahead than this, and nothing above it.
        margin_share: A close view reaches this share of the box's longer side beyond it …
        margin_px: … and at least so many pixels.
        bystander_margin_share: What is painted over reaches this far beyond its box.
        wide_px: The wide view is scaled down to this width.
    """

    candidates: int = 3
    same_place_m: float = 1.0
    passed_m: float = 5.0
    road_to_m: float = 40.0
    margin_share: float = 0.8
    margin_px: int = 60
    bystander_margin_share: float = 0.12
    wide_px: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One close view that may be kept: redacted and encoded already, waiting for a better one."""

    merit: float
    still: Still


@dataclass(slots=True)
class _Place:
    """A place on the road whose best pictures are still being chosen.

    The wide view is of the first sighting, the farthest: there the surroundings show best.
    """

    east_m: float
    north_m: float
    chainage_m: float
    wide: Still
    close: list[Candidate] = field(default_factory=list)


@dataclass(slots=True)
class CandidateKeeper:
    """Holds the best few sightings of each place until the vehicle has passed it."""

    rig: CameraRig
    settings: RedactSettings
    _open: list[_Place] = field(default_factory=list)

    def offer(
        self,
        observation: Observation,
        frame: Frame,
        bystanders: tuple[Bystander, ...],
        *,
        sharpness: float,
    ) -> None:
        """Consider a sighting; its picture is made only if it is among the best of its place."""
        merit = _merit(observation, bystanders, sharpness)
        place = self._place_of(observation, frame, bystanders)
        waiting = place.close
        if len(waiting) >= self.settings.candidates:
            worst = min(waiting, key=lambda candidate: candidate.merit)
            if merit <= worst.merit:
                return
            waiting.remove(worst)
        still = _close_view(observation, frame, bystanders, self.rig, self.settings)
        if still is not None:
            waiting.append(Candidate(merit=merit, still=still))

    def passed(self, chainage_m: float) -> list[tuple[Still, ...]]:
        """Close the places that now lie behind; return each one's pictures, the best first."""
        behind = [
            place for place in self._open if place.chainage_m + self.settings.passed_m < chainage_m
        ]
        self._open = [place for place in self._open if place not in behind]
        return [_closed(place) for place in behind]

    def close(self) -> list[tuple[Still, ...]]:
        """Close every place that is left; return each one's pictures."""
        left, self._open = self._open, []
        return [_closed(place) for place in left]

    def _place_of(
        self, observation: Observation, frame: Frame, bystanders: tuple[Bystander, ...]
    ) -> _Place:
        at = observation.at
        for place in self._open:
            apart = np.hypot(place.east_m - at.easting_m, place.north_m - at.northing_m)
            if apart <= self.settings.same_place_m:
                return place
        place = _Place(
            east_m=at.easting_m,
            north_m=at.northing_m,
            chainage_m=observation.chainage_m,
            wide=_wide_view(observation, frame, bystanders, self.settings),
        )
        self._open.append(place)
        return place


def road_view(
    frame: Frame,
    bystanders: Sequence[Bystander],
    rig: CameraRig,
    *,
    chainage_m: float,
    settings: RedactSettings,
) -> Still:
    """Return a redacted view of road on which nothing was reported, to find what was missed."""
    top = _road_top(rig, settings) or 0
    picture = paint_over(frame.pixels, bystanders, settings)[top:]
    return _still(
        StillKind.ROAD_VIEW, frame.ref, None, frame.taken_at, chainage_m, len(bystanders), picture
    )


def paint_over(
    pixels: Pixels,
    bystanders: Sequence[Bystander],
    settings: RedactSettings,
    *,
    left_px: int = 0,
    top_px: int = 0,
) -> Pixels:
    """Return a copy in which every bystander's box, and a margin, is solid grey.

    Args:
        pixels: A frame, or a part of one.
        bystanders: Boxes in the frame's own pixels.
        settings: How far beyond its box a bystander is painted over.
        left_px: Where the part begins in the frame.
        top_px: Likewise.
    """
    clean = pixels.copy()
    height, width = clean.shape[:2]
    for bystander in bystanders:
        box = bystander.box
        pad = settings.bystander_margin_share * max(box.width_px, box.height_px) + 2
        left = max(0, int(box.left_px - pad) - left_px)
        top = max(0, int(box.top_px - pad) - top_px)
        right = min(width, int(np.ceil(box.right_px + pad)) - left_px)
        bottom = min(height, int(np.ceil(box.bottom_px + pad)) - top_px)
        if left < right and top < bottom:
            clean[top:bottom, left:right] = _GREY
    return clean


def in_its_frame(
    picture: Pixels, box: PixelBox | None, rig: CameraRig, settings: RedactSettings
) -> Pixels:
    """Return a kept picture where it was in its frame, on grey: as large as the camera saw it.

    Args:
        picture: A close view, or a road view.
        box: What the close view was kept for, in pixels of the frame; None for a road view.
        rig: Of the frame.
        settings: With which the picture was cut out.

    Raises:
        InputError: It is not as large as such a picture is.
    """
    if box is None:
        part, left, right, bottom = picture, 0, rig.width_px, rig.height_px
    else:
        part = picture[_EDGE:-_EDGE, _EDGE:-_EDGE]
        left, _, right, bottom = _around(box, rig, settings)
    height, width = part.shape[:2]
    top = bottom - height
    if not height or top < 0 or width != right - left:
        raise InputError(f"a picture of {width}×{height} pixels was not cut out of such a frame")
    frame = np.full((rig.height_px, rig.width_px, 3), _GREY, np.uint8)
    frame[top:bottom, left : left + width] = part
    return frame


def encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    """Return a JPEG without metadata."""
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {pixels.shape} could not be encoded")
    return encoded.tobytes()


def _merit(observation: Observation, bystanders: Sequence[Bystander], sharpness: float) -> float:
    """Return how good a picture is: near, sure and sharp; one with a bystander over it is last."""
    hidden = any(bystander.box.iou(observation.box) > 0 for bystander in bystanders)
    crisp = sharpness / (sharpness + 100.0)
    return (0.0 if hidden else 1.0) + observation.confidence * crisp / (2 + observation.range_m)


def _closed(place: _Place) -> tuple[Still, ...]:
    ranked = sorted(place.close, key=lambda candidate: -candidate.merit)
    return (*(candidate.still for candidate in ranked), place.wide)


@lru_cache(maxsize=8)
def _road_top(rig: CameraRig, settings: RedactSettings) -> int | None:
    """Return the picture row above which there is no road that belongs in a close view.

    It is the row of the farthest road that may be shown, for the rig as high as it may look and as
    tilted as it may be within its sigmas, in any column of the picture: nothing above the road is
    shown even if the rig is wrong by two sigma. None if no row of the picture is surely road.
    """
    rows = [
        _lowest_row_of(rig, settings.road_to_m, roll_deg=rig.roll_deg + off)
        for off in (-2 * rig.roll_sigma_deg, 2 * rig.roll_sigma_deg)
    ]
    if not np.isfinite(rows).all():
        return None
    lowest = int(np.ceil(max(rows)))
    return None if lowest >= rig.height_px else max(lowest, 0)


def _lowest_row_of(rig: CameraRig, range_m: float, *, roll_deg: float) -> float:
    """Return the lowest row in which any column of the picture shows road so far ahead."""
    steepest = 59.0
    # A vehicle that speeds up lifts its nose.
    lifted = 2 * rig.pitch_sigma_deg + max(rig.dive_deg_s2_m, 0.0) * _SPEEDING_UP_MPS2
    pitch = max(rig.pitch_deg - lifted, -steepest)
    tilt = np.radians(min(max(roll_deg, -steepest), steepest))
    high = replace(rig, pitch_deg=pitch, roll_deg=0.0, distortion=0.0)
    middle = row_at_range(high, range_m) - rig.height_px / 2
    half = np.array([[rig.width_px / 2, rig.height_px / 2]])
    lens = {"focal_px": rig.focal_px, "distortion": rig.distortion}
    # Through a lens that bends, what a pinhole shows in a line bulges: all columns are asked.
    reach = max(float(straightened(half, **lens)[0, 0]), rig.width_px / 2)
    across = np.linspace(-reach, reach, _COLUMNS)
    line = np.column_stack((across, middle * np.cos(tilt) - across * np.sin(tilt)))
    shown = bent(line, **lens)
    shown = shown[np.abs(shown[:, 0]) <= rig.width_px / 2 + reach / _COLUMNS]
    return rig.height_px / 2 + float(shown[:, 1].max(initial=-np.inf)) if len(shown) else np.inf


def _close_region(
    box: PixelBox, rig: CameraRig, settings: RedactSettings
) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of the road around a box; None if all of it is too far."""
    road = _road_top(rig, settings)
    if road is None:
        return None
    left, top, right, bottom = _around(box, rig, settings)
    top = max(top, road)
    return (left, top, right, bottom) if top < bottom and left < right else None


def _around(box: PixelBox, rig: CameraRig, settings: RedactSettings) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a box with its margin, within the frame."""
    pad = max(settings.margin_px, settings.margin_share * max(box.width_px, box.height_px))
    left, right = max(0, int(box.left_px - pad)), min(rig.width_px, int(box.right_px + pad))
    top, bottom = max(0, int(box.top_px - pad)), min(rig.height_px, int(box.bottom_px + pad))
    return left, top, right, bottom


def _close_view(
    o: Observation,
    frame: Frame,
    bystanders: Sequence[Bystander],
    rig: CameraRig,
    settings: RedactSettings,
) -> Still | None:
    region = _close_region(o.box, rig, settings)
    if region is None:
        return None
    left, top, right, bottom = region
    part = frame.pixels[top:bottom, left:right]
    clean = paint_over(part, bystanders, settings, left_px=left, top_px=top)
    shown = [b for b in bystanders if _overlaps(b.box, left, top, right, bottom)]
    framed = _with_box_beside(clean, o.box, left=left, top=top)
    return _still_of(StillKind.EVIDENCE_STILL, o, len(shown), framed)


def _overlaps(box: PixelBox, left: int, top: int, right: int, bottom: int) -> bool:
    return (
        box.left_px < right and box.right_px > left and box.top_px < bottom and box.bottom_px > top
    )


def _with_box_beside(crop: Pixels, box: PixelBox, *, left: int, top: int) -> Pixels:
    """Return the crop in a border that carries the box's extent: nothing is drawn on the road."""
    framed = cv2.copyMakeBorder(
        crop, _EDGE, _EDGE, _EDGE, _EDGE, cv2.BORDER_CONSTANT, value=(30,) * 3
    )
    x0, x1 = (round(x - left) + _EDGE for x in (box.left_px, box.right_px))
    y0, y1 = (round(y - top) + _EDGE for y in (box.top_px, box.bottom_px))
    height, width = framed.shape[:2]
    for line in (4, height - 10):
        cv2.rectangle(framed, (x0, line), (x1, line + 5), _MARK, -1)
    for line in (4, width - 10):
        cv2.rectangle(framed, (line, y0), (line + 5, y1), _MARK, -1)
    return np.asarray(framed, np.uint8)


def _wide_view(
    o: Observation, frame: Frame, bystanders: Sequence[Bystander], settings: RedactSettings
) -> Still:
    pixels = paint_over(frame.pixels, bystanders, settings)
    height, width = pixels.shape[:2]
    scale = min(1.0, settings.wide_px / width)
    if scale < 1:
        how = cv2.INTER_LINEAR if scale > _COARSE else cv2.INTER_AREA
        size = (settings.wide_px, round(height * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
    return _still_of(StillKind.PLACE_VIEW, o, len(bystanders), pixels)


def _still_of(kind: StillKind, o: Observation, bystanders: int, pixels: Pixels) -> Still:
    return _still(kind, o.frame, o.observation_id, o.seen_at, o.chainage_m, bystanders, pixels)


def _still(  # noqa: PLR0913 - one picture's facts, named where they are made
    kind: StillKind,
    ref: FrameRef,
    observation_id: ObservationId | None,
    taken_at: datetime,
    chainage_m: float,
    bystanders: int,
    pixels: Pixels,
) -> Still:
    return Still(
        kind=kind,
        frame=ref,
        observation_id=observation_id,
        taken_at=taken_at,
        chainage_m=chainage_m,
        width_px=pixels.shape[1],
        height_px=pixels.shape[0],
        bystanders=bystanders,
        jpeg=encode_jpeg(pixels, _KEPT_QUALITY),
    )
