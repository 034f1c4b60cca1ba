"""A vehicle that drives down the street: where it truly was, and what its GPS and clock said."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.camera import CameraRig
from pipeline.domain.places import R95_PER_AXIS, GridRef
from pipeline.domain.ports import Grid
from pipeline.domain.track import RawFix
from pipeline.geometry.ground import focal_px_from_hfov
from pipeline.simulator.optics import Lens, Pose
from pipeline.simulator.street import Street

Array = NDArray[np.float64]

_STEP_S = 0.02
# As a driver does who sees the lights from afar.
_BRAKING_MPS2 = 2.0
_MOVING_OFF_MPS2 = 1.5
_REVERSING_MPS, _THERE_M = 1.5, 0.01
# The vehicle pitches in steps, so that the renderer can keep what depends on the pitch alone.
_PITCH_STEP_DEG = 0.05
_SPRINGS_S = 0.5
STARTED_AT = datetime(2026, 2, 10, 10, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gps:
    """How the receiver errs.

    Attributes:
        sigma_m: 95 % of fixes lie within twice this of the truth (DESIGN §4).
        error_time_s: Correlation time of the error (a first-order Gauss-Markov process).
        rate_hz: Fixes a second.
    """

    sigma_m: float = 2.0
    error_time_s: float = 60.0
    rate_hz: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRules:
    """How a pass is driven.

    Attributes:
        speed_mps: Cruising speed, which wanders by a tenth.
        stop_at_m: Where the vehicle stands for `stop_s`; None for no stop.
        stop_every_m: It stands so often, as a bin lorry does; None where it does not.
        reverse_at_m: Where it goes back by `reverse_m` and on again.
        towards_start: Driven in the other direction, in the other lane.
        camera_clock_behind_s: True time minus what the camera's clock says.
        pitch_jitter_deg: Standard deviation of the vehicle's pitching.
        dive_deg_s2_m: By how much the nose dips for each m/s² of braking.
        gps: How the receiver errs.
    """

    speed_mps: float = 9.0
    stop_at_m: float | None = None
    stop_s: float = 6.0
    stop_every_m: float | None = None
    reverse_at_m: tuple[float, ...] = ()
    reverse_m: float = 15.0
    towards_start: bool = False
    camera_clock_behind_s: float = 0.0
    pitch_jitter_deg: float = 0.2
    dive_deg_s2_m: float = 0.0
    gps: Gps = Gps()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The truth at one instant."""

    pose: Pose
    street_m: float
    pitch_off_deg: float


class Pass:
    """One drive down a street: same street, rules and seed, same drive."""

    def __init__(
        self, street: Street, rules: PassRules, *, seed: int, started_at: datetime = STARTED_AT
    ) -> None:
        """Drive it."""
        self.street = street
        self.rules = rules
        self.seed = seed
        self.started_at = started_at
        rng = np.random.default_rng([seed, 17])
        drive = _drive if rules.stop_every_m is None else _drive_round
        self._t, self._driven = drive(street.length_m, rules, rng)
        knots = max(4, int(self._t[-1] / 4) + 2)
        self._sway_m = rng.normal(0, 0.12, knots)
        self._pitch_deg = rng.normal(0, rules.pitch_jitter_deg, max(4, int(self._t[-1] / 0.4) + 2))

    @property
    def duration_s(self) -> float:
        """How long it took."""
        return float(self._t[-1])

    def at(self, t_s: float) -> Moment:
        """Return the truth so many seconds after the start."""
        driven = float(np.interp(t_s, self._t, self._driven))
        back = self.rules.towards_start
        street_m = self.street.length_m - driven if back else driven
        lane_m = self.street.width_m / 4
        sway = _smooth(self._sway_m, t_s / self.duration_s)
        offset = (lane_m if back else -lane_m) + sway
        e, n, heading = self.street.to_world(street_m, offset)
        return Moment(
            pose=Pose(
                easting_m=e, northing_m=n, heading_deg=(heading + (180.0 if back else 0.0)) % 360
            ),
            street_m=street_m,
            pitch_off_deg=round(self._pitch_off_deg(t_s) / _PITCH_STEP_DEG) * _PITCH_STEP_DEG,
        )

    def is_reversing(self, t_s: float) -> bool:
        """Return whether the vehicle goes back at an instant."""
        before, after = np.interp((t_s - 0.1, t_s + 0.1), self._t, self._driven)
        return bool(after < before)

    def offset_from_path(self, s_m: float, d_m: float, moment: Moment) -> float:
        """Return how far right of a vehicle's way a place on the street lies, metres."""
        e, n, _ = self.street.to_world(s_m, d_m)
        heading = math.radians(moment.pose.heading_deg)
        east, north = e - moment.pose.easting_m, n - moment.pose.northing_m
        return east * math.cos(heading) - north * math.sin(heading)

    def _pitch_off_deg(self, t_s: float) -> float:
        """Return how far the nose dips: of itself, and by braking."""
        braking = -float(np.interp(t_s, self._t, self._accelerated))
        return _smooth(self._pitch_deg, t_s / self.duration_s) + self.rules.dive_deg_s2_m * braking

    @cached_property
    def _accelerated(self) -> Array:
        """Acceleration at each step, m/s², as springs pass it on: over half a second."""
        over = np.ones(round(_SPRINGS_S / _STEP_S))
        speeds = np.gradient(self._driven, _STEP_S)
        return np.convolve(np.gradient(speeds, _STEP_S), over / len(over), mode="same")

    def fixes(self, grid: Grid, *, true: bool = False) -> tuple[RawFix, ...]:
        """Return what the receiver reported, or (`true`) where it really was, at its rate."""
        gps = self.rules.gps
        times = np.arange(0.0, self.duration_s, 1 / gps.rate_hz)
        refs = [
            GridRef(easting_m=pose.easting_m, northing_m=pose.northing_m)
            for pose in (self.at(float(t)).pose for t in times)
        ]
        if not true:
            rng = np.random.default_rng([self.seed, 23])
            errors = _gauss_markov(times, gps, rng)
            refs = [
                ref.shifted(east_m=float(e), north_m=float(n))
                for ref, (e, n) in zip(refs, errors, strict=True)
            ]
        return tuple(
            RawFix(
                taken_at=self.started_at + timedelta(seconds=float(t)),
                place=place,
                sigma_m=0.05 if true else gps.sigma_m,
            )
            for t, place in zip(times, grid.to_lonlat(refs), strict=True)
        )


def simulated_rig(
    *,
    width_px: int = 1280,
    height_px: int = 720,
    hfov_deg: float = 70.0,
    mount_height_m: float = 1.4,
    pitch_deg: float = 6.0,
) -> CameraRig:
    """Return the rig of the simulated vehicle, as well known as a measured one."""
    focal = focal_px_from_hfov(width_px, hfov_deg)
    return CameraRig(
        width_px=width_px,
        height_px=height_px,
        focal_px=focal,
        focal_sigma_px=focal * 0.002,
        mount_height_m=mount_height_m,
        mount_height_sigma_m=0.01,
        pitch_deg=pitch_deg,
        pitch_sigma_deg=0.05,
        yaw_deg=0.0,
        yaw_sigma_deg=0.1,
        roll_deg=0.0,
        roll_sigma_deg=0.1,
        how="as simulated",
    )


def lens_at(rig: CameraRig, moment: Moment) -> Lens:
    """Return the camera as it sat at an instant, the vehicle's pitching included."""
    return replace(Lens.of(rig), pitch_deg=rig.pitch_deg + moment.pitch_off_deg)


def gpx_of(fixes: Sequence[RawFix]) -> bytes:
    """Return a GPX 1.1 track."""
    points = "\n".join(
        f'<trkpt lat="{fix.place.lat_deg:.8f}" lon="{fix.place.lon_deg:.8f}">'
        f"<time>{fix.taken_at:%Y-%m-%dT%H:%M:%S.%f}Z</time></trkpt>"
        for fix in fixes
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="roadwear simulator" '
        'xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>\n'
        f"{points}\n</trkseg></trk></gpx>\n"
    ).encode()


def _drive(length_m: float, rules: PassRules, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return times and metres driven, from end to end of the street."""
    phase = float(rng.uniform(0, 2 * math.pi))
    t, driven, standing_s, moving_off_s = [0.0], [0.0], 0.0, math.inf
    stop = math.inf if rules.stop_at_m is None else rules.stop_at_m
    while driven[-1] < length_m:
        speed = rules.speed_mps * (1 + 0.1 * math.sin(phase + t[-1] / 7))
        if driven[-1] >= stop and standing_s < rules.stop_s:
            standing_s, moving_off_s, speed = standing_s + _STEP_S, 0.0, 0.0
        elif driven[-1] < stop:
            speed = min(speed, max(math.sqrt(2 * _BRAKING_MPS2 * (stop - driven[-1])), 0.3))
        else:
            moving_off_s += _STEP_S
            speed = min(speed, _MOVING_OFF_MPS2 * moving_off_s)
        t.append(t[-1] + _STEP_S)
        driven.append(driven[-1] + speed * _STEP_S)
    return np.array(t), np.minimum(np.array(driven), length_m)


def _drive_round(
    length_m: float, rules: PassRules, _rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return times and metres driven of a round: from stop to stop, and back where it reverses."""
    every = rules.stop_every_m or length_m
    targets = [every * (i + 1) for i in range(int(length_m / every))]
    legs = []
    for target in [*targets, length_m]:
        backs = [at for at in rules.reverse_at_m if target - every < at <= target]
        legs.append(target)
        for _ in backs:
            legs += [target - rules.reverse_m, target]
    t, driven = [0.0], [0.0]
    for leg in legs:
        way, speed = math.copysign(1.0, leg - driven[-1]), 0.0
        most = rules.speed_mps if way > 0 else _REVERSING_MPS
        while (left := way * (leg - driven[-1])) > _THERE_M:
            brake = math.sqrt(2 * _BRAKING_MPS2 * left)
            speed = max(0.05, min(most, brake, speed + _MOVING_OFF_MPS2 * _STEP_S))
            t.append(t[-1] + _STEP_S)
            driven.append(driven[-1] + way * min(speed * _STEP_S, left))
        for _ in range(int(rules.stop_s / _STEP_S)):
            t.append(t[-1] + _STEP_S)
            driven.append(driven[-1])
    return np.array(t), np.clip(np.array(driven), 0.0, length_m)


def _gauss_markov(times: Array, gps: Gps, rng: np.random.Generator) -> Array:
    """Return N×2 errors whose radius 2·sigma holds 95 %, correlated over the error time."""
    axis = 2 * gps.sigma_m / R95_PER_AXIS
    keep = math.exp(-1 / gps.rate_hz / gps.error_time_s)
    errors = np.empty((len(times), 2))
    errors[0] = rng.normal(0, axis, 2)
    for i in range(1, len(times)):
        errors[i] = keep * errors[i - 1] + rng.normal(0, axis * math.sqrt(1 - keep**2), 2)
    return errors


def _smooth(knots: Array, share: float) -> float:
    """Return a value between knots, eased so that neither it nor its slope jumps."""
    at = min(max(share, 0.0), 1.0) * (len(knots) - 1)
    left = min(int(at), len(knots) - 2)
    ease = (1 - math.cos(math.pi * (at - left))) / 2
    return float(knots[left] + (knots[left + 1] - knots[left]) * ease)
