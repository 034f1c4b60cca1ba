"""Positions in footage, put on one clock. Pure.

A device writes each position with the picture it belongs to, with the receiver's time, or with
both; the two are compared over the whole file, so that single wrong times do no harm.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from pipeline.domain.errors import InputError
from pipeline.domain.places import LonLat
from pipeline.domain.telemetry import Device, Recording, TelemetrySample
from pipeline.domain.track import RawFix

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARTH_M = 6_371_000.0
# A receiver's time that is further off than this from where the others put it is mended.
_STRAY_S = 0.5
# Footage of which a second is more or less than a second of the receiver's is time-lapse.
_ODDEST_PACE = 0.03
_LEAST_FOR_PACE_S = 20.0
# Positions once a second are often written a second or two after the picture they belong to
# (mapillary_tools issue 476 reports two); faster receivers write them at once.
_SLOW_INTERVAL_S = 0.5
_SLOW_SIGMA_S, _QUICK_SIGMA_S = 1.0, 0.25
# What a device may mean by speed, in units to a metre a second.
_UNITS = (1.0, 3.6, 2.2369, 1.9438)
_LIKE = 0.12
_LEAST_MPS = 2.0
_LEAST_PAIRS = 5
_MOST_COURSE_OFF_DEG = 30.0


def as_recording(
    samples: Sequence[TelemetrySample],
    *,
    device: Device,
    camera_started_at: datetime | None = None,
) -> Recording:
    """Put the positions of one file on the receiver's clock; without it, on the camera's.

    Args:
        samples: In the file's order.
        device: What wrote them.
        camera_started_at: When the camera's clock says that the footage began: used where no
            position has a time of its own.

    Raises:
        InputError: The footage is time-lapse, or nothing says when a position was taken.
    """
    pairs = [
        ((sample.at - _EPOCH).total_seconds(), sample.media_s)
        for sample in samples
        if sample.at is not None and sample.media_s is not None
    ]
    notes: list[str] = []
    start_s = median(at - media for at, media in pairs) if pairs else None
    if start_s is not None:
        _refuse_time_lapse(pairs)
        strays = sum(abs(at - media - start_s) > _STRAY_S for at, media in pairs)
        if strays:
            notes.append(
                f"{strays} of {len(pairs)} GPS times did not fit the footage and were mended"
            )
    elif camera_started_at is not None and any(s.media_s is not None for s in samples):
        notes.append("the positions carry no GPS time: the camera's clock is used")
    fixes = tuple(
        fix for sample in samples if (fix := _fix(sample, start_s, camera_started_at)) is not None
    )
    if samples and not fixes:
        raise InputError(
            "its positions carry no time, and the footage has no date; say when it began with "
            "--started-at"
        )
    return Recording(
        fixes=_sane(fixes),
        started_at=None if start_s is None else _EPOCH + timedelta(seconds=start_s),
        started_sigma_s=None if start_s is None else _sigma_s(pairs),
        device=device,
        notes=tuple(notes),
    )


def distance_m(one: LonLat, other: LonLat) -> float:
    """Return the distance of two near places on the sphere, within 0.5 %."""
    east, north = _apart_m(one, other)
    return math.hypot(east, north)


def _refuse_time_lapse(pairs: Sequence[tuple[float, float]]) -> None:
    (first_at, first), (last_at, last) = pairs[0], pairs[-1]
    if last - first < _LEAST_FOR_PACE_S:
        return
    pace = (last_at - first_at) / (last - first)
    slopes = [(b[0] - a[0]) / (b[1] - a[1]) for a, b in pairwise(pairs) if b[1] > a[1]]
    if abs(pace - 1) > _ODDEST_PACE and abs(median(slopes) - 1) > _ODDEST_PACE:
        raise InputError(
            f"this is time-lapse: a second of it is {pace:.1f} s by its GPS; record normal "
            "footage (no time-lapse, no parking mode)"
        )


def _fix(
    sample: TelemetrySample, start_s: float | None, camera_started_at: datetime | None
) -> RawFix | None:
    at = sample.at
    if sample.media_s is not None:
        if start_s is not None:
            expected = _EPOCH + timedelta(seconds=start_s + sample.media_s)
            if at is None or abs((at - expected).total_seconds()) > _STRAY_S:
                at = expected
        elif at is None and camera_started_at is not None:
            at = camera_started_at + timedelta(seconds=sample.media_s)
    if at is None:
        return None
    return RawFix(
        taken_at=at,
        place=sample.place,
        sigma_m=sample.sigma_m,
        speed_mps=sample.speed,
        course_deg=sample.course_deg,
    )


def _sigma_s(pairs: Sequence[tuple[float, float]]) -> float:
    steps = [b[1] - a[1] for a, b in pairwise(pairs) if b[1] > a[1]]
    slow = not steps or median(steps) > _SLOW_INTERVAL_S
    start = median(at - media for at, media in pairs)
    spread = median(abs(at - media - start) for at, media in pairs)
    return max(_SLOW_SIGMA_S if slow else _QUICK_SIGMA_S, spread)


def _sane(fixes: tuple[RawFix, ...]) -> tuple[RawFix, ...]:
    """Return fixes with speed in metres a second, and without courses that are none.

    Which unit a device writes is seen from how far it went meanwhile; a speed or course that fits
    nothing is left out rather than believed.
    """
    ratios, turns = [], []
    for a, b in pairwise(fixes):
        seconds = (b.taken_at - a.taken_at).total_seconds()
        went = distance_m(a.place, b.place) / seconds if seconds > 0 else 0.0
        if went < _LEAST_MPS:
            continue
        if a.speed_mps is not None:
            ratios.append(a.speed_mps / went)
        if a.course_deg is not None:
            east, north = _apart_m(a.place, b.place)
            heading = math.degrees(math.atan2(east, north))
            turns.append(abs((a.course_deg - heading + 180) % 360 - 180))
    unit = _unit(ratios)
    courses = len(turns) < _LEAST_PAIRS or median(turns) < _MOST_COURSE_OFF_DEG
    return tuple(
        replace(
            fix,
            speed_mps=None if unit is None or fix.speed_mps is None else fix.speed_mps / unit,
            course_deg=fix.course_deg if courses else None,
        )
        for fix in fixes
    )


def _unit(ratios: Sequence[float]) -> float | None:
    """Return how many of a device's units make a metre a second; None where it is not clear."""
    if len(ratios) < _LEAST_PAIRS:
        return None
    ratio = median(ratios)
    nearest = min(_UNITS, key=lambda unit: abs(math.log(max(ratio, 1e-6) / unit)))
    return nearest if abs(ratio / nearest - 1) < _LIKE else None


def _apart_m(one: LonLat, other: LonLat) -> tuple[float, float]:
    east = math.radians(other.lon_deg - one.lon_deg) * math.cos(math.radians(one.lat_deg))
    north = math.radians(other.lat_deg - one.lat_deg)
    return east * _EARTH_M, north * _EARTH_M
