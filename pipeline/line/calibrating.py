"""Calibrate a drive: read pairs of pictures, follow the road in them, and say what they tell."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import FoundCamera
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, WantedFrame
from pipeline.domain.ports import Footage, Ledger
from pipeline.geometry.distortion import straightening_maps
from pipeline.geometry.egomotion import Pinhole
from pipeline.line.prepare import PlacedClip, PreparedDrive
from pipeline.stages.calibrate import (
    CalibrateSettings,
    Calibration,
    FollowedRoad,
    calibrated,
    lens_of,
)
from pipeline.stages.follow import FollowSettings, PicturePair, RoadFollower

# The next picture is asked for so much later: one of these is another one from 10 a second on.
_SOON_S = (0.042, 0.11)
# Pictures farther apart than this are no pair.
_APART_S = 0.6
_A_LITTLE = 1e-3
_TURN_S = 0.5
# Through a lens that bends much points are followed badly; after so many corrections it is known.
_LENSES = 2


def calibrate_drive(
    prepared: PreparedDrive,
    footage: Footage,
    settings: CalibrateSettings,
    *,
    on_second: Callable[[float], None] = lambda _: None,
) -> Calibration:
    """Return how the camera sits and what its clock says, from the footage and the track.

    Args:
        prepared: The drive, with what was known beforehand.
        footage: What opens clips.
        settings: How pictures are compared, and how many.
        on_second: Told how many seconds of footage were compared.

    Raises:
        InputError: A clip cannot be opened.
    """
    clock = prepared.clips[0].clock
    road = _followed(prepared, footage, settings, on_second)
    given = prepared.rig
    for _ in range(_LENSES):
        lens = lens_of(road, prepared.rig, clock, given=given, settings=settings)
        if lens is None:
            break
        prepared = replace(prepared, rig=lens)
        road = _followed(prepared, footage, settings, on_second)
    return calibrated(road, prepared.rig, clock, settings=settings)


def _followed(
    prepared: PreparedDrive,
    footage: Footage,
    settings: CalibrateSettings,
    on_second: Callable[[float], None],
) -> FollowedRoad:
    """Return the road as it is followed through the rig's lens."""
    following = FollowSettings(height_m=prepared.rig.mount_height_m)
    camera = Pinhole.of(prepared.rig, width_px=following.width_px)
    straighten = _straightener(camera, prepared.rig.distortion)
    follower = RoadFollower(camera=camera, settings=following)
    zero = prepared.clips[0].begins_at
    seconds = 0.0
    for placed, begin_s, end_s in spans_to_compare(prepared, settings):
        late_s = (placed.begins_at - zero).total_seconds()
        for before, after in _pairs(placed, begin_s, end_s, footage, settings):
            began_s, ended_s = (placed.clip.seconds_at(frame.ref.pts) for frame in (before, after))
            at_s = (began_s + ended_s) / 2
            speed_mps, turn_a_s = _motion_at(prepared, placed, at_s)
            follower.take(
                PicturePair(
                    before=straighten(_grey(before, camera)),
                    after=straighten(_grey(after, camera)),
                    at_s=late_s + at_s,
                    lasting_s=ended_s - began_s,
                    speed_mps=speed_mps,
                    turn_a_s=turn_a_s,
                )
            )
            on_second(seconds + at_s - begin_s)
        seconds += end_s - begin_s
    return FollowedRoad(
        pairs=tuple(follower.pairs),
        refused=follower.refused,
        camera=camera,
        fixes=prepared.placer.fixes_since(zero),
    )


def is_worth_calibrating(prepared: PreparedDrive, settings: CalibrateSettings) -> bool:
    """Return whether the footage could tell more of camera or clock than is known."""
    rig, clock = prepared.rig, prepared.clips[0].clock
    return (
        rig.pitch_sigma_deg > settings.pitch_known_deg
        or rig.mount_height_sigma_m > settings.height_known_share * rig.mount_height_m
        or clock.sigma_s > settings.clock_known_s
    )


def calibrate_once(
    prepared: PreparedDrive,
    footage: Footage,
    ledger: Ledger,
    settings: CalibrateSettings,
    *,
    on_second: Callable[[float], None] = lambda _: None,
) -> tuple[PreparedDrive, FoundCamera | None]:
    """Return a drive with what is stored of its camera; what is not known yet is found first.

    All pieces of a drive are surveyed with the same camera and clock, whoever works on them and
    however often: what was stored first stays.

    Returns:
        The drive, and what was found; None where all was known beforehand.

    Raises:
        InputError: A clip cannot be opened.
        OutageError: The database does not answer.
    """
    stored = ledger.load_camera(prepared.drive)
    if stored is None and is_worth_calibrating(prepared, settings):
        found = calibrate_drive(prepared, footage, settings, on_second=on_second).found
        if found.rig == prepared.rig and found.clock is None:
            return prepared, found  # nothing was found: the next run may try again
        ledger.save_camera(prepared.drive, found)
        stored = ledger.load_camera(prepared.drive)
    return (prepared, None) if stored is None else (with_camera(prepared, stored), stored)


def with_stored_camera(prepared: PreparedDrive, ledger: Ledger) -> PreparedDrive:
    """Return a drive with what is stored of its camera, if anything is.

    Raises:
        OutageError: The database does not answer.
    """
    stored = ledger.load_camera(prepared.drive)
    return prepared if stored is None else with_camera(prepared, stored)


def with_camera(prepared: PreparedDrive, found: FoundCamera) -> PreparedDrive:
    """Return the drive with what was found; a clock that could not be told stays as it was."""
    clips = prepared.clips
    if found.clock is not None:
        clock, zero = found.clock, clips[0].started_at
        clips = tuple(
            replace(placed, clock=clock.later((placed.started_at - zero).total_seconds()))
            for placed in clips
        )
    return replace(prepared, rig=found.rig, clips=clips)


def spans_to_compare(
    prepared: PreparedDrive, settings: CalibrateSettings
) -> Iterator[tuple[PlacedClip, float, float]]:
    """Yield spans of clips, in seconds from each one's start, that tell the most.

    Where the speed and the direction change, the clock shows; so the drive is cut into spans of
    equal length, and those of the greatest change by GPS are taken, in order of time.
    """
    spans = []
    for placed in prepared.clips:
        lasting_s = placed.clip.duration_s
        count = max(1, round(lasting_s / settings.span_s))
        edges = np.linspace(0.0, lasting_s, count + 1)
        for begin_s, end_s in pairwise(edges):
            change = _change(prepared, placed, float(begin_s), float(end_s))
            spans.append((change, placed, float(begin_s), float(end_s)))
    # A clock may drift over a long drive: then each part of the drive gives a span.
    whole_s = sum(placed.clip.duration_s for placed in prepared.clips)
    parts = [spans]
    if whole_s > settings.drifts_over_s and len(spans) > settings.spans:
        cuts = np.linspace(0, len(spans), settings.spans + 1).round().astype(int)
        parts = [spans[begin:end] for begin, end in pairwise(cuts.tolist())]
    each = settings.spans // len(parts)
    taken = [one for part in parts for one in sorted(part, key=lambda span: -span[0])[:each]]
    chosen = {(id(placed), begin_s) for _, placed, begin_s, _ in taken}
    for _, placed, begin_s, end_s in spans:
        if (id(placed), begin_s) in chosen:
            yield placed, begin_s, end_s


def _change(prepared: PreparedDrive, placed: PlacedClip, begin_s: float, end_s: float) -> float:
    """Return by how many metres a second the velocity varies over a span; -1 off the track."""
    velocities = []
    for at_s in np.arange(begin_s, end_s, 1.0):
        try:
            pose = prepared.placer.pose_at(placed.instant_at(float(at_s)))
        except InputError:
            continue
        velocities.append(pose.speed_mps * np.exp(1j * np.radians(pose.heading_deg)))
    return float(np.std(velocities)) if len(velocities) > (end_s - begin_s) / 2 else -1.0


def _pairs(
    placed: PlacedClip,
    begin_s: float,
    end_s: float,
    footage: Footage,
    settings: CalibrateSettings,
) -> Iterator[tuple[Frame, Frame]]:
    clip = placed.clip
    wanted = []
    for at_s in np.arange(begin_s, end_s - _APART_S, 1 / settings.pairs_a_s):
        for seconds in (float(at_s), *(float(at_s) + soon for soon in _SOON_S)):
            pts = clip.pts_at(seconds)
            wanted.append(WantedFrame(pts=pts, latest_pts=pts))
    with footage.open(placed.location) as reader, closing(reader.frames(wanted)) as frames:
        due_s = begin_s
        for before, after in pairwise(frames):
            at_s, then_s = (clip.seconds_at(frame.ref.pts) for frame in (before, after))
            if at_s >= due_s and then_s - at_s <= _APART_S:
                yield before, after
                slot = math.floor((at_s - begin_s) * settings.pairs_a_s + _A_LITTLE)
                due_s = begin_s + (slot + 1) / settings.pairs_a_s - _A_LITTLE


def _grey(frame: Frame, camera: Pinhole) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY)
    size = camera.width_px, camera.height_px
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _straightener(
    camera: Pinhole, distortion: float
) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Return what makes a pinhole's picture of a lens's."""
    if not distortion:
        return lambda grey: grey
    maps = straightening_maps(
        camera.width_px, camera.height_px, focal_px=camera.focal_px, distortion=distortion
    )

    def straighten(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        straight = cv2.remap(grey, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(straight, np.uint8)

    return straighten


def _motion_at(prepared: PreparedDrive, placed: PlacedClip, at_s: float) -> tuple[float, float]:
    """Return speed and turn (radians a second to the right) by GPS; 0 where it is silent."""
    try:
        early, pose, late = (
            prepared.placer.pose_at(placed.instant_at(at_s + by)) for by in (-_TURN_S, 0.0, _TURN_S)
        )
    except InputError:
        return 0.0, 0.0
    turned = (late.heading_deg - early.heading_deg + 180) % 360 - 180
    return pose.speed_mps, math.radians(turned) / (2 * _TURN_S)
