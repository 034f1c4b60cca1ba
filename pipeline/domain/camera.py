"""How the camera sits on the vehicle, and what its footage says of it. Pure."""

from dataclasses import dataclass, fields

from pipeline.domain.checks import require, require_finite, require_positive
from pipeline.domain.track import ClockOffset

_UPRIGHT_DEG = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRig:
    """A pinhole camera over a flat road; each figure has its sigma (95 % within 2 sigma).

    The principal point is the picture's centre. Signs (DESIGN §4): pitch + = nose down,
    yaw + = to the right, roll + = right side down.

    Attributes:
        how: Where the figures come from, in words for the report.
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
