"""The track benchmark: what smoothing makes of receivers that err, and whether its sigma is true.

Vehicles drive freely: they speed up and slow down, turn at junctions, stop. Receivers err slowly
and at every fix; some measure their own speed, some are thrown off for seconds between houses,
some lose the sky under a bridge. Compared are the fixes joined by straight lines, as they came,
and the smoothed track, on the same drives.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.places import R95_PER_AXIS, GridRef
from pipeline.domain.track import Fix, Track
from pipeline.simulator.drive import STARTED_AT
from pipeline.stages.place import Placer, PlaceSettings, TrackGapError
from pipeline.stages.smooth import SmoothSettings, smooth_track

Array = NDArray[np.float64]

_STEP_S = 0.02
_ORIGIN = 430_000.0, 280_000.0
_LONGEST_STEP_S = 0.37


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """How a receiver errs.

    Attributes:
        rate_hz: Fixes a second.
        sigma_m: What it states: 95 % of fixes lie within twice this of the truth.
        error_time_s: How long its slow error lasts.
        new_share: Share of the error's variance that is new at every fix.
        speed_sigma_mps: Of its own velocity; None where it states none.
        thrown_m: Between houses it is thrown off by about so much, once a minute for some seconds.
        tunnel_s: In the middle of the drive it has no fix for so long.
    """

    rate_hz: float = 1.0
    sigma_m: float = 2.0
    error_time_s: float = 60.0
    new_share: float = 0.1
    speed_sigma_mps: float | None = None
    thrown_m: float = 0.0
    tunnel_s: float = 0.0


RECEIVERS: dict[str, Receiver] = {
    "1 Hz, places alone": Receiver(),
    "1 Hz, states its speed": Receiver(speed_sigma_mps=0.2),
    "10 Hz, places alone": Receiver(rate_hz=10.0),
    "10 Hz, states its speed": Receiver(rate_hz=10.0, speed_sigma_mps=0.2),
    "1 Hz, restless (a phone)": Receiver(new_share=0.5, sigma_m=4.0),
    "1 Hz, error lasts 20 s": Receiver(error_time_s=20.0),
    "1 Hz, thrown off 15 m": Receiver(thrown_m=15.0),
    "1 Hz, thrown off, states its speed": Receiver(thrown_m=15.0, speed_sigma_mps=0.2),
    "1 Hz, 8 s under a bridge": Receiver(tunnel_s=8.0),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FreeDrive:
    """A vehicle's true motion, every 20 ms.

    Attributes:
        t: Seconds.
        at: N×2: east, north, m.
        heading_rad: N: clockwise from north.
        speed_mps: N.
    """

    t: Array
    at: Array
    heading_rad: Array
    speed_mps: Array

    def place(self, t: Array) -> Array:
        """Return N×2: where it was."""
        return np.column_stack([np.interp(t, self.t, self.at[:, i]) for i in (0, 1)])


def free_drive(seconds: float, chance: np.random.Generator) -> FreeDrive:
    """Drive: 4 to 14 m/s, a turn at about every half minute, and a stop of some seconds."""
    t = np.arange(0.0, seconds, _STEP_S)
    knots = np.arange(0.0, seconds + 20, 20.0)
    speed = np.interp(t, knots, chance.uniform(4, 14, len(knots)))
    stop = chance.uniform(0.2, 0.8) * seconds
    speed = speed * np.clip(np.abs(t - stop) / 6 - chance.uniform(0.3, 1.2), 0, 1)
    turning = np.zeros_like(t)
    for middle in chance.uniform(10, seconds - 10, int(seconds / 30)):
        lasting = chance.uniform(3, 8)
        angle = chance.choice([-1.0, 1.0]) * math.radians(chance.uniform(30, 100))
        turning += angle / lasting * (np.abs(t - middle) < lasting / 2)
    # A vehicle that stands does not turn.
    heading = np.cumsum(np.where(speed > 1, turning, 0.0)) * _STEP_S + chance.uniform(0, 6)
    steps = np.column_stack((speed * np.sin(heading), speed * np.cos(heading))) * _STEP_S
    return FreeDrive(t=t, at=np.cumsum(steps, axis=0), heading_rad=heading, speed_mps=speed)


def received(drive: FreeDrive, receiver: Receiver, chance: np.random.Generator) -> Track:
    """Return what a receiver made of a drive."""
    t = np.arange(0.0, drive.t[-1], 1 / receiver.rate_hz)
    axis = 2 * receiver.sigma_m / R95_PER_AXIS
    slow = axis * math.sqrt(1 - receiver.new_share)
    keep = math.exp(-1 / receiver.rate_hz / receiver.error_time_s)
    errors = np.empty((len(t), 2))
    errors[0] = chance.normal(0, slow, 2)
    for i in range(1, len(t)):
        errors[i] = keep * errors[i - 1] + chance.normal(0, slow * math.sqrt(1 - keep**2), 2)
    errors += chance.normal(0, axis * math.sqrt(receiver.new_share), errors.shape)
    if receiver.thrown_m:
        for middle in np.arange(30.0, t[-1], 60.0) + chance.uniform(-15, 15):
            away = chance.normal(0, receiver.thrown_m / math.sqrt(2), 2)
            errors[np.abs(t - middle) < chance.uniform(0.6, 4)] += away
    at = drive.place(t) + errors + _ORIGIN
    velocity = np.column_stack(
        [
            np.interp(t, drive.t, drive.speed_mps * part(drive.heading_rad))
            for part in (np.sin, np.cos)
        ]
    )
    velocity += chance.normal(0, receiver.speed_sigma_mps or 0.0, velocity.shape)
    seen = np.abs(t - t[-1] / 2) >= receiver.tunnel_s / 2
    return Track(
        fixes=tuple(
            Fix(
                taken_at=_instant(float(t[i])),
                at=GridRef(easting_m=float(at[i, 0]), northing_m=float(at[i, 1])),
                sigma_m=receiver.sigma_m,
                velocity_mps=None
                if receiver.speed_sigma_mps is None
                else (float(velocity[i, 0]), float(velocity[i, 1])),
            )
            for i in np.flatnonzero(seen)
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Row:
    """One drive, judged twice, and the instant that is drawn of it: the others are no new trial."""

    raw: Array
    smooth: Array
    drawn: int


def run_track_bench(
    *, drives: int, seconds: float = 180.0, seed: int = 0, on_drive: Callable[[], None]
) -> dict[str, dict[str, float]]:
    """Return, by receiver, the figures of the fixes as they came and of the smoothed track.

    Args:
        drives: So many for each receiver.
        seconds: Each lasts.
        seed: Of the first drive.
        on_drive: Called for each drive.
    """
    table: dict[str, dict[str, float]] = {}
    for name, receiver in RECEIVERS.items():
        rows: list[_Row] = []
        for number in range(drives):
            chance = np.random.default_rng([seed + number, 41])
            drive = free_drive(seconds, chance)
            track = received(drive, receiver, chance)
            smooth = smooth_track(track, settings=SmoothSettings())
            t = np.arange(4.0, seconds - 4, _LONGEST_STEP_S)
            rows.append(
                _Row(
                    raw=_judged(track, drive, t),
                    smooth=_judged(smooth, drive, t),
                    drawn=int(chance.integers(len(t))),
                )
            )
            on_drive()
        table |= {name: _figures(rows)}
    return table


def _judged(track: Track, drive: FreeDrive, t: Array) -> Array:
    """Return N×5: error, stated sigma, error of the heading, its sigma, speed; NaN in gaps."""
    placer = Placer(track, PlaceSettings())
    truth = drive.place(t) + _ORIGIN
    headings = np.interp(t, drive.t, drive.heading_rad)
    speeds = np.interp(t, drive.t, drive.speed_mps)
    rows = np.full((len(t), 5), np.nan)
    for i, seconds in enumerate(t.tolist()):
        rows[i, 4] = speeds[i]
        try:
            pose = placer.pose_at(_instant(seconds))
        except TrackGapError:
            continue
        rows[i, 0] = math.dist((pose.at.easting_m, pose.at.northing_m), truth[i])
        rows[i, 1] = pose.error.sigma_m
        turned = pose.heading_deg - math.degrees(headings[i])
        rows[i, 2] = abs((turned + 180) % 360 - 180)
        rows[i, 3] = pose.heading_sigma_deg
    return rows


def _figures(rows: list[_Row]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for word, judged in (
        ("as it came", [row.raw for row in rows]),
        ("smoothed", [row.smooth for row in rows]),
    ):
        every = np.concatenate(judged)
        placed = ~np.isnan(every[:, 0])
        moving = placed & (every[:, 4] > 2)
        drawn = np.array([one[row.drawn] for one, row in zip(judged, rows, strict=True)])
        drawn = drawn[~np.isnan(drawn[:, 0])]
        figures |= {
            f"{word}: placed": float(placed.mean()),
            f"{word}: error median, m": float(np.median(every[placed, 0])),
            f"{word}: error 95 %, m": float(np.percentile(every[placed, 0], 95)),
            f"{word}: truth within 2 sigma": float((drawn[:, 0] <= 2 * drawn[:, 1]).mean()),
            f"{word}: heading error median, °": float(np.median(every[moving, 2])),
            f"{word}: heading error 95 %, °": float(np.percentile(every[moving, 2], 95)),
            f"{word}: heading within 2 sigma": float(
                (every[moving, 2] <= 2 * every[moving, 3]).mean()
            ),
        }
    return figures


def _instant(seconds: float) -> datetime:
    return STARTED_AT + timedelta(seconds=seconds)
