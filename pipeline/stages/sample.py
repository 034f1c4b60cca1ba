"""Sample: which frames to look at, by metres travelled. Pure.

Looks lie at whole multiples of the spacing along the drive, so the same frames are chosen
however the footage is cut into pieces, and a vehicle that stands still costs nothing.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.domain.footage import Clip, Piece, WantedFrame
from pipeline.domain.track import ClockOffset


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """Where looks are wanted.

    Attributes:
        spacing_m: How far apart: 3 m by default (FIELD §3.3), 5 m will do for condition.
        late_share: A look may be late by this share of the spacing where that makes it a key frame.
    """

    spacing_m: float = 3.0
    late_share: float = 1.0


# However slowly the vehicle moves, a look is no later than this.
_LATEST_S = 0.5
_A_LITTLE = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLook:
    """One frame to look at."""

    frame: WantedFrame
    chainage_m: float
    instant: datetime


def look_chainages(from_m: float, to_m: float, *, settings: SampleSettings) -> tuple[float, ...]:
    """Return the multiples of the spacing within [from_m, to_m].

    >>> look_chainages(1.0, 10.0, settings=SampleSettings(spacing_m=3.0))
    (3.0, 6.0, 9.0)
    """
    spacing = settings.spacing_m
    first, last = math.ceil(from_m / spacing), math.floor(to_m / spacing)
    return tuple(step * spacing for step in range(first, last + 1))


def plan_looks(
    chainages: Sequence[float],
    instants: Sequence[tuple[datetime, datetime]],
    *,
    clip: Clip,
    started_at: datetime,
    clock: ClockOffset,
    piece: Piece,
) -> tuple[WantedLook, ...]:
    """Return the looks that fall into one piece of one clip.

    Args:
        chainages: Where looks are wanted, ascending.
        instants: When the vehicle was there, true time, ascending; and how late the look may be
            for the sake of a frame that is cheap to decode.
        clip: The clip.
        started_at: When its first frame was taken, by the camera's clock.
        clock: What makes true time of it.
        piece: The span of presentation times asked for.
    """
    first = clock.instant(started_at, clip.seconds_at(piece.from_pts))
    # Instants are whole microseconds; what comes just before the piece is told by its ticks.
    begin = bisect_left(instants, first - _A_LITTLE, key=lambda span: span[0])
    looks = []
    for chainage, (instant, latest) in zip(chainages[begin:], instants[begin:], strict=True):
        pts = _ticks(clock.seconds(started_at, instant), clip)
        if pts >= piece.to_pts:
            break
        if pts >= piece.from_pts:
            wait = min(latest, instant + timedelta(seconds=_LATEST_S))
            wait_pts = _ticks(clock.seconds(started_at, wait), clip)
            frame = WantedFrame(pts=pts, latest_pts=max(pts, wait_pts))
            looks.append(WantedLook(frame=frame, chainage_m=chainage, instant=instant))
    return tuple(looks)


def _ticks(seconds: float, clip: Clip) -> int:
    """Return the first presentation time at or after so long from the clip's first frame."""
    return math.ceil(seconds / clip.time_base) + clip.first_pts
