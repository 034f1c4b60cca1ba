"""Rig files: how a camera sits on its vehicle, as TOML. Pure, but for `read_rig`."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from pipeline.domain.camera import CameraRig
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Clip
from pipeline.domain.track import ClockOffset
from pipeline.geometry.ground import focal_px_from_hfov

# What is assumed where nothing is known: a dashcam behind the windscreen of a van. The sigmas
# are wide on purpose; every position and size carries them.
_DEFAULT_HFOV_DEG, _DEFAULT_HFOV_SIGMA_DEG = 65.0, 12.0
_DEFAULT_HEIGHT_M, _DEFAULT_HEIGHT_SIGMA_M = 1.5, 0.4
_DEFAULT_PITCH_DEG, _DEFAULT_PITCH_SIGMA_DEG = 5.0, 5.0
_DEFAULT_YAW_SIGMA_DEG, _DEFAULT_ROLL_SIGMA_DEG = 4.0, 3.0

# Sigmas of figures that a person has measured and given without one.
_GIVEN_HFOV_SIGMA_SHARE = 0.01
_GIVEN_SIGMA = {"mount_height_m": 0.03, "pitch_deg": 0.2, "yaw_deg": 0.3, "roll_deg": 0.3}

_KEYS = {
    "width_px", "height_px", "hfov_deg", "focal_px", "focal_sigma_px",
    "mount_height_m", "mount_height_sigma_m", "pitch_deg", "pitch_sigma_deg",
    "yaw_deg", "yaw_sigma_deg", "roll_deg", "roll_sigma_deg", "distortion", "dive_deg_s2_m",
    "clock_offset_s", "clock_offset_sigma_s",
}  # fmt: skip
# Nothing where they are not given, and without a sigma of their own.
_SMALL = ("distortion", "dive_deg_s2_m")


@dataclass(frozen=True, slots=True, kw_only=True)
class RigFile:
    """A rig and, where the file gives it, the camera's clock offset."""

    rig: CameraRig
    clock: ClockOffset | None


def read_rig(path: Path) -> RigFile:
    """Read a rig file.

    Raises:
        InputError: It is missing, no TOML, has unknown or wrong keys, or cannot be.
    """
    try:
        return parse_rig(path.read_text("utf-8"), name=path.name)
    except OSError as error:
        raise InputError(f"{path.name}: the rig file cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: the rig file is not text") from error


def parse_rig(text: str, *, name: str) -> RigFile:
    """Return the rig of a TOML text; see the guide `docs/rig-files.md`.

    Raises:
        InputError: It is no TOML, has unknown or wrong keys, or cannot be.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: the rig file is not valid TOML: {error}") from error
    unknown = sorted(set(values) - _KEYS)
    if unknown:
        raise InputError(
            f"{name}: unknown {'key' if len(unknown) == 1 else 'keys'} {', '.join(unknown)}; "
            f"known are {', '.join(sorted(_KEYS))}"
        )
    numbers = {key: _number(name, key, value) for key, value in values.items()}
    lacking = [key for key in ("width_px", "height_px") if key not in numbers]
    if lacking:
        raise InputError(f"{name}: the rig file lacks {' and '.join(lacking)}")
    if ("hfov_deg" in numbers) == ("focal_px" in numbers):
        raise InputError(f"{name}: give either hfov_deg or focal_px")
    try:
        return RigFile(rig=_rig(numbers), clock=_clock(numbers))
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def rig_text(rig: CameraRig) -> str:
    """Return a rig as TOML that `parse_rig` reads; the clock is left out, since clocks wander."""
    places = {"focal": 1, "mount_height": 3, "pitch": 3, "yaw": 3, "roll": 3}
    values: dict[str, float] = {"width_px": rig.width_px, "height_px": rig.height_px}
    for part, digits in places.items():
        unit = {"focal": "px", "mount_height": "m"}.get(part, "deg")
        for key in (f"{part}_{unit}", f"{part}_sigma_{unit}"):
            values[key] = round(getattr(rig, key), digits)
    values |= {key: round(getattr(rig, key), 3) for key in _SMALL if getattr(rig, key)}
    return f"# {rig.how}\n{tomli_w.dumps(values)}"


def default_rig(clip: Clip) -> CameraRig:
    """Return what is assumed of a camera of which nothing is known."""
    return _rig({"width_px": clip.width_px, "height_px": clip.height_px})


def rig_for(rig: CameraRig | None, clip: Clip) -> CameraRig:
    """Return the rig for a clip: the given one if it fits, or the stated default.

    Raises:
        InputError: The given rig is for pictures of another size.
    """
    if rig is None:
        return default_rig(clip)
    if (rig.width_px, rig.height_px) != (clip.width_px, clip.height_px):
        raise InputError(
            f"the rig file is for pictures of {rig.width_px}×{rig.height_px}, but the footage is "
            f"{clip.width_px}×{clip.height_px}; use the rig file of that camera setting"
        )
    return rig


def _number(name: str, key: str, value: Any) -> float:  # noqa: ANN401 - TOML gives anything
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name}: {key} must be a number, not {value!r}")
    return float(value)


def _rig(given: dict[str, float]) -> CameraRig:
    width = int(given["width_px"])
    focal_px, focal_sigma_px, lens = _lens(width, given)
    parts = {
        "mount_height": ("m", _DEFAULT_HEIGHT_M, _DEFAULT_HEIGHT_SIGMA_M),
        "pitch": ("deg", _DEFAULT_PITCH_DEG, _DEFAULT_PITCH_SIGMA_DEG),
        "yaw": ("deg", 0.0, _DEFAULT_YAW_SIGMA_DEG),
        "roll": ("deg", 0.0, _DEFAULT_ROLL_SIGMA_DEG),
    }
    values: dict[str, float] = {}
    assumed = [] if lens else ["focal length"]
    for part, (unit, default, sigma) in parts.items():
        key, sigma_key = f"{part}_{unit}", f"{part}_sigma_{unit}"
        values[key] = given.get(key, default)
        values[sigma_key] = given.get(sigma_key, _GIVEN_SIGMA[key] if key in given else sigma)
        if key not in given:
            assumed.append(part.replace("_", " "))
    how = f"assumed: {', '.join(assumed)}" if assumed else "as given in the rig file"
    return CameraRig(
        width_px=width,
        height_px=int(given["height_px"]),
        focal_px=focal_px,
        focal_sigma_px=focal_sigma_px,
        how=how,
        **values,
        **{key: given[key] for key in _SMALL if key in given},
    )


def _lens(width: int, given: dict[str, float]) -> tuple[float, float, bool]:
    """Return focal length, its sigma, and whether it was given."""
    if "focal_px" in given:
        focal = given["focal_px"]
        return focal, given.get("focal_sigma_px", focal * _GIVEN_HFOV_SIGMA_SHARE), True
    if "hfov_deg" in given:
        if not 10 <= given["hfov_deg"] <= 150:  # noqa: PLR2004 - what a pinhole can be
            raise ValueError(f"hfov_deg {given['hfov_deg']:g} is not within 10…150")
        focal = focal_px_from_hfov(width, given["hfov_deg"])
        return focal, given.get("focal_sigma_px", focal * _GIVEN_HFOV_SIGMA_SHARE), True
    focal = focal_px_from_hfov(width, _DEFAULT_HFOV_DEG)
    wider = focal_px_from_hfov(width, _DEFAULT_HFOV_DEG + _DEFAULT_HFOV_SIGMA_DEG)
    return focal, focal - wider, False


def _clock(given: dict[str, float]) -> ClockOffset | None:
    if "clock_offset_s" not in given and "clock_offset_sigma_s" not in given:
        return None
    return ClockOffset(
        offset_s=given.get("clock_offset_s", 0.0),
        sigma_s=given.get("clock_offset_sigma_s", 0.5),
        how="as given in the rig file",
    )
