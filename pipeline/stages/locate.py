"""Locate: from a box in a frame to a place and a size on the road, each with its sigma. Pure."""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.footage import FrameRef
from pipeline.domain.ids import DriveId, RunId
from pipeline.domain.looks import DefectKind, Detection, PixelBox
from pipeline.domain.observations import Measurement, Observation, observation_id
from pipeline.domain.places import GroundError
from pipeline.domain.track import Pose
from pipeline.geometry.ellipse import (
    EllipseErrors,
    GroundEllipse,
    PixelErrors,
    ellipse_errors,
    ellipse_of_box,
)
from pipeline.geometry.ground import ground_points, row_at_range, to_grid

_HOW = "ground plane, ellipse in the box"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocateSettings:
    """What is trusted how far.

    Attributes:
        max_range_m: Farther ahead nothing is placed: the error grows with the square of range.
        edge_sigma_px: Standard deviation of a box's edge at the detector's own scale …
        edge_sigma_share: … and in proportion to the box, added in quadrature.
        pitch_jitter_deg: Standard deviation of the vehicle's pitching (braking, load, bumps).
        clip_margin_px: A box within this of the picture's edge is cut off and not measured.
    """

    max_range_m: float = 14.0
    edge_sigma_px: float = 1.5
    edge_sigma_share: float = 0.05
    pitch_jitter_deg: float = 0.25
    clip_margin_px: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What part of the road ahead one frame shows, metres from the camera's foot.

    Attributes:
        near_m: The nearest road in the picture.
        far_m: The range limit, or nearer where the picture ends.
        left_m: How far to the left the road is in view at the middle of that stretch.
        right_m: Likewise to the right.
    """

    near_m: float
    far_m: float
    left_m: float
    right_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What all observations of one frame have in common."""

    run_id: RunId
    drive_id: DriveId
    frame: FrameRef
    seen_at: datetime
    pose: Pose
    clock_sigma_s: float


def footprint(rig: CameraRig, *, settings: LocateSettings) -> Footprint | None:
    """Return what part of the road a frame shows; None if it shows none within the limit."""
    bottom = rig.height_px - 1.0
    near = ground_points(np.array([[rig.width_px / 2, bottom]]), rig)[0, 1]
    if not np.isfinite(near) or near >= settings.max_range_m:
        return None
    near = max(float(near), 0.0)
    middle = (near + settings.max_range_m) / 2
    row = row_at_range(rig, middle)
    sides = ground_points(np.array([[0.0, row], [rig.width_px, row]]), rig)[:, 0]
    return Footprint(
        near_m=near,
        far_m=settings.max_range_m,
        left_m=max(0.0, -float(sides[0])),
        right_m=max(0.0, float(sides[1])),
    )


def locate_detection(
    detection: Detection,
    sighting: Sighting,
    rig: CameraRig,
    *,
    network_scale: float,
    settings: LocateSettings,
) -> Observation | None:
    """Return where on the road a detection lies and how large it is.

    Args:
        detection: The box.
        sighting: The frame, its pose, and how well the clock is known.
        rig: The camera.
        network_scale: Source pixels to one pixel at the detector's own scale.
        settings: What is trusted how far.

    Returns:
        None when the box lies beyond the range limit or above the horizon, or is a pothole cut off
        by the picture's left, right or lower edge: the frames before show it whole. A crack may
        be longer than any picture: what is in view of it is measured, and its sigma is its size.
    """
    cut_off = _cut_off(detection.box, rig, settings.clip_margin_px)
    if cut_off and detection.kind is DefectKind.POTHOLE:
        return None
    ellipse = ellipse_of_box(detection.box, rig)
    if ellipse is None or not 0 < ellipse.forward_m <= settings.max_range_m:
        return None
    errors = ellipse_errors(
        ellipse,
        rig,
        pixels=_edge_errors(detection.box, network_scale, settings),
        pitch_jitter_deg=settings.pitch_jitter_deg,
    )
    pose = sighting.pose
    own, shared = _position_errors(ellipse, errors, sighting)
    east, north = to_grid(ellipse.right_m, ellipse.forward_m, pose.heading_deg)
    size_sigma = np.sqrt(np.diag(errors.own + errors.shared))
    if cut_off:
        size_sigma[2:] = np.maximum(size_sigma[2:], (ellipse.width_m, ellipse.length_m))
    return Observation(
        observation_id=observation_id(
            sighting.run_id, sighting.frame, detection.kind, detection.box
        ),
        run_id=sighting.run_id,
        drive_id=sighting.drive_id,
        frame=sighting.frame,
        seen_at=sighting.seen_at,
        kind=detection.kind,
        confidence=detection.confidence,
        box=detection.box,
        at=pose.at.shifted(east_m=east, north_m=north),
        error=own + shared,
        shared_error=shared,
        heading_deg=pose.heading_deg,
        chainage_m=pose.chainage_m + ellipse.forward_m,
        range_m=ellipse.forward_m,
        offset_m=ellipse.right_m,
        width_m=Measurement(value=ellipse.width_m, sigma=float(size_sigma[2]), how=_HOW),
        length_m=Measurement(value=ellipse.length_m, sigma=float(size_sigma[3]), how=_HOW),
    )


def _cut_off(box: PixelBox, rig: CameraRig, margin_px: float) -> bool:
    return (
        box.left_px < margin_px
        or box.right_px > rig.width_px - margin_px
        or box.bottom_px > rig.height_px - margin_px
    )


def _edge_errors(box: PixelBox, network_scale: float, settings: LocateSettings) -> PixelErrors:
    across, down = (
        math.hypot(settings.edge_sigma_px * network_scale, settings.edge_sigma_share * side)
        for side in (box.width_px, box.height_px)
    )
    return PixelErrors(left_px=across, right_px=across, top_px=down, bottom_px=down)


def _position_errors(
    ellipse: GroundEllipse, errors: EllipseErrors, sighting: Sighting
) -> tuple[GroundError, GroundError]:
    """Return the position error that is this look's own, and that which its drive shares."""
    pose = sighting.pose
    heading = math.radians(pose.heading_deg)
    turn = np.array(
        [[math.cos(heading), math.sin(heading)], [-math.sin(heading), math.cos(heading)]]
    )
    by_heading = np.array([ellipse.forward_m, -ellipse.right_m]) * math.radians(
        pose.heading_sigma_deg
    )
    by_clock = np.array([0.0, pose.speed_mps * sighting.clock_sigma_s])
    common = errors.shared[:2, :2] + np.outer(by_heading, by_heading) + np.outer(by_clock, by_clock)
    return _on_grid(errors.own[:2, :2], turn), _on_grid(common, turn) + pose.error


def _on_grid(covariance: NDArray[np.float64], turn: NDArray[np.float64]) -> GroundError:
    turned = turn @ covariance @ turn.T
    return GroundError(
        var_e=float(turned[0, 0]), var_n=float(turned[1, 1]), cov_en=float(turned[0, 1])
    )
