"""A drive as it was received. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.domain.camera import CameraRig
from pipeline.domain.footage import Clip, Drive
from pipeline.domain.ids import ClipSha256
from pipeline.domain.quality import ClipQuality
from pipeline.domain.track import ClockOffset, RawFix


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedDrive:
    """Everything that is needed to survey a drive, again and elsewhere.

    Attributes:
        clips: Where each clip's bytes are, and what its index says.
        fixes: The raw track.
        rig: None where no rig file was given: the stated default is then assumed.
        clock: None where the camera's clock offset is not known.
        started_at: When the first frame was taken, if a person said so.
        quality: What the clips are worth, where they were judged when they came in.
    """

    drive: Drive
    clips: tuple[tuple[str, Clip], ...]
    fixes: tuple[RawFix, ...]
    rig: CameraRig | None
    clock: ClockOffset | None
    started_at: datetime | None
    quality: Mapping[ClipSha256, ClipQuality] = field(default_factory=dict)
