"""Judge: can footage be judged, minute by minute, and if not, what is wrong. Pure.

What single pictures cannot show (a camera that was knocked) is seen in what stays the same over
many of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain.looks import NotLookedReason
from pipeline.domain.quality import (
    ClipQuality,
    FrameQuality,
    MinuteQuality,
    SeenFrame,
)
from pipeline.geometry.quality import STILL_SIZE

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """How minutes are judged.

    Attributes:
        every_s: A frame so often is looked at.
        least_usable: A minute of which a smaller share of the frames can be judged is not used.
        moved_share: A camera has moved where what stays the same is shifted up or down by more
            than this share of the picture's height. (In bends it seems to shift sideways.)
        back_share: It is back where it was where the shift is below this.
        sure: Of both, the least peak of the phase correlation.
        least_frames: So many frames make a minute's standing picture.
    """

    every_s: float = 5.0
    minute_s: float = 60.0
    least_usable: float = 0.5
    moved_share: float = 0.06
    back_share: float = 0.03
    sure: float = 0.2
    least_frames: int = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """What stays the same in a drive's pictures so far.

    Attributes:
        edges: Of the first minute that could be judged; None before it.
        moved: The camera has been knocked since.
    """

    edges: NDArray[np.float32] | None = None
    moved: bool = False


def judge_minutes(
    frames: Sequence[SeenFrame],
    *,
    lasts_s: float,
    standing: Standing,
    settings: JudgeSettings,
) -> tuple[ClipQuality, Standing]:
    """Return what each minute of a clip is worth.

    Args:
        frames: In order of time.
        lasts_s: How long the clip is.
        standing: What stayed the same in the drive before.
        settings: How minutes are judged.

    Returns:
        The minutes, and what stays the same in the drive so far.
    """
    minutes: list[MinuteQuality] = []
    count = max(1, round(lasts_s / settings.minute_s))
    for number in range(count):
        begins = number * settings.minute_s
        ends = lasts_s if number == count - 1 else begins + settings.minute_s
        inside = [f for f in frames if begins <= f.quality.seconds < max(ends, begins + 1e-6)]
        good = [f.view for f in inside if f.quality.reason is None]
        reason = _main_reason([f.quality for f in inside], len(good), settings)
        if len(good) >= settings.least_frames:
            standing = _followed(standing, _edges(good), settings)
        if reason is None and standing.moved:
            reason = NotLookedReason.CAMERA_MOVED
        minutes.append(
            MinuteQuality(
                from_s=begins, to_s=ends, frames=len(inside), usable=len(good), reason=reason
            )
        )
    return ClipQuality(minutes=tuple(minutes)), standing


def _main_reason(
    frames: Sequence[FrameQuality], good: int, settings: JudgeSettings
) -> NotLookedReason | None:
    if not frames or good / len(frames) >= settings.least_usable:
        return None
    reasons = Counter(frame.reason for frame in frames if frame.reason is not None)
    return reasons.most_common(1)[0][0]


def _edges(views: Sequence[Picture]) -> NDArray[np.float32]:
    """Return the edges of what stays the same over pictures of a moving vehicle."""
    mean = np.mean(np.stack(views).astype(np.float32), axis=0)
    edges = np.hypot(cv2.Sobel(mean, cv2.CV_32F, 1, 0), cv2.Sobel(mean, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.GaussianBlur(edges, (0, 0), 1.5), np.float32)


def _followed(standing: Standing, edges: NDArray[np.float32], settings: JudgeSettings) -> Standing:
    """Return what stands after another minute: a knock lasts till the camera is surely back."""
    if standing.edges is None:
        return Standing(edges=edges)
    window = cv2.createHanningWindow(STILL_SIZE, cv2.CV_32F)
    (_, down), sure = cv2.phaseCorrelate(standing.edges, edges, window)
    shift = abs(down) / STILL_SIZE[1]
    if sure < settings.sure:
        return standing
    if shift > settings.moved_share:
        return Standing(edges=standing.edges, moved=True)
    if shift < settings.back_share:
        return Standing(edges=standing.edges)
    return standing
