"""Calibrate: how the camera sits, and what its clock says, from the footage and the track. Pure.

Pairs of pictures a moment apart show how the road moves by. Each pair gives the camera's pose
against the direction of travel and the distance travelled in heights of the camera; with the
way by GPS the height follows, and from both ways' course in time the clock.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig, FoundCamera
from pipeline.domain.track import ClockOffset
from pipeline.geometry.calibration import Estimate, PairMotion, PoseEstimate, pool_pose
from pipeline.geometry.clock import ClockEstimate, pool_clock, pool_drift
from pipeline.geometry.egomotion import Pinhole
from pipeline.geometry.ground import image_points
from pipeline.geometry.lens import fit_distortion

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_GRID_LINES_M = (2, 4, 6, 8, 10, 15, 20)
_GRID_AHEAD_M, _GRID_SIDE_M, _HORIZON_M = (2.0, 20.0), 3, 10_000.0
_DARK, _LIGHT, _HORIZON_COLOUR = (0, 0, 0), (255, 255, 255), (0, 0, 255)
_FAR_OFF_PX = 1e5

# A slower vehicle shows too little motion for the pose.
_SLOWEST_MPS = 2.0
_HOUR_S = 3600.0
_MUCH_LESS = 0.2
_STRONGEST = 0.45
_SEEN = "estimated from the footage: "
# A dip by braking is used where it is beyond doubt; no vehicle dips more.
_SURELY, _DEEPEST_DEG_S2_M = 2.5, 1.5
# What is known no better than this, by its unit, was assumed and not measured.
_MEASURED = {"deg": 1.0, "m": 0.15}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateSettings:
    """What is compared, and what is taken for known.

    Attributes:
        pairs_a_s: Pairs of pictures in a second of footage.
        span_s: Footage is compared in spans of about this length …
        spans: … and so many of them, those in which speed and direction change the most.
        clock_within_s: Offsets of the clock up to this are looked for.
        clock_known_s: An offset whose sigma is larger is not taken for known.
        drifts_over_s: In longer footage the clock may drift, and spans are taken from all over it.
        pitch_known_deg: A rig whose pitch is known less well is worth calibrating …
        height_known_share: … or whose height is, as a share of it.
        moved_sigmas: A pose that differs by more from what was given: the camera was moved. A
            lens whose distortion does from none bends.
        lens_every: One in so many pairs is asked how the lens bends.
        bends_from: A lens that bends less is left a pinhole.
        lens_better: The focal length is taken from turns where they know it so much better than
            it was known.
    """

    pairs_a_s: float = 5.0
    span_s: float = 30.0
    spans: int = 3
    clock_within_s: float = 4.0
    clock_known_s: float = 0.3
    drifts_over_s: float = 1200.0
    pitch_known_deg: float = 0.5
    height_known_share: float = 0.08
    moved_sigmas: float = 3.0
    lens_every: int = 8
    bends_from: float = 0.03
    lens_better: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What footage and track say of the camera, and the estimates alone.

    Attributes:
        found: What is used.
        pose: The estimate; None where too few pairs of pictures could be used.
        motion: Of height and clock, likewise.
    """

    found: FoundCamera
    pose: PoseEstimate | None
    motion: ClockEstimate | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FollowedRoad:
    """How the camera moved, and how the vehicle did by GPS.

    Attributes:
        pairs: How the camera moved, in order of time; seconds from when the footage began, by
            the camera's clock as far as it is known.
        refused: In how many more pairs the road could not be followed.
        camera: The lens that they were followed through.
        fixes: N×3: seconds from the same instant by the track's clock, easting, northing. What
            lies between the two is what remains of the clock's offset.
    """

    pairs: tuple[PairMotion, ...]
    refused: int
    camera: Pinhole
    fixes: Array


def calibrated(
    road: FollowedRoad, rig: CameraRig, clock: ClockOffset, *, settings: CalibrateSettings
) -> Calibration:
    """Return what the followed road says, joined with what was known.

    Args:
        road: What was followed.
        rig: What was known, with sigmas.
        clock: Likewise.
        settings: What is taken for known.
    """
    drift = _drift(road, settings)
    # By a clock that does not drift, from second 0 on.
    pairs = tuple(replace(pair, at_s=pair.at_s * (1 + drift)) for pair in road.pairs)
    road = replace(road, pairs=pairs)
    motion, hours = _motion(road, rig, clock, settings)
    # At the edge the track may be another drive's: nothing of it is used.
    fitting = None if motion is None or motion.at_edge else motion
    height_m = fitting.height.value if fitting else rig.mount_height_m
    pose = pool_pose(pairs, height_m=height_m, least_a_s=_SLOWEST_MPS / height_m)
    known = fitting is not None and fitting.is_known(settings.clock_known_s)
    words = (_words_of_pose(pose, road), _words_of_clock(motion, hours, known=known))
    seen: ClockOffset | None = None
    if fitting is not None and known and fitting.offset.sigma < clock.sigma_s:
        seen = ClockOffset(
            offset_s=clock.offset_s + fitting.offset.value,
            sigma_s=fitting.offset.sigma,
            how=f"motion in the picture against GPS, {fitting.intervals} intervals"
            + (f"; it loses {drift * _HOUR_S:+.1f} s an hour" if drift else ""),
            drift=drift,
        )
    found = _estimates(pose, fitting, rig)
    moved = tuple(
        _moved_words(name, getattr(rig, name), one.value)
        for name, one in found.items()
        if _is_measured(rig, name)
        and abs(one.value - getattr(rig, name))
        > settings.moved_sigmas * np.hypot(one.sigma, getattr(rig, _sigma_of(name)))
    )
    return Calibration(
        found=FoundCamera(
            rig=_joined(rig, found, None if pose is None else pose.dive),
            clock=seen,
            pairs=len(pairs),
            refused=road.refused,
            moved=moved,
            words=tuple(sentence for sentence in words if sentence),
        ),
        pose=pose,
        motion=motion,
    )


def _drift(road: FollowedRoad, settings: CalibrateSettings) -> float:
    """Return by how much more the clock is off for each second; 0 where that is not told."""
    course = pool_drift(road.pairs, road.fixes, within_s=settings.clock_within_s)
    if course is None:
        return 0.0
    drift = course[1]
    return drift.value if abs(drift.value) > settings.moved_sigmas * drift.sigma else 0.0


def _words_of_pose(pose: PoseEstimate | None, road: FollowedRoad) -> str:
    every = len(road.pairs) + road.refused
    if pose is not None:
        return ""
    if len(road.pairs) > every / 2:
        return (
            "The camera's pose could not be estimated: in the footage compared, the vehicle "
            "moved for less than five seconds. Film a minute at 15 mph or more."
        )
    return (
        f"The camera's pose could not be estimated: in only {len(road.pairs)} of {every} pairs of "
        "pictures could the road be followed. Film a dry, even road by daylight with a clean lens "
        "and no bonnet in view, at 15 mph or more for a minute; or measure the camera and give its "
        "rig file."
    )


def _words_of_clock(motion: ClockEstimate | None, hours: int, *, known: bool) -> str:
    if motion is None:
        return (
            "Height and clock could not be estimated: the track and the footage have too little "
            "time in common, or the road could not be followed."
        )
    if motion.at_edge:
        return (
            f"The clock is off by {motion.within_s:.1f} s or more, or this track belongs to other "
            "footage; give the offset in the rig file, or the track of this drive."
        )
    if not known:
        return (
            "The clock could not be checked: the vehicle kept its speed and direction, so the "
            f"footage fits the track within ±{2 * motion.offset.sigma:.1f} s alike. A stop or a "
            "junction in the footage would tell."
        )
    if hours:
        way = "behind" if hours > 0 else "ahead of"
        return (
            f"The camera's clock is {abs(hours)} h {way} the track's: only so does the motion in "
            "the picture fit the track."
        )
    return ""


def lens_of(
    road: FollowedRoad,
    rig: CameraRig,
    clock: ClockOffset,
    *,
    given: CameraRig,
    settings: CalibrateSettings,
) -> CameraRig | None:
    """Return the rig with the lens that the followed road tells; None if it tells nothing new.

    Turns tell the focal length where it was only assumed, and the near road to the sides tells
    how the lens bends. The road must then be followed anew, through that lens.

    Args:
        road: What was followed, through the rig's lens.
        rig: What is known by now; of the distortion, what is left over is found.
        clock: Likewise.
        given: What was known beforehand: a distortion that was given is not looked for, and a
            focal length is found once, since the same turns would tell the same again.
        settings: What is taken for known.
    """
    found: dict[str, Any] = {}
    apart = [pair.fitted for pair in road.pairs[:: settings.lens_every]]
    bend = None if given.distortion else fit_distortion(apart, road.camera)
    if bend is not None and _is_worth_straightening(bend, rig, settings):
        found["distortion"] = rig.distortion + bend.value
    motion, _ = _motion(road, rig, clock, settings)
    known = rig.focal_sigma_px / rig.focal_px
    if motion is not None and not motion.at_edge and rig.focal_px == given.focal_px:
        share = motion.focal_share
        if share.sigma / share.value < settings.lens_better * known:
            found["focal_px"] = rig.focal_px * share.value
            found["focal_sigma_px"] = rig.focal_px * share.sigma
            # Distortion is counted in focal lengths.
            found["distortion"] = found.get("distortion", rig.distortion) * share.value**2
    if not found:
        return None
    if "distortion" in found:
        found["distortion"] = float(np.clip(found["distortion"], -_STRONGEST, _STRONGEST))
    names = {"distortion": "distortion of the lens", "focal_px": "focal length"}
    what = [words for name, words in names.items() if found.get(name)]
    return replace(rig, how=_estimated(what, rig.how), **found)


def _is_worth_straightening(bend: Estimate, rig: CameraRig, settings: CalibrateSettings) -> bool:
    """Return whether the lens bends beyond doubt; of one that does, less is worth mending."""
    if rig.distortion:
        return abs(bend.value) > settings.bends_from / 2
    return abs(bend.value) > max(settings.moved_sigmas * bend.sigma, settings.bends_from)


def _motion(
    road: FollowedRoad, rig: CameraRig, clock: ClockOffset, settings: CalibrateSettings
) -> tuple[ClockEstimate | None, int]:
    """Return height and clock, and by how many whole hours the clock is off: summer time."""
    share = rig.focal_sigma_px / rig.focal_px
    here = _shifted(road, 0, share, settings)
    # A clock that was given is not doubted by hours; and without a fit here there is nothing to
    # be better than.
    if here is None or clock.sigma_s <= settings.clock_known_s:
        return here, 0
    best, hours = here, 0
    for other in (1, -1):
        one = _shifted(road, other, share, settings)
        clear = one is not None and one.is_known(settings.clock_known_s)
        # An hour is a grave word: it must fit by far better than the clock as it is.
        if one is not None and clear and one.unexplained < _MUCH_LESS * best.unexplained:
            best, hours = one, other
    offset = replace(best.offset, value=best.offset.value + hours * _HOUR_S)
    return replace(best, offset=offset), hours


def _shifted(
    road: FollowedRoad, hours: int, focal_share: float, settings: CalibrateSettings
) -> ClockEstimate | None:
    fixes = road.fixes - np.array([hours * _HOUR_S, 0, 0])
    return pool_clock(road.pairs, fixes, within_s=settings.clock_within_s, focal_share=focal_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """One figure: what the pairs leave open, and what the focal length adds to it."""

    value: float
    own_sigma: float
    sigma: float


def _estimates(
    pose: PoseEstimate | None, motion: ClockEstimate | None, rig: CameraRig
) -> dict[str, _Found]:
    """Return the estimates by the names that a rig has for them.

    Were the focal length another, the same pictures would give other angles (the tangent of an
    angle is pixels by focal length) and, inversely, another height.
    """
    if pose is None:
        return {}
    focal = rig.focal_sigma_px / rig.focal_px

    def one(estimate: Estimate, by_focal: float) -> _Found:
        sigma = float(np.hypot(estimate.sigma, by_focal))
        return _Found(value=estimate.value, own_sigma=estimate.sigma, sigma=sigma)

    def by_angle(estimate: Estimate) -> float:
        return float(np.degrees(abs(np.sin(2 * np.radians(estimate.value))) / 2 * focal))

    found = {
        "pitch_deg": one(pose.pitch, by_angle(pose.pitch)),
        "yaw_deg": one(pose.yaw, by_angle(pose.yaw)),
        "roll_deg": one(pose.roll, 0.0),
    }
    if motion is not None:
        found["mount_height_m"] = one(motion.height, motion.height.value * focal)
    return found


def _moved_words(name: str, given: float, seen: float) -> str:
    part, unit = name.rsplit("_", 1)
    return (
        f"{part.replace('_', ' ')}: {given:.2f} {unit} was given, {seen:.2f} {unit} is seen; the "
        "camera was moved, or this is another vehicle's: look at its mount, and calibrate it anew"
    )


def _joined(rig: CameraRig, found: dict[str, _Found], dive: Estimate | None) -> CameraRig:
    """Return the rig with estimates in place of what was only assumed.

    What the focal length adds does not count here: angles and height that were estimated with
    the same one, right or wrong, place things right along the road.
    """
    better = {
        name: one
        for name, one in found.items()
        if one.own_sigma < getattr(rig, _sigma_of(name)) and not _is_measured(rig, name)
    }
    dives = dive is not None and not rig.dive_deg_s2_m and dive.value > _SURELY * dive.sigma
    if not better and not dives:
        return rig
    values = asdict(rig)
    if dive is not None and dives:
        values["dive_deg_s2_m"] = min(dive.value, _DEEPEST_DEG_S2_M)
    for name, one in better.items():
        values |= {name: one.value, _sigma_of(name): one.sigma}
    names = [name.rsplit("_", 1)[0].replace("_", " ") for name in better]
    values["how"] = _estimated([*names, "dip by braking"] if dives else names, rig.how)
    return CameraRig(**values)


def _estimated(what: Sequence[str], how: str) -> str:
    """Return where a rig's figures come from, when some more were estimated."""
    before, _, else_how = how.removeprefix(_SEEN).partition("; else ")
    known = before.split(", ") if how.startswith(_SEEN) else []
    names = ", ".join(dict.fromkeys([*what, *known]))
    return f"{_SEEN}{names}; else {else_how if known else how}"


def _is_measured(rig: CameraRig, name: str) -> bool:
    unit = name.rsplit("_", 1)[1]
    return bool(getattr(rig, _sigma_of(name)) <= _MEASURED[unit])


def _sigma_of(name: str) -> str:
    """Return what a rig calls the sigma of one of its figures: pitch_deg, pitch_sigma_deg."""
    part, unit = name.rsplit("_", 1)
    return f"{part}_sigma_{unit}"


def grid_on_road(pixels: Pixels, rig: CameraRig) -> Pixels:
    """Return a copy with the horizon, and a grid of one metre by two, drawn on the road.

    By it a person sees at once whether a rig fits: the lines along lie along the lane, the
    horizon lies on the horizon.

    Args:
        pixels: H×W×3, a frame of the rig's camera.
        rig: The camera.
    """
    drawn = pixels.copy()
    thick = max(1, rig.width_px // 640)
    along = np.linspace(*_GRID_AHEAD_M, 60)
    for right_m in range(-_GRID_SIDE_M, _GRID_SIDE_M + 1):
        _line(drawn, np.column_stack((np.full_like(along, right_m), along)), rig, thick)
    across = np.linspace(-_GRID_SIDE_M, _GRID_SIDE_M, 40)
    for ahead_m in _GRID_LINES_M:
        _line(drawn, np.column_stack((across, np.full_like(across, ahead_m))), rig, thick)
        at = image_points(np.array([[float(_GRID_SIDE_M), float(ahead_m)]]), rig)[0]
        place = (int(at[0]) + 4 * thick, int(at[1]))
        if 0 <= place[0] < rig.width_px and 0 <= place[1] < rig.height_px:
            words, font = f"{ahead_m} m", cv2.FONT_HERSHEY_SIMPLEX
            for colour, wide in ((_DARK, 3 * thick), (_LIGHT, thick)):
                cv2.putText(drawn, words, place, font, 0.4 * thick, colour, wide, cv2.LINE_AA)
    far = image_points(np.array([[-_HORIZON_M / 2, _HORIZON_M], [_HORIZON_M / 2, _HORIZON_M]]), rig)
    ends = [(int(x), int(y)) for x, y in far]
    cv2.line(drawn, ends[0], ends[1], _HORIZON_COLOUR, thick, cv2.LINE_AA)
    return drawn


def _line(drawn: Pixels, ground: Array, rig: CameraRig, thick: int) -> None:
    seen = image_points(ground, rig)
    inside = np.isfinite(seen).all(axis=1) & (np.abs(seen) < _FAR_OFF_PX).all(axis=1)
    points = np.round(seen[inside]).astype(np.int32)
    for colour, wide in ((_DARK, 3 * thick), (_LIGHT, thick)):
        cv2.polylines(drawn, [points], isClosed=False, color=colour, thickness=wide)
