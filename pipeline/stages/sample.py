"""Sample: which frames to look at, by metres travelled. Pure.

Looks lie at whole multiples of the spacing along the drive, so the same frames are chosen
however the footage is cut into pieces, and a vehicle that stands still costs nothing.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.domain.footage import Clip, Piece
from pipeline.domain.track import ClockOffset


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """How far apart the looks lie: 3 m by default (FIELD §3.3), 5 m will do for condition."""

    spacing_m: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLook:
    """One frame to look at: the first at or after `pts`."""

    pts: int
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
    instants: Sequence[datetime],
    *,
    clip: Clip,
    started_at: datetime,
    clock: ClockOffset,
    piece: Piece,
) -> tuple[WantedLook, ...]:
    """Return the looks that fall into one piece of one clip.

    Args:
        chainages: Where looks are wanted, ascending.
        instants: When the vehicle was there, true time, ascending.
        clip: The clip.
        started_at: When its first frame was taken, by the camera's clock.
        clock: What makes true time of it.
        piece: The span of presentation times asked for.
    """
    start = started_at + timedelta(seconds=clock.offset_s)
    begin = bisect_left(instants, start + timedelta(seconds=clip.seconds_at(piece.from_pts)))
    looks = []
    for chainage, instant in zip(chainages[begin:], instants[begin:], strict=True):
        pts = math.ceil((instant - start).total_seconds() / clip.time_base) + clip.first_pts
        if pts >= piece.to_pts:
            break
        if pts >= piece.from_pts:
            looks.append(WantedLook(pts=pts, chainage_m=chainage, instant=instant))
    return tuple(looks)
