"""Place: make a track of raw fixes, and say where the camera was at an instant. Pure.

Nothing is ever extrapolated and no wide gap is bridged: a pothole placed on a guess sends a
crew to the wrong street.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

import numpy as np

from pipeline.domain.errors import InputError
from pipeline.domain.places import R95_PER_AXIS, GridRef, GroundError, LonLat
from pipeline.domain.track import Fix, Pose, RawFix, Track

_LONGEST_REVERSE_M = 60.0
_FASTEST_REVERSE_MPS = 6.0
_LEAST_CHORD_M = 1.0
# Slower, a course from a velocity is mostly noise.
_SURE_PACE_MPS = 2.0
# A receiver that stands gives no course, and none is needed.
_STILL_MPS = 0.3
_BRAKES_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSettings:
    """How fixes are sifted and joined.

    Attributes:
        fix_sigma_m: Assumed where the receiver does not say: 95 % within twice this.
        max_speed_mps: A fix that would need more is an outlier.
        max_gap_s: The widest gap between two fixes that is bridged.
        heading_window_s: Heading is the chord over this long, half before and half after.
        standing_mps: Below this speed over the window the vehicle stands still.
        error_time_s: How long a GPS error lasts (it is correlated): only its change within the
            window turns the heading.
    """

    fix_sigma_m: float = 2.5
    max_speed_mps: float = 60.0
    max_gap_s: float = 5.0
    heading_window_s: float = 4.0
    standing_mps: float = 0.6
    error_time_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiftedFixes:
    """The fixes that can be used, in order of time, and how many could not and why."""

    kept: tuple[RawFix, ...]
    refused: dict[str, int]


class TrackGapError(InputError):
    """The instant lies outside the track or in too wide a gap of it."""


def sift_fixes(fixes: Sequence[RawFix], *, settings: PlaceSettings) -> SiftedFixes:
    """Sort fixes and set aside duplicates, null islands and outliers.

    Outliers are found by following every chain of fixes that could follow one another at
    `max_speed_mps`, and keeping the longest: one wild fix, or a burst of them, never takes the
    good ones along.

    Returns:
        Kept fixes in strict order of time; counts by reason.
    """
    refused = {"null island": 0, "duplicate time": 0, "impossible jump": 0}
    ordered: list[RawFix] = []
    for fix in sorted(fixes, key=lambda fix: fix.taken_at):
        if abs(fix.place.lon_deg) < 1e-6 and abs(fix.place.lat_deg) < 1e-6:  # noqa: PLR2004
            refused["null island"] += 1
        elif ordered and fix.taken_at == ordered[-1].taken_at:
            refused["duplicate time"] += 1
        else:
            ordered.append(fix)
    chains: list[list[RawFix]] = []
    for fix in ordered:
        home = next(
            (chain for chain in chains if _reachable(chain[-1], fix, settings.max_speed_mps)), None
        )
        if home is None:
            chains.append([fix])
        else:
            home.append(fix)
    kept = max(chains, key=len, default=[])
    refused["impossible jump"] = len(ordered) - len(kept)
    return SiftedFixes(kept=tuple(kept), refused={k: n for k, n in refused.items() if n})


def make_track(
    fixes: Sequence[RawFix],
    refs: Sequence[GridRef],
    *,
    settings: PlaceSettings,
    true_north_deg: float = 0.0,
) -> Track:
    """Join sifted fixes and their grid references into a track.

    Args:
        fixes: Sifted.
        refs: Where each is on the grid.
        settings: What is assumed of receivers that do not say.
        true_north_deg: The bearing of true north on the grid there.

    Raises:
        InputError: Fewer than two fixes are left.
    """
    if len(fixes) < 2:  # noqa: PLR2004
        raise InputError(
            f"the track has {len(fixes)} usable position(s); at least two are needed to know "
            "where the vehicle was and which way it was going"
        )
    return Track(
        fixes=tuple(
            Fix(
                taken_at=fix.taken_at,
                at=ref,
                sigma_m=settings.fix_sigma_m if fix.sigma_m is None else max(fix.sigma_m, 0.01),
                velocity_mps=_velocity(fix, true_north_deg, settings.max_speed_mps),
            )
            for fix, ref in zip(fixes, refs, strict=True)
        )
    )


class Placer:
    """Answers where the camera was, for one track: prepared once, asked for every frame."""

    def __init__(self, track: Track, settings: PlaceSettings) -> None:
        """Prepare the motion between fixes: chainage, heading, standing still, reversing."""
        self._track = track
        self._settings = settings
        fixes = track.fixes
        self._t = np.array([_since(track.started_at, fix.taken_at) for fix in fixes])
        self._e = np.array([fix.at.easting_m for fix in fixes])
        self._n = np.array([fix.at.northing_m for fix in fixes])
        self._sigma = np.array([fix.sigma_m for fix in fixes])
        self._velocity = _velocities(fixes)
        self._chainage = self._travelled()

    @property
    def length_m(self) -> float:
        """Metres travelled over the whole track: gaps as the crow flies, standing still not."""
        return float(self._chainage[-1])

    @property
    def tracked(self) -> tuple[datetime, datetime]:
        """When the track begins and ends."""
        return self._track.started_at, self._track.ended_at

    def pose_at(self, instant: datetime) -> Pose:
        """Return where the camera stood at an instant (true time, UTC).

        Raises:
            TrackGapError: The instant is outside the track or in too wide a gap.
        """
        t = _since(self._track.started_at, instant)
        after = self._segment(t)
        share = (t - self._t[after - 1]) / (self._t[after] - self._t[after - 1])
        e, n = self._place(t)
        heading, heading_sigma, speed = self._motion(t)
        sigma = float((1 - share) * self._sigma[after - 1] + share * self._sigma[after])
        return Pose(
            taken_at=instant,
            at=GridRef(easting_m=e, northing_m=n),
            heading_deg=heading,
            speed_mps=speed,
            chainage_m=self.chainage_at(instant),
            error=GroundError.from_sigma_m(sigma),
            heading_sigma_deg=heading_sigma,
        )

    def chainage_at(self, instant: datetime) -> float:
        """Return the metres travelled up to an instant; constant before and after the track."""
        return float(np.interp(_since(self._track.started_at, instant), self._t, self._chainage))

    def braking_at(self, instant: datetime) -> float:
        """Return how hard the vehicle brakes, m/s² along its way; negative where it speeds up.

        Over three seconds: a shorter time shows the noise of the positions. 0 where the track does
        not tell, at its ends and beside gaps.
        """
        t = _since(self._track.started_at, instant)
        if not self._t[0] <= t - _BRAKES_S or not t + _BRAKES_S <= self._t[-1]:
            return 0.0
        begin, end = np.searchsorted(self._t, [t - _BRAKES_S, t + _BRAKES_S]).tolist()
        if np.diff(self._t[max(begin - 1, 0) : end + 1]).max() > self._settings.max_gap_s:
            return 0.0
        early, here, late = np.interp(
            [t - _BRAKES_S, t, t + _BRAKES_S], self._t, self._chainage
        ).tolist()
        return float(2 * here - early - late) / _BRAKES_S**2

    def is_placeable(self, instant: datetime) -> bool:
        """Return whether `pose_at` would answer."""
        try:
            self._segment(_since(self._track.started_at, instant))
        except TrackGapError:
            return False
        return True

    def is_reversing(self, instant: datetime) -> bool:
        """Return whether the vehicle drove backwards: the camera then saw what lay behind it."""
        return self._reversing(_since(self._track.started_at, instant))

    def instants_at(self, chainages: Sequence[float]) -> list[datetime]:
        """Return when each chainage was first reached; ascending in, ascending out."""
        moving = np.concatenate(([True], np.diff(self._chainage) > 0))
        times = np.interp(chainages, self._chainage[moving], self._t[moving])
        stops = self._t[:-1][~moving[1:]]
        if len(stops):
            # A chainage on the edge of a stop is reached before it, not after.
            starts = np.interp(chainages, self._chainage, self._t)
            times = np.minimum(times, starts)
        return [self._track.started_at + timedelta(seconds=float(t)) for t in times]

    def points_between(self, from_m: float, to_m: float) -> tuple[GridRef, ...]:
        """Return the driven line between two chainages, with the fixes between them."""
        inner = self._chainage[(self._chainage > from_m) & (self._chainage < to_m)]
        at = np.unique(np.concatenate(([from_m], inner, [to_m])))
        moving = np.concatenate(([True], np.diff(self._chainage) > 0))
        c, e, n = self._chainage[moving], self._e[moving], self._n[moving]
        return tuple(
            GridRef(easting_m=float(x), northing_m=float(y))
            for x, y in zip(np.interp(at, c, e), np.interp(at, c, n), strict=True)
        )

    def fixes_since(self, start: datetime) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
        """Return N×3: seconds from an instant on (before it, negative), easting, northing."""
        late_s = _since(start, self._track.started_at)
        return np.column_stack((self._t + late_s, self._e, self._n))

    def _segment(self, t: float) -> int:
        """Return the index of the fix after t, where t lies between two near enough fixes."""
        if not self._t[0] <= t <= self._t[-1]:
            raise TrackGapError(f"the instant is outside the track by {self._outside(t):.1f} s")
        after = min(max(bisect_right(self._t, t), 1), len(self._t) - 1)
        gap_s = self._t[after] - self._t[after - 1]
        if gap_s > self._settings.max_gap_s:
            raise TrackGapError(
                f"the instant is in a gap of {gap_s:.1f} s between two positions "
                f"(at most {self._settings.max_gap_s:.1f} s are bridged)"
            )
        return after

    def _outside(self, t: float) -> float:
        return float(max(self._t[0] - t, t - self._t[-1]))

    def _place(self, t: float) -> tuple[float, float]:
        return float(np.interp(t, self._t, self._e)), float(np.interp(t, self._t, self._n))

    def _window(self, t: float) -> tuple[float, float]:
        """Return the window around t, cut at the track's ends and at gaps."""
        half = self._settings.heading_window_s / 2
        after = min(max(bisect_right(self._t, t), 1), len(self._t) - 1)
        begin, end = after - 1, after
        gaps = np.diff(self._t)
        while (
            begin > 0 and gaps[begin - 1] <= self._settings.max_gap_s and self._t[begin] > t - half
        ):
            begin -= 1
        while (
            end < len(self._t) - 1
            and gaps[end] <= self._settings.max_gap_s
            and self._t[end] < t + half
        ):
            end += 1
        return max(float(self._t[begin]), t - half), min(float(self._t[end]), t + half)

    def _motion(self, t: float) -> tuple[float, float, float]:
        """Return heading, its sigma, and speed; standing, the last heading of moving is kept."""
        anchor = self._moving_time(t)
        if self._velocity is not None and anchor == t:
            east, north, doubt = (float(np.interp(anchor, self._t, v)) for v in self._velocity.T)
            pace = math.hypot(east, north)
            if pace >= _SURE_PACE_MPS:
                course = math.degrees(math.atan2(east, north))
                turned = 180.0 if self._reversing(anchor) else 0.0
                return (course + turned) % 360, math.degrees(math.atan2(doubt, pace)), pace
        begin, end = self._window(anchor)
        (e0, n0), (e1, n1) = self._place(begin), self._place(end)
        chord = math.hypot(e1 - e0, n1 - n0)
        course = math.degrees(math.atan2(e1 - e0, n1 - n0)) % 360
        lasting = math.exp(-(end - begin) / self._settings.error_time_s)
        axis = float(np.interp(anchor, self._t, self._sigma)) * 2 / R95_PER_AXIS
        across = axis * math.sqrt(2 * (1 - lasting))
        sigma = math.hypot(
            math.degrees(math.atan2(across, max(chord, 0.1))), self._turn(begin, anchor, end) / 2
        )
        speed = 0.0 if anchor != t else chord / max(end - begin, 1e-9)
        heading = (course + (180.0 if self._reversing(anchor) else 0.0)) % 360
        return heading, min(sigma, 90.0), speed

    def _turn(self, begin: float, middle: float, end: float) -> float:
        """Return by how much the course of the window's two halves differs, degrees.

        It is what the course over both may be wrong by, be it from a bend or from noise.
        """
        (e0, n0), (e1, n1), (e2, n2) = (self._place(t) for t in (begin, middle, end))
        if min(math.hypot(e1 - e0, n1 - n0), math.hypot(e2 - e1, n2 - n1)) < _LEAST_CHORD_M:
            return 0.0
        turned = math.atan2(e2 - e1, n2 - n1) - math.atan2(e1 - e0, n1 - n0)
        return abs((math.degrees(turned) + 180) % 360 - 180)

    def _moving_time(self, t: float) -> float:
        """Return t, or the nearest instant at which the vehicle moved if it stands at t."""
        index = min(max(bisect_right(self._t, t) - 1, 0), len(self._moving) - 1)
        if self._moving[index] or not self._moving.any():
            return t
        known = np.diff(self._t) <= self._settings.max_gap_s
        moving = np.flatnonzero(self._moving & known)
        if not len(moving):
            return t
        before = moving[moving < index]
        nearest = int(before[-1]) if len(before) else int(moving[0])
        return float((self._t[nearest] + self._t[nearest + 1]) / 2)

    @cached_property
    def _moving(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Whether the vehicle moves in each gap between fixes, judged over the window."""
        half = self._settings.heading_window_s / 2
        middles = (self._t[:-1] + self._t[1:]) / 2
        begin = np.clip(middles - half, self._t[0], self._t[-1])
        end = np.clip(middles + half, self._t[0], self._t[-1])
        moved = np.hypot(
            np.interp(end, self._t, self._e) - np.interp(begin, self._t, self._e),
            np.interp(end, self._t, self._n) - np.interp(begin, self._t, self._n),
        )
        speed = moved / np.maximum(end - begin, 1e-9)
        step = np.hypot(np.diff(self._e), np.diff(self._n)) / np.diff(self._t)
        slow = self._settings.standing_mps
        gap = np.diff(self._t) > self._settings.max_gap_s
        return np.asarray(np.where(gap, step > 0, (speed >= slow) & (step >= slow / 2)), np.bool_)

    def _travelled(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        steps = np.hypot(np.diff(self._e), np.diff(self._n))
        return np.concatenate(([0.0], np.cumsum(np.where(self._moving, steps, 0.0))))

    @cached_property
    def _reverse_spans(self) -> tuple[tuple[float, float], ...]:
        """Spans of time in which the vehicle drives backwards.

        A vehicle cannot turn on the spot: when it moves off from a stop by more than 120° away
        from the course it stopped on, it is reversing until it turns so again. Nobody
        reverses far or fast, so a turn that was missed never lasts.
        """
        legs = self._legs()
        spans: list[tuple[float, float]] = []
        reversing = False
        for before, after in pairwise(legs):
            turned = abs((after[2] - before[3] + 180) % 360 - 180)
            if after[0] - before[1] > 60 * self._settings.max_gap_s:
                reversing = False
            elif turned > 120:  # noqa: PLR2004
                reversing = not reversing
            if after[4] > _LONGEST_REVERSE_M or after[5] > _FASTEST_REVERSE_MPS:
                reversing = False
            if reversing:
                spans.append((after[0], after[1]))
        return tuple(spans)

    def _legs(self) -> list[tuple[float, float, float, float, float, float]]:
        """Return stretches of moving: begin, end, first and last course, metres, fastest."""
        edges = np.flatnonzero(np.diff(np.concatenate(([0], self._moving.astype(int), [0]))))
        legs = []
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            if math.hypot(self._e[end] - self._e[begin], self._n[end] - self._n[begin]) < 3:  # noqa: PLR2004
                continue
            legs.append(
                (
                    float(self._t[begin]),
                    float(self._t[end]),
                    self._course(begin, min(begin + 3, end)),
                    self._course(max(end - 3, begin), end),
                    float(self._chainage[end] - self._chainage[begin]),
                    float(np.max(self._speeds[begin:end])),
                )
            )
        return legs

    def _course(self, begin: int, end: int) -> float:
        east, north = self._e[end] - self._e[begin], self._n[end] - self._n[begin]
        return math.degrees(math.atan2(east, north))

    @cached_property
    def _speeds(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """Speed in each gap between fixes, m/s."""
        return np.hypot(np.diff(self._e), np.diff(self._n)) / np.diff(self._t)

    def _reversing(self, t: float) -> bool:
        return any(begin <= t <= end for begin, end in self._reverse_spans)


def _velocity(
    fix: RawFix, true_north_deg: float, max_speed_mps: float
) -> tuple[float, float] | None:
    if fix.speed_mps is not None and fix.speed_mps < _STILL_MPS:
        return 0.0, 0.0
    if fix.speed_mps is None or fix.course_deg is None or fix.speed_mps > max_speed_mps:
        return None
    course = math.radians(fix.course_deg + true_north_deg)
    return fix.speed_mps * math.sin(course), fix.speed_mps * math.cos(course)


def _velocities(fixes: Sequence[Fix]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]] | None":
    """Return N×3: velocity east and north with its sigma; None where not all fixes have them."""
    rows = [
        (*fix.velocity_mps, fix.velocity_sigma_mps)
        for fix in fixes
        if fix.velocity_mps is not None and fix.velocity_sigma_mps is not None
    ]
    return np.array(rows) if len(rows) == len(fixes) else None


def _reachable(a: RawFix, b: RawFix, max_speed_mps: float) -> bool:
    seconds = (b.taken_at - a.taken_at).total_seconds()
    return _rough_distance_m(a.place, b.place) <= max_speed_mps * max(seconds, 1.0)


def _rough_distance_m(a: LonLat, b: LonLat) -> float:
    """Return the distance on a sphere's tangent plane: good to 1 % over a few kilometres."""
    north = (b.lat_deg - a.lat_deg) * 111_200
    east = (b.lon_deg - a.lon_deg) * 111_320 * math.cos(math.radians((a.lat_deg + b.lat_deg) / 2))
    return math.hypot(east, north)


def _since(start: datetime, instant: datetime) -> float:
    return (instant - start).total_seconds()
