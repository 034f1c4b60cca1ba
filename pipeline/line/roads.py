"""A drive on the road network: load the track's samples, match them. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.domain.agreements import Share
from pipeline.domain.coverage import SectionSpan, Stretch
from pipeline.domain.ids import ObservationId
from pipeline.domain.observations import Observation
from pipeline.domain.roads import Box, OnRoad, RoadSection
from pipeline.domain.track import Pose
from pipeline.geometry.network import RoadNetwork
from pipeline.line.sections import spans_on_sections
from pipeline.stages.match import (
    MatchedDrive,
    MatchSettings,
    TrackSamples,
    match_drive,
    place_on_road,
)
from pipeline.stages.place import Placer, TrackGapError

_ROUND_IT_M = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadsFound:
    """How many sightings were placed on a road, and how many on none that is known."""

    placed: int
    on_no_road: int

    def __add__(self, other: "RoadsFound") -> "RoadsFound":
        """Return the counts of both."""
        return RoadsFound(
            placed=self.placed + other.placed, on_no_road=self.on_no_road + other.on_no_road
        )


def box_around(placer: Placer) -> Box:
    """Return the rectangle that holds a track and what lies beside it."""
    points = placer.points_between(0.0, placer.length_m)
    east, north = ([getattr(p, axis) for p in points] for axis in ("easting_m", "northing_m"))
    return Box(
        west_m=min(east) - _ROUND_IT_M,
        south_m=min(north) - _ROUND_IT_M,
        east_m=max(east) + _ROUND_IT_M,
        north_m=max(north) + _ROUND_IT_M,
    )


def places_on_roads(
    observations: Sequence[Observation], matched: MatchedDrive | None
) -> dict[ObservationId, OnRoad | None]:
    """Return the section of each sighting; None where the vehicle was on no known road."""
    if matched is None:
        return {o.observation_id: None for o in observations}
    return {
        o.observation_id: place_on_road(
            matched,
            (o.at.easting_m, o.at.northing_m),
            chainage_m=o.chainage_m,
            heading_deg=o.heading_deg,
            sigma_m=math.sqrt((o.error.var_e + o.error.var_n) / 2),
        )
        for o in observations
    }


def lay_on_sections(
    stretches: Sequence[Stretch], placer: Placer, matched: MatchedDrive
) -> tuple[SectionSpan, ...]:
    """Return what a drive looked at on each section of a network."""

    def at(chainage_m: float) -> tuple[float, float]:
        [begin, *_] = placer.points_between(chainage_m, chainage_m)
        return begin.easting_m, begin.northing_m

    return spans_on_sections(
        stretches, matched, at=at, instant=lambda chainage_m: placer.instants_at([chainage_m])[0]
    )


def match_track(
    placer: Placer,
    sections: Sequence[RoadSection],
    settings: MatchSettings,
    *,
    shares: Sequence[Share] = (),
) -> MatchedDrive | None:
    """Match a track to roads; None without any, or where no part of the track can be placed.

    Args:
        placer: The track.
        sections: The roads.
        settings: What a drive on a road looks like.
        shares: Only at these times was it on them; at any where there is none.
    """
    samples = samples_of(placer, settings, shares=shares)
    if samples is None or not sections:
        return None
    return match_drive(samples, RoadNetwork(sections), settings=settings)


def samples_of(
    placer: Placer, settings: MatchSettings, *, shares: Sequence[Share] = ()
) -> TrackSamples | None:
    """Return where a vehicle was, about every so many metres driven; gaps are left out.

    Where there are shares, what lies in none of them is left out too.
    """
    count = max(int(placer.length_m // settings.every_m), 1)
    chainages = np.linspace(0.0, placer.length_m, count + 1).tolist()
    poses: list[Pose] = []
    follows: list[bool] = []
    unbroken = False
    for instant in placer.instants_at(chainages):
        meant = not shares or any(one.from_at <= instant < one.to_at for one in shares)
        pose = _pose_or_none(placer, instant) if meant else None
        if pose is not None:
            poses.append(pose)
            follows.append(unbroken)
        unbroken = pose is not None
    if not poses:
        return None
    start = poses[0].taken_at
    return TrackSamples(
        second=np.array([(pose.taken_at - start).total_seconds() for pose in poses]),
        chainage_m=np.array([pose.chainage_m for pose in poses]),
        at=np.array([(pose.at.easting_m, pose.at.northing_m) for pose in poses]),
        heading_deg=np.array([pose.heading_deg for pose in poses]),
        sigma_m=np.sqrt([(pose.error.var_e + pose.error.var_n) / 2 for pose in poses]),
        follows=np.array(follows),
    )


def _pose_or_none(placer: Placer, instant: datetime) -> Pose | None:
    try:
        return placer.pose_at(instant)
    except TrackGapError:
        return None
