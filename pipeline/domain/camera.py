"""How the camera sits on the vehicle, and what its footage says of it. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from pipeline.domain.checks import require, require_finite, require_positive
from pipeline.domain.ids import DriveId
from pipeline.domain.track import ClockOffset

_UPRIGHT_DEG = 60.0
_STRONGEST = 0.5
_SOFTEST_DEG_S2_M = 2.0
# Nobody brakes harder with an upright bin lorry; a track that says so errs.
_HARDEST_MPS2 = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRig:
    """A camera over a flat road; each figure has its sigma (95 % within 2 sigma).

    The principal point is the picture's centre. Signs (DESIGN §4): pitch + = nose down,
    yaw + = to the right, roll + = right side down.

    Attributes:
        how: Where the figures come from, in words for the report.
        distortion: How the lens bends straight lines (`geometry.distortion`); 0 is a pinhole.
        dive_deg_s2_m: By how many degrees the nose dips for each m/s² of braking, and rises for
            each of speeding up.
    """

    width_px: int
    height_px: int
    focal_px: float
    focal_sigma_px: float
    mount_height_m: float
    mount_height_sigma_m: float
    pitch_deg: float
    pitch_sigma_deg: float
    yaw_deg: float
    yaw_sigma_deg: float
    roll_deg: float
    roll_sigma_deg: float
    how: str
    distortion: float = 0.0
    dive_deg_s2_m: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a camera that cannot be."""
        require_positive(
            width_px=self.width_px,
            height_px=self.height_px,
            focal_px=self.focal_px,
            mount_height_m=self.mount_height_m,
        )
        for field in fields(self):
            if "_sigma_" in field.name:
                value = getattr(self, field.name)
                require_finite(**{field.name: value})
                require(value >= 0, f"{field.name} cannot be negative")
        for name in ("pitch_deg", "yaw_deg", "roll_deg"):
            angle = getattr(self, name)
            require_finite(**{name: angle})
            require(abs(angle) < _UPRIGHT_DEG, f"{name} must lie within ±{_UPRIGHT_DEG:.0f}°")
        for name, most in (("distortion", _STRONGEST), ("dive_deg_s2_m", _SOFTEST_DEG_S2_M)):
            require(abs(getattr(self, name)) <= most, f"{name} must lie within ±{most:g}")

    def when_braking(self, braking_mps2: float) -> "CameraRig":
        """Return the camera as it sits while the vehicle brakes so hard (negative: speeds up)."""
        if self.dive_deg_s2_m == 0:
            return self
        hard = min(max(braking_mps2, -_HARDEST_MPS2), _HARDEST_MPS2)
        return replace(self, pitch_deg=self.pitch_deg + self.dive_deg_s2_m * hard)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCamera:
    """What footage and track say of a drive's camera.

    Attributes:
        rig: What is used from now on: estimated where the footage tells, else as it was known.
        clock: The camera's clock; None where the footage does not tell.
        pairs: In how many pairs of pictures the road was followed …
        refused: … and in how many it could not be.
        moved: Which figures differ from what was given, beyond doubt, a sentence each: the mount
            has moved, or this is another vehicle's camera.
        words: What could not be known and what to do about it, a sentence each.
    """

    rig: CameraRig
    clock: ClockOffset | None
    pairs: int
    refused: int
    moved: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenCamera:
    """How a vehicle's camera sat on one drive."""

    vehicle: str
    drive_id: DriveId
    driven_at: datetime
    rig: CameraRig


@dataclass(frozen=True, slots=True, kw_only=True)
class MountChange:
    """A camera that sits otherwise than on the drives before.

    Attributes:
        before: The last drive on which it sat as before.
        after: The first one on which it does not.
        words: Which figures changed, and by how much, a part of a sentence each.
    """

    before: DrivenCamera
    after: DrivenCamera
    words: tuple[str, ...]


_CHANGE_SIGMAS = 4.0
# By figure: its name for people, its unit, and the least change that matters on the road.
_WATCHED = {
    "pitch_deg": ("pitch", "°", 0.4),
    "yaw_deg": ("yaw", "°", 0.8),
    "roll_deg": ("roll", "°", 1.5),
    "mount_height_m": ("height", " m", 0.08),
}


def mount_changes(drives: Sequence[DrivenCamera]) -> tuple[MountChange, ...]:
    """Return where a vehicle's camera was moved between two drives.

    Each drive is compared with the mean of those since the last change, weighed by their
    certainty. A figure has changed where the two differ by more than four standard deviations and
    by enough to matter: half a degree of pitch moves a place 10 m ahead by 0.8 m.

    Args:
        drives: Of one vehicle, in order of time.
    """
    changes = []
    same: list[DrivenCamera] = []
    for drive in drives:
        words = tuple(
            f"{name} by {moved:+.2f}{unit}"
            for figure, (name, unit, least) in _WATCHED.items()
            if (moved := _moved([one.rig for one in same], drive.rig, figure, least))
        )
        if words:
            changes.append(MountChange(before=same[-1], after=drive, words=words))
            same = []
        same.append(drive)
    return tuple(changes)


def _moved(before: Sequence[CameraRig], now: CameraRig, figure: str, least: float) -> float:
    """Return by how much a figure has changed beyond doubt, else 0."""
    if not before:
        return 0.0
    stem, _, unit = figure.rpartition("_")
    sigmas = [max(getattr(rig, f"{stem}_sigma_{unit}"), 1e-3) for rig in (*before, now)]
    weights = [sigma**-2 for sigma in sigmas[:-1]]
    mean = sum(w * getattr(rig, figure) for w, rig in zip(weights, before, strict=True))
    apart = float(getattr(now, figure) - mean / sum(weights))
    doubt = math.hypot(sum(weights) ** -0.5, sigmas[-1])
    return apart if abs(apart) > max(_CHANGE_SIGMAS * doubt, least) else 0.0
