"""How well footage can be judged, minute by minute, and why not where it cannot. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.domain.checks import require, require_share
from pipeline.domain.looks import NotLookedReason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityModel:
    """Weights of a small network with one hidden layer, from measures of a picture to reasons.

    Attributes:
        reasons: What the outputs after the first mean; the first means that nothing is wrong.
        mean: Of each measure, over what it was fitted on.
        scale: Standard deviation of each likewise.
        hidden: For each hidden unit: its bias, then a weight for each measure.
        output: For each output: its bias, then a weight for each hidden unit.
        threshold: A picture is refused where the share of the first output falls below.
    """

    reasons: tuple[NotLookedReason, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    hidden: tuple[tuple[float, ...], ...]
    output: tuple[tuple[float, ...], ...]
    threshold: float

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit together."""
        measures = len(self.mean)
        require(len(self.scale) == measures, "a scale for each mean")
        require(all(len(row) == measures + 1 for row in self.hidden), "hidden weights that fit")
        require(len(self.output) == len(self.reasons) + 1, "an output for each reason, and one")
        require(all(len(row) == len(self.hidden) + 1 for row in self.output), "output weights fit")
        require_share(threshold=self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameQuality:
    """What one frame of footage is worth.

    Attributes:
        seconds: After the clip's first frame.
        reason: Why it cannot be judged; None if it can.
    """

    seconds: float
    reason: NotLookedReason | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenFrame:
    """A frame that was looked at for its quality.

    Attributes:
        view: A small grey copy, 90×160 uint8, for finding what stays the same over many.
    """

    quality: FrameQuality
    view: "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteQuality:
    """What a minute of footage is worth.

    Attributes:
        from_s: After the clip's first frame.
        to_s: Likewise; the last minute of a clip may be shorter.
        frames: How many were looked at.
        usable: How many of them can be judged.
        reason: Why the minute is not used; None if it is.
    """

    from_s: float
    to_s: float
    frames: int
    usable: int
    reason: NotLookedReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipQuality:
    """What a clip is worth."""

    minutes: tuple[MinuteQuality, ...]

    @property
    def lasts_s(self) -> float:
        """How long the clip is."""
        return self.minutes[-1].to_s if self.minutes else 0.0

    def reason_at(self, seconds: float) -> NotLookedReason | None:
        """Return why an instant of the clip is not used; None if it is."""
        for minute in self.minutes:
            if minute.from_s <= seconds < minute.to_s:
                return minute.reason
        return self.minutes[-1].reason if self.minutes else None

    def cut(self, parts: Sequence[tuple[float, float]]) -> "ClipQuality":
        """Return the same with parts of it cut out as private, minutes divided at their edges.

        Args:
            parts: From and to, in seconds after the first frame.
        """
        found = []
        for minute in self.minutes:
            inside = {at for part in parts for at in part if minute.from_s < at < minute.to_s}
            edges = sorted({minute.from_s, minute.to_s, *inside})
            for from_s, to_s in pairwise(edges):
                middle = (from_s + to_s) / 2
                if any(begin <= middle < end for begin, end in parts):
                    found.append(
                        MinuteQuality(
                            from_s=from_s, to_s=to_s, frames=0, usable=0,
                            reason=NotLookedReason.PRIVATE,
                        )
                    )  # fmt: skip
                    continue
                share = (to_s - from_s) / (minute.to_s - minute.from_s)
                found.append(
                    replace(
                        minute,
                        from_s=from_s,
                        to_s=to_s,
                        frames=round(minute.frames * share),
                        usable=round(minute.usable * share),
                    )
                )
        return ClipQuality(minutes=tuple(found))

    def seconds_by_reason(self) -> dict[NotLookedReason, float]:
        """Return how long is not used, by reason, the longest first."""
        found: dict[NotLookedReason, float] = {}
        for minute in self.minutes:
            if minute.reason is not None:
                found[minute.reason] = found.get(minute.reason, 0.0) + minute.to_s - minute.from_s
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def words_of(clips: Sequence[ClipQuality], vehicle: str) -> str | None:
    """Return what was unusable of a drive and what to do, in a sentence; None if all was usable."""
    total = sum(clip.lasts_s for clip in clips)
    lost: dict[NotLookedReason, float] = {}
    for clip in clips:
        for reason, seconds in clip.seconds_by_reason().items():
            lost[reason] = lost.get(reason, 0.0) + seconds
    if not lost or total <= 0:
        return None
    private_s = lost.pop(NotLookedReason.PRIVATE, 0.0)
    parts = [
        f"{seconds / total:.0%} {reason.words}"
        for reason, seconds in sorted(lost.items(), key=lambda item: -item[1])
    ]
    said = []
    if parts:
        share = sum(lost.values()) / total
        said.append(f"{share:.0%} cannot be used (vehicle {vehicle}): " + ", ".join(parts))
    if private_s:
        said.append(f"{private_s / total:.0%} lies in a private area, of which nothing is kept")
    return "; ".join(said)
