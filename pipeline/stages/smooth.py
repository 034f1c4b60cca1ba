"""Smooth: from what a receiver said to where the vehicle most likely was. Pure."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from pipeline.domain.places import GridRef
from pipeline.domain.track import Fix, Track
from pipeline.geometry.smoothing import Array, Motion, MotionModel, fill_in, smooth_motion

_STEP_S = 4.0
_LEAST_RATIO = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothSettings:
    """How a track is smoothed.

    Attributes:
        model: How vehicles move and receivers err.
        bridge_s: A gap of up to this, such as a bridge or a short tunnel, is filled with the
            likeliest path, and with how far the vehicle may have been from it.
        within_m: Between two instants of the smoothed track a straight line is off by about this
            at most.
    """

    model: MotionModel = field(default_factory=MotionModel)
    bridge_s: float = 10.0
    within_m: float = 0.05


def smooth_track(track: Track, *, settings: SmoothSettings) -> Track:
    """Return the likeliest track: at the instants of the fixes, and between them where it bends.

    Its velocities are stated only where the receiver stated any: a velocity from places alone
    says no more than they do.
    """
    t = np.array([(fix.taken_at - track.started_at).total_seconds() for fix in track.fixes])
    at = np.array([(fix.at.easting_m, fix.at.northing_m) for fix in track.fixes])
    said = np.array([fix.velocity_mps or (np.nan, np.nan) for fix in track.fixes], np.float64)
    if not _is_believed(t, at, said):
        said = np.full_like(said, np.nan)
    sigma_m = np.array([fix.sigma_m for fix in track.fixes])
    motion = smooth_motion(t, at, sigma_m, said, settings.model)
    filled = fill_in(
        motion, within_m=settings.within_m, longest_s=settings.bridge_s, model=settings.model
    )
    with_velocity = bool(np.isfinite(said).all(axis=1).mean() > 1 / 2)
    return Track(fixes=_fixes(track, filled, with_velocity=with_velocity))


def _is_believed(t: Array, at: Array, said: Array) -> bool:
    """Return whether what a receiver says of its velocity is what its places say.

    Some files hold speeds in other units, or a course that is none. The velocity, summed up over
    steps of some seconds, must be what the places moved by, in length and direction.
    """
    steps = np.flatnonzero(np.diff(np.floor(t / _STEP_S), prepend=-1.0))
    if len(steps) < 2:  # noqa: PLR2004
        return False
    moved = np.diff(at[steps], axis=0)
    each = (said[:-1] + said[1:]) / 2 * np.diff(t)[:, None]
    told = np.add.reduceat(each[: steps[-1]], steps[:-1])
    usable = ~np.isnan(told).any(axis=1) & (np.diff(t[steps]) < 2 * _STEP_S)
    total = float((moved[usable] ** 2).sum())
    if total == 0:
        return False
    ratio = float((moved[usable] * told[usable]).sum()) / total
    return _LEAST_RATIO <= ratio <= 1 / _LEAST_RATIO


def _fixes(track: Track, motion: Motion, *, with_velocity: bool) -> tuple[Fix, ...]:
    return tuple(
        Fix(
            taken_at=track.started_at + timedelta(seconds=seconds),
            at=GridRef(easting_m=east, northing_m=north),
            sigma_m=sigma,
            velocity_mps=(pace_east, pace_north) if with_velocity else None,
            velocity_sigma_mps=doubt if with_velocity else None,
        )
        for seconds, (east, north), sigma, (pace_east, pace_north), doubt in zip(
            motion.t.tolist(),
            motion.at.tolist(),
            motion.sigma_m.tolist(),
            motion.velocity.tolist(),
            motion.velocity_sigma.tolist(),
            strict=True,
        )
    )
