"""Prepare a drive: its track, its clips, and where they lie in time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from pipeline.domain.agreements import Share
from pipeline.domain.camera import CameraRig
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Clip, Drive, Piece
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.places import LonLat
from pipeline.domain.ports import Footage, Grid
from pipeline.domain.quality import ClipQuality
from pipeline.domain.track import ClockOffset, RawFix
from pipeline.line.settings import LineSettings
from pipeline.stages.place import Placer, make_track, sift_fixes
from pipeline.stages.smooth import smooth_track

_SAME_LENGTH_SHARE = 0.1
_SAME_LENGTH_S = 5.0
# Creation times are whole seconds: clips that follow one another may seem to overlap by so much.
_OVERLAP_S = 2.0
_HOUR_S = 3600
# Time zones span from 12 hours behind to 14 hours ahead of UTC.
_MOST_HOURS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedClip:
    """A clip and where it lies in time.

    Attributes:
        location: Where its bytes are.
        started_at: When the first frame was taken, by the camera's clock.
        quality: What it is worth, if it was judged when it came in.
    """

    location: str
    clip: Clip
    started_at: datetime
    clock: ClockOffset
    quality: ClipQuality | None = None

    @property
    def begins_at(self) -> datetime:
        """True time of the first frame."""
        return self.instant_at(0.0)

    def instant_at(self, seconds: float) -> datetime:
        """Return the true time of a frame so long after the first one."""
        return self.clock.instant(self.started_at, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDrive:
    """A drive ready to be surveyed, under settings of which the hash is kept.

    Attributes:
        shares: Along whose roads it came; nothing where all are of the drive's authority.
    """

    drive: Drive
    clips: tuple[PlacedClip, ...]
    placer: Placer
    refused_fixes: Mapping[str, int]
    rig: CameraRig
    settings_sha256: str
    shares: tuple[Share, ...] = ()

    def span_m(self) -> tuple[float, float]:
        """Chainage at which the first clip begins and the last one ends."""
        first, last = self.clips[0], self.clips[-1]
        end = last.instant_at(last.clip.duration_s)
        return self.placer.chainage_at(first.begins_at), self.placer.chainage_at(end)


def read_clip(location: str, footage: Footage) -> Clip:
    """Return what a clip's index says.

    Raises:
        InputError: The file cannot be read as footage.
    """
    with footage.open(location) as reader:
        return reader.clip


def prepare_drive(
    received: ReceivedDrive,
    *,
    rig_for: Callable[[CameraRig | None, Clip], CameraRig],
    grid: Grid,
    settings: LineSettings,
) -> PreparedDrive:
    """Place a drive's clips on its track.

    Args:
        received: The drive as it came in.
        rig_for: Gives the rig to be used for a clip, of the received one or None, or refuses.
        grid: The National Grid.
        settings: The line's settings.

    Raises:
        InputError: The track has nothing usable or does not meet the footage, a clip does not
            say when it was taken, or the rig is for another picture size.
    """
    clips = received.clips
    sifted = sift_fixes(received.fixes, settings=settings.place)
    raw = make_track(
        sifted.kept,
        grid.to_grid([fix.place for fix in sifted.kept]),
        settings=settings.place,
        true_north_deg=_true_north_deg(sifted.kept, grid),
    )
    track = smooth_track(raw, settings=settings.smooth)
    sizes = {(clip.width_px, clip.height_px) for _, clip in clips}
    if len(sizes) > 1:
        found = " and ".join(f"{wide}×{high}" for wide, high in sorted(sizes))
        raise InputError(
            f"the clips have pictures of {found}; one drive has one camera setting: give them apart"
        )
    rigs = [rig_for(received.rig, clip) for _, clip in clips]
    placed = _place_clips(received, (track.started_at, track.ended_at), settings)
    return PreparedDrive(
        drive=received.drive,
        clips=placed,
        placer=Placer(track, settings.place),
        refused_fixes=sifted.refused,
        rig=rigs[0],
        settings_sha256=settings.sha256,
    )


def _true_north_deg(fixes: Sequence[RawFix], grid: Grid) -> float:
    """Return the bearing of true north on the grid where a drive begins; 0 without fixes."""
    if not fixes:
        return 0.0
    start = fixes[0].place
    ahead = LonLat(lon_deg=start.lon_deg, lat_deg=start.lat_deg + 0.001)
    here, there = grid.to_grid([start, ahead])
    return math.degrees(
        math.atan2(there.easting_m - here.easting_m, there.northing_m - here.northing_m)
    )


def pieces_of(clip: Clip, *, settings: LineSettings) -> tuple[Piece, ...]:
    """Return the pieces of a clip: equal spans, the last one reaching past the clip's end."""
    count = max(1, int(clip.duration_s // settings.piece_s))
    edges = [clip.pts_at(i * settings.piece_s) for i in range(count)]
    edges.append(clip.pts_at(max(clip.duration_s, count * settings.piece_s)) + (1 << 40))
    return tuple(Piece(clip_sha256=clip.sha256, from_pts=a, to_pts=b) for a, b in pairwise(edges))


def _place_clips(
    received: ReceivedDrive, track: tuple[datetime, datetime], settings: LineSettings
) -> tuple[PlacedClip, ...]:
    """Say when each clip was taken; the whole drive must meet the track."""
    clips = received.clips
    known = [clip.started_at for _, clip in clips if clip.started_at is not None]
    ordered = sorted(clips, key=lambda c: (c[1].started_at or min(known, default=track[0]), c[0]))
    total_s = sum(clip.duration_s for _, clip in ordered)
    start, assumed = _first_start(ordered[0][1], total_s, track, received.started_at, settings)
    used = received.clock or assumed
    first = ordered[0][1]
    placed: list[PlacedClip] = []
    follows = start
    for location, clip in ordered:
        begins = follows
        if clip.started_at is not None and first.started_at is not None:
            begins = start + (clip.started_at - first.started_at)
            if (follows - begins).total_seconds() > _OVERLAP_S:
                raise InputError(
                    "two clips claim the same time, so they cannot be one drive: one begins "
                    f"at {begins:%H:%M:%S}, when another lasts until {follows:%H:%M:%S}"
                )
            begins = max(begins, follows)
        placed.append(
            PlacedClip(
                location=location,
                clip=clip,
                started_at=begins,
                clock=used,
                quality=received.quality.get(clip.sha256),
            )
        )
        follows = begins + timedelta(seconds=clip.duration_s)
    begins_at, ends_at = placed[0].begins_at, follows + timedelta(seconds=used.offset_s)
    if begins_at <= track[1] and ends_at >= track[0]:
        return tuple(placed)
    own_clock = received.clock is None and received.started_at is None
    hours = _hours_off((begins_at, ends_at), track) if own_clock else None
    if hours is None:
        raise InputError(
            f"the track ({_span(*track)}) does not overlap the footage "
            f"({_span(begins_at, ends_at)}); if the camera's clock is wrong, say when the footage "
            "began with --started-at, or give the track of that day"
        )
    way = "behind" if hours > 0 else "ahead of"
    mended = ClockOffset(
        offset_s=used.offset_s + hours * _HOUR_S,
        sigma_s=used.sigma_s,
        how=f"the camera's clock is likely {abs(hours)} h {way} the track's: else they never meet",
    )
    return tuple(replace(one, clock=mended) for one in placed)


def _hours_off(footage: tuple[datetime, datetime], track: tuple[datetime, datetime]) -> int | None:
    """Return the whole hours by which footage that misses its track lies wholly on it.

    One hour either way is summer time, and likelier than any other; None where it is not clear.
    """
    slack = timedelta(seconds=_SAME_LENGTH_S)
    fits = [
        hours
        for hours in range(-_MOST_HOURS, _MOST_HOURS + 1)
        if hours
        and footage[0] + timedelta(hours=hours) >= track[0] - slack
        and footage[1] + timedelta(hours=hours) <= track[1] + slack
    ]
    likely = [hours for hours in fits if abs(hours) == 1] or fits
    return likely[0] if len(likely) == 1 else None


def _first_start(
    clip: Clip,
    total_s: float,
    track: tuple[datetime, datetime],
    started_at: datetime | None,
    settings: LineSettings,
) -> tuple[datetime, ClockOffset]:
    """Return when the footage began and how well that is known."""
    if started_at is not None:
        how = "the start was given by hand"
        return started_at, ClockOffset(offset_s=0.0, sigma_s=settings.clock_sigma_s, how=how)
    if clip.started_at is not None:
        how = "the camera's own clock, not checked against GPS"
        return clip.started_at, ClockOffset(offset_s=0.0, sigma_s=settings.clock_sigma_s, how=how)
    lasting_s = (track[1] - track[0]).total_seconds()
    if abs(lasting_s - total_s) > max(_SAME_LENGTH_S, _SAME_LENGTH_SHARE * total_s):
        raise InputError(
            "the footage does not say when it was taken, and it is not as long as the track "
            f"({total_s:.0f} s against {lasting_s:.0f} s), so the two cannot be joined; say when "
            "the footage began with --started-at 2026-02-10T10:00:00Z"
        )
    sigma_s = max(settings.clock_sigma_s, 1.0, abs(lasting_s - total_s) / 2)
    how = "the footage has no date; it is taken to begin with the track, which is as long"
    return track[0], ClockOffset(offset_s=0.0, sigma_s=sigma_s, how=how)


def _span(begin: datetime, end: datetime) -> str:
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"
