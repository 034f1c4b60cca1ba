"""A drive along the roads of several authorities: each has what concerns its own.

The pieces of its footage are cut where it comes from one authority's roads to another's, so that
whatever is found, kept, voided or shown later belongs to one of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np

from pipeline.domain.agreements import Share
from pipeline.domain.footage import Piece
from pipeline.domain.ids import OrganisationId
from pipeline.domain.ports import Ledger
from pipeline.domain.roads import RoadSection
from pipeline.domain.uk_time import LONDON
from pipeline.line.prepare import PlacedClip, PreparedDrive, pieces_of
from pipeline.line.roads import box_around, match_track
from pipeline.line.settings import LineSettings
from pipeline.stages.match import MatchedDrive, MatchSettings
from pipeline.stages.place import Placer

# A boundary is looked for this often, and who has less than this of the road in one go has nothing.
_EVERY_M, _LEAST_M = 10.0, 25.0
# Two are as likely where their probabilities differ by no more than this: both have the road.
_AS_LIKELY = 0.05
_ROUND_IT = timedelta(seconds=1)


def share_once(
    prepared: PreparedDrive, *, ledger: Ledger, settings: MatchSettings
) -> PreparedDrive:
    """Return a drive with whose roads it came along, as was said of it first.

    It is shared with authorities with which its owner has an agreement, by the networks that they
    loaded. What lies on nobody's network, or on two, is that authority's for which the drive was
    handed in.

    Raises:
        OutageError: The database does not answer.
    """
    stored = with_stored_shares(prepared, ledger)
    drive = prepared.drive
    # What was found of it already is somebody's, and stays theirs.
    if stored.shares or ledger.has_findings(drive):
        return stored
    on = prepared.clips[0].begins_at.astimezone(LONDON).date()
    agreed = ledger.authorities_agreed(drive.owner_id, on)
    others = [one for one in agreed if one != drive.authority_id]
    roads: dict[OrganisationId, tuple[RoadSection, ...]] = {}
    for authority in (drive.authority_id, *others) if others else ():
        network_id = ledger.network_in_use(authority)
        if network_id is not None:
            roads[authority] = ledger.load_sections(
                authority, network_id, box_around(prepared.placer)
            )
    return replace(prepared, shares=ledger.save_shares(drive, shares_of(prepared, roads, settings)))


def with_stored_shares(prepared: PreparedDrive, ledger: Ledger) -> PreparedDrive:
    """Return a drive with what is stored of whose roads it came along."""
    return replace(prepared, shares=ledger.load_shares(prepared.drive))


def shares_of(
    prepared: PreparedDrive,
    roads: Mapping[OrganisationId, Sequence[RoadSection]],
    settings: MatchSettings,
) -> tuple[Share, ...]:
    """Return whose roads a drive came along, from its beginning to its end.

    Args:
        prepared: The drive.
        roads: The sections near it, of each authority that may have a share.
        settings: What a drive on a road looks like.

    Returns:
        One share for all of it where that is the authority's for which it was handed in.
    """
    home = prepared.drive.authority_id
    owner_of: list[OrganisationId] = []
    sections: list[RoadSection] = []
    for number, (authority, some) in enumerate(roads.items()):
        owner_of += [authority] * len(some)
        sections += [replace(one, section_id=f"{number} {one.section_id}") for one in some]
    matched = None if set(owner_of) <= {home} else match_track(prepared.placer, sections, settings)
    runs = [(home, 0)]
    if matched is not None:
        runs = _runs(_authorities(prepared.placer, matched, owner_of, home), home)
    edges = prepared.placer.instants_at([at * _EVERY_M for _, at in runs[1:]])
    first, last = prepared.clips[0], prepared.clips[-1]
    started_at, ended_at = prepared.placer.tracked
    begin = min(first.begins_at, started_at)
    end = max(last.instant_at(last.clip.duration_s), ended_at) + _ROUND_IT
    return tuple(
        Share(authority_id=authority, from_at=a, to_at=b)
        for (authority, _), (a, b) in zip(runs, pairwise((begin, *edges, end)), strict=True)
    )


def _authorities(
    placer: Placer,
    matched: MatchedDrive,
    owner_of: Sequence[OrganisationId],
    home: OrganisationId,
) -> list[OrganisationId]:
    """Return whose the road is, every so many metres driven."""
    found: list[OrganisationId] = []
    last = home
    for at in np.arange(0.0, placer.length_m + _EVERY_M, _EVERY_M).tolist():
        likely: dict[OrganisationId, float] = {}
        on_none = 0.0
        for section, share in matched.sections_at(min(at, placer.length_m)).items():
            if section < 0:
                on_none += share
            else:
                likely[owner_of[section]] = likely.get(owner_of[section], 0.0) + share
        if likely and max(likely.values()) > on_none:
            most = max(likely.values()) - _AS_LIKELY
            best = sorted(one for one, share in likely.items() if share >= most)
            last = next((one for one in (home, last) if one in best), best[0])
        found.append(last)
    return found


def _runs(
    whose: Sequence[OrganisationId], home: OrganisationId
) -> list[tuple[OrganisationId, int]]:
    """Return who has the road, and from which place in the row on; short visits are left out.

    A short visit goes to who had the road before; at the beginning, to who has it next.
    """
    edges = [0, *(n for n in range(1, len(whose)) if whose[n] != whose[n - 1]), len(whose)]
    runs: list[tuple[OrganisationId, int]] = []
    for begin, end in pairwise(edges):
        is_long = (end - begin) * _EVERY_M >= _LEAST_M
        if is_long and (not runs or runs[-1][0] != whose[begin]):
            runs.append((whose[begin], begin if runs else 0))
    return runs or [(home, 0)]


def pieces_in(
    prepared: PreparedDrive, placed: PlacedClip, *, settings: LineSettings
) -> Iterator[Piece]:
    """Yield the pieces of a clip, each on the roads of one authority."""
    clip = placed.clip
    cuts = [
        clip.pts_at(placed.clock.seconds(placed.started_at, share.from_at))
        for share in prepared.shares[1:]
    ]
    for piece in pieces_of(clip, settings=settings):
        # The last piece of a clip reaches beyond its end, where there is nothing to be cut.
        end = min(piece.to_pts, clip.pts_at(clip.duration_s))
        inside = [cut for cut in cuts if piece.from_pts < cut < end]
        for a, b in pairwise((piece.from_pts, *inside, piece.to_pts)):
            yield Piece(clip_sha256=clip.sha256, from_pts=a, to_pts=b)


def authorities_on(prepared: PreparedDrive) -> tuple[OrganisationId, ...]:
    """Return along whose roads a drive came, each once, in order."""
    shared = [share.authority_id for share in prepared.shares]
    return tuple(dict.fromkeys(shared or [prepared.drive.authority_id]))


def for_authority(prepared: PreparedDrive, authority: OrganisationId) -> PreparedDrive:
    """Return a drive as one on the roads of one authority."""
    return replace(prepared, drive=replace(prepared.drive, authority_id=authority))


def for_piece(prepared: PreparedDrive, placed: PlacedClip, piece: Piece) -> PreparedDrive:
    """Return a drive as one on the roads of that authority on whose a piece of it is."""
    clip = placed.clip
    end = min(clip.seconds_at(piece.to_pts), max(clip.duration_s, clip.seconds_at(piece.from_pts)))
    middle = placed.instant_at((clip.seconds_at(piece.from_pts) + end) / 2)
    for share in prepared.shares:
        if share.from_at <= middle < share.to_at:
            return for_authority(prepared, share.authority_id)
    return prepared
