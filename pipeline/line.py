"""The whole line: load, think, save, written against ports only.

A drive is prepared once (its track, its clips, where they lie in time). Each piece of it is then
surveyed by itself: frames are read, judged, looked at, placed, and the few pictures worth keeping
are redacted before anything else happens to them. Gathering takes the observations of many
pieces and makes defects of them.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import TypeVar

from pipeline.domain.camera import CameraRig
from pipeline.domain.defects import Constraint, Defect, DefectChange
from pipeline.domain.errors import InputError
from pipeline.domain.evidence import Still
from pipeline.domain.footage import Clip, Drive, Frame, FrameRef, Piece
from pipeline.domain.ids import DefectId, ObservationId
from pipeline.domain.looks import Look, Looked, NotLooked, NotLookedReason
from pipeline.domain.observations import Coverage, Observation
from pipeline.domain.policy import CouncilPolicy, QueueRule
from pipeline.domain.ports import Detector, Footage, Grid
from pipeline.domain.queue import QueueEntry
from pipeline.domain.roads import RoadFacts
from pipeline.domain.runs import Run
from pipeline.domain.track import ClockOffset, Pose, RawFix
from pipeline.stages.cover import LookedAt, Stretch, cover_stretches
from pipeline.stages.describe import changes_between, describe_defect
from pipeline.stages.detect import look_at_frames
from pipeline.stages.gather import GatherSettings, fuse_position, gather_observations
from pipeline.stages.locate import (
    Footprint,
    LocateSettings,
    Sighting,
    footprint,
    locate_detection,
)
from pipeline.stages.place import Placer, PlaceSettings, make_track, sift_fixes
from pipeline.stages.prioritise import prioritise
from pipeline.stages.redact import (
    Candidate,
    CandidateKeeper,
    RedactSettings,
    redacted_stills,
    road_view,
)
from pipeline.stages.sample import SampleSettings, WantedLook, look_chainages, plan_looks
from pipeline.stages.screen import ScreenSettings, screen_frame, sharpness

_T = TypeVar("_T")
_SAME_LENGTH_SHARE = 0.1
_SAME_LENGTH_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """Everything that can change what the line finds, beside detector, rig and clock.

    Attributes:
        piece_s: How much footage is one unit of work and of transaction.
        clock_sigma_s: Assumed where a camera's clock was not checked against its GPS.
        road_view_every_m: A redacted road view so often where nothing was found; None for none.
    """

    place: PlaceSettings = field(default_factory=PlaceSettings)
    sample: SampleSettings = field(default_factory=SampleSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    locate: LocateSettings = field(default_factory=LocateSettings)
    redact: RedactSettings = field(default_factory=RedactSettings)
    gather: GatherSettings = field(default_factory=GatherSettings)
    piece_s: float = 120.0
    clock_sigma_s: float = 0.5
    road_view_every_m: float | None = None

    @property
    def sha256(self) -> str:
        """A hash of all values: two runs under different settings are two runs."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedClip:
    """A clip and where it lies in time.

    Attributes:
        location: Where its bytes are.
        started_at: When the first frame was taken, by the camera's clock.
    """

    location: str
    clip: Clip
    started_at: datetime
    clock: ClockOffset

    @property
    def begins_at(self) -> datetime:
        """True time of the first frame."""
        return self.started_at + timedelta(seconds=self.clock.offset_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDrive:
    """A drive ready to be surveyed."""

    drive: Drive
    clips: tuple[PlacedClip, ...]
    placer: Placer
    refused_fixes: Mapping[str, int]
    rig: CameraRig

    def span_m(self) -> tuple[float, float]:
        """Chainage at which the first clip begins and the last one ends."""
        first, last = self.clips[0], self.clips[-1]
        end = last.begins_at + timedelta(seconds=last.clip.duration_s)
        return self.placer.chainage_at(first.begins_at), self.placer.chainage_at(end)


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceFindings:
    """What one piece gave.

    Attributes:
        refused: Frames that were not looked at, with chainage and outcome.
        looked: How many frames were judged.
        decoded: How many frames were decoded to get at them.
        cut_at_s: Where the footage ended before its index said, seconds into the clip.
        stage_s: Seconds spent in each stage.
    """

    run: Run
    observations: tuple[Observation, ...]
    coverage: tuple[Coverage, ...]
    refused: tuple[tuple[FrameRef | None, float, NotLooked], ...]
    stills: tuple[Still, ...]
    looked: int
    decoded: int
    cut_at_s: float | None
    stage_s: Mapping[str, float]

    @property
    def not_looked(self) -> Counter[str]:
        """How many looks failed, by reason."""
        return Counter(look.reason.value for _, _, look in self.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Defects and what changed them."""

    defects: Mapping[DefectId, Defect]
    member_of: Mapping[ObservationId, DefectId]
    changes: tuple[DefectChange, ...]


def read_clip(location: str, footage: Footage) -> Clip:
    """Return what a clip's index says.

    Raises:
        InputError: The file cannot be read as footage.
    """
    with footage.open(location) as reader:
        return reader.clip


def prepare_drive(
    drive: Drive,
    clips: Sequence[tuple[str, Clip]],
    fixes: Sequence[RawFix],
    *,
    rig_for: Callable[[Clip], CameraRig],
    grid: Grid,
    settings: LineSettings,
    started_at: datetime | None = None,
    clock: ClockOffset | None = None,
) -> PreparedDrive:
    """Place a drive's clips on its track.

    Args:
        drive: Whose it is.
        clips: Where each clip is and what its index says, in any order.
        fixes: The raw track.
        rig_for: Gives the camera's rig for a clip, or refuses.
        grid: The National Grid.
        settings: The line's settings.
        started_at: When the first clip's first frame was taken, if the person says so.
        clock: The camera's clock offset, if known.

    Raises:
        InputError: The track has nothing usable or does not meet the footage, a clip does not
            say when it was taken, or the rig is for another picture size.
    """
    sifted = sift_fixes(fixes, settings=settings.place)
    track = make_track(
        sifted.kept, grid.to_grid([fix.place for fix in sifted.kept]), settings=settings.place
    )
    rigs = [rig_for(clip) for _, clip in clips]
    placed = _place_clips(clips, (track.started_at, track.ended_at), started_at, clock, settings)
    return PreparedDrive(
        drive=drive,
        clips=placed,
        placer=Placer(track, settings.place),
        refused_fixes=sifted.refused,
        rig=rigs[0],
    )


def pieces_of(clip: Clip, *, settings: LineSettings) -> tuple[Piece, ...]:
    """Return the pieces of a clip: equal spans, the last one reaching past the clip's end."""
    count = max(1, int(clip.duration_s // settings.piece_s))
    edges = [clip.pts_at(i * settings.piece_s) for i in range(count)]
    edges.append(clip.pts_at(max(clip.duration_s, count * settings.piece_s)) + (1 << 40))
    return tuple(
        Piece(clip_sha256=clip.sha256, from_pts=a, to_pts=b)
        for a, b in zip(edges, edges[1:], strict=False)
    )


def survey_piece(
    prepared: PreparedDrive,
    placed: PlacedClip,
    piece: Piece,
    *,
    footage: Footage,
    detector: Detector,
    settings: LineSettings,
    on_look: Callable[[float], None] = lambda _: None,
) -> PieceFindings:
    """Take one piece of footage down the line, up to its redacted pictures.

    Args:
        prepared: The drive.
        placed: The clip.
        piece: Which part of it.
        footage: Opens it.
        detector: Looks at it.
        settings: The line's settings.
        on_look: Told the chainage after every look, for progress.

    Raises:
        InputError: The clip cannot be opened.
    """
    run = Run(
        drive_id=prepared.drive.drive_id,
        piece=piece,
        detector=detector.identity,
        rig=prepared.rig,
        clock=placed.clock,
        settings_sha256=settings.sha256,
    )
    survey = _PieceSurvey(
        run=run, prepared=prepared, placed=placed, settings=settings,
        view=footprint(prepared.rig, settings=settings.locate),
    )
    plan, blind = _planned(prepared, placed, piece, settings)
    with footage.open(placed.location) as reader:
        wanted = survey.timed("decode", reader.frames([look.pts for look in plan]))
        looks = survey.timed(
            "detect",
            look_at_frames(
                wanted, detector, screen=survey.timed_call("screen", survey.screen)
            ),
        )
        for frame, look in looks:
            survey.take(frame, look)
            on_look(prepared.placer.chainage_at(survey.instant(frame.ref)))
        decoded = reader.decoded
        cut = reader.cut_at_pts
    survey.close()
    cut_at_s = None if cut is None else placed.clip.seconds_at(cut)
    missed = survey.unread(plan, cut_at_s)
    return survey.findings((*blind, *missed), decoded=decoded, cut_at_s=cut_at_s)


def gather_defects(
    observations: Iterable[Observation],
    *,
    before: Mapping[DefectId, Defect],
    known: Mapping[ObservationId, DefectId],
    constraints: Sequence[Constraint],
    rule: QueueRule,
    settings: LineSettings,
) -> Gathered:
    """Make defects of observations, keeping ids, states and what persons have said."""
    clusters = gather_observations(
        observations, constraints=constraints, known=known, settings=settings.gather
    )
    defects = {
        cluster.defect_id: describe_defect(
            cluster.defect_id,
            cluster.groups,
            fuse_position(cluster.groups),
            rule=rule,
            before=before.get(cluster.defect_id),
        )
        for cluster in clusters
    }
    return Gathered(
        defects=defects,
        member_of={o.observation_id: c.defect_id for c in clusters for o in c.observations},
        changes=changes_between(before, defects),
    )


def rank_defects(
    defects: Iterable[Defect], roads: Mapping[DefectId, RoadFacts], *, policy: CouncilPolicy
) -> tuple[QueueEntry, ...]:
    """Return the queue, the most urgent first."""
    return prioritise(defects, roads, policy=policy)


def _place_clips(
    clips: Sequence[tuple[str, Clip]],
    track: tuple[datetime, datetime],
    started_at: datetime | None,
    clock: ClockOffset | None,
    settings: LineSettings,
) -> tuple[PlacedClip, ...]:
    """Say when each clip was taken; the whole drive must meet the track."""
    known = [clip.started_at for _, clip in clips if clip.started_at is not None]
    ordered = sorted(clips, key=lambda c: (c[1].started_at or min(known, default=track[0]), c[0]))
    total_s = sum(clip.duration_s for _, clip in ordered)
    start, assumed = _first_start(ordered[0][1], total_s, track, started_at, settings)
    used = clock or assumed
    first = ordered[0][1]
    placed: list[PlacedClip] = []
    follows = start
    for location, clip in ordered:
        begins = follows
        if clip.started_at is not None and first.started_at is not None:
            begins = max(start + (clip.started_at - first.started_at), start)
        placed.append(
            PlacedClip(location=location, clip=clip, started_at=begins, clock=used)
        )
        follows = begins + timedelta(seconds=clip.duration_s)
    begins_at, ends_at = placed[0].begins_at, follows + timedelta(seconds=used.offset_s)
    if ends_at < track[0] or begins_at > track[1]:
        raise InputError(
            f"the track ({_span(*track)}) does not overlap the footage "
            f"({_span(begins_at, ends_at)}); if the camera's clock is wrong, say when the footage "
            "began with --started-at, or give the track of that day"
        )
    return tuple(placed)


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


def _planned(
    prepared: PreparedDrive, placed: PlacedClip, piece: Piece, settings: LineSettings
) -> tuple[tuple[WantedLook, ...], list[tuple[FrameRef | None, float, NotLooked]]]:
    """Return the looks to take, and those that have no position and are not even decoded."""
    placer = prepared.placer
    chainages = look_chainages(0.0, placer.length_m, settings=settings.sample)
    looks = plan_looks(
        chainages,
        placer.instants_at(chainages),
        clip=placed.clip,
        started_at=placed.started_at,
        clock=placed.clock,
        piece=piece,
    )
    nowhere = NotLooked(reason=NotLookedReason.NO_POSITION)
    blind = [(None, x.chainage_m, nowhere) for x in looks if not placer.is_placeable(x.instant)]
    return tuple(x for x in looks if placer.is_placeable(x.instant)), blind


@dataclass(slots=True, kw_only=True)
class _PieceSurvey:
    """What accumulates while one piece goes down the line."""

    run: Run
    prepared: PreparedDrive
    placed: PlacedClip
    settings: LineSettings
    view: Footprint | None
    observations: list[Observation] = field(default_factory=list)
    outcomes: list[LookedAt] = field(default_factory=list)
    refused: list[tuple[FrameRef | None, float, NotLooked]] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)
    looked: int = 0
    last_view_m: float = float("-inf")
    stage_s: Counter[str] = field(default_factory=Counter)
    keeper: CandidateKeeper = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = CandidateKeeper(self.settings.redact)

    def instant(self, ref: FrameRef) -> datetime:
        """Return the true time of a frame."""
        seconds = self.placed.clip.seconds_at(ref.pts)
        return self.placed.begins_at + timedelta(seconds=seconds)

    def screen(self, frame: Frame) -> NotLooked | None:
        return screen_frame(frame.pixels, settings=self.settings.screen)

    def take(self, frame: Frame, look: Look) -> None:
        """Place what one frame shows; a frame without a position was not looked at."""
        began = perf_counter()
        try:
            pose = self.prepared.placer.pose_at(self.instant(frame.ref))
        except InputError as error:
            at = self.prepared.placer.chainage_at(self.instant(frame.ref))
            self._refuse(
                frame.ref, at, NotLooked(reason=NotLookedReason.NO_POSITION, detail=str(error))
            )
            return
        if isinstance(look, NotLooked) or self.view is None:
            reason = look if isinstance(look, NotLooked) else _out_of_view()
            self._refuse(frame.ref, pose.chainage_m, reason)
            return
        self.looked += 1
        self.outcomes.append(LookedAt(chainage_m=pose.chainage_m, reason=None))
        found = self._locate(frame, look, pose)
        self.stage_s["locate"] += perf_counter() - began
        began = perf_counter()
        self._keep(frame, look, found, pose)
        self.stage_s["redact"] += perf_counter() - began

    def close(self) -> None:
        """Redact what is still waiting."""
        began = perf_counter()
        for candidates in self.keeper.close():
            self._write(candidates)
        self.stage_s["redact"] += perf_counter() - began

    def unread(
        self, plan: Sequence[WantedLook], cut_at_s: float | None
    ) -> list[tuple[FrameRef | None, float, NotLooked]]:
        """Return the looks for which no frame came: the footage ended or was damaged there."""
        damaged = NotLooked(reason=NotLookedReason.FOOTAGE_DAMAGED)
        if cut_at_s is None:
            return []
        clip = self.placed.clip
        return [
            (None, look.chainage_m, damaged)
            for look in plan
            if cut_at_s < clip.seconds_at(look.pts) < clip.duration_s
        ]

    def findings(
        self,
        unseen: Sequence[tuple[FrameRef | None, float, NotLooked]],
        *,
        decoded: int,
        cut_at_s: float | None,
    ) -> PieceFindings:
        """Return everything, with the coverage that follows."""
        refused = (*self.refused, *unseen)
        outcomes = [*self.outcomes]
        outcomes += [LookedAt(chainage_m=at, reason=look.reason) for _, at, look in refused]
        stage_s = dict(self.stage_s)
        stage_s["detect"] -= stage_s.get("decode", 0.0) + stage_s.get("screen", 0.0)
        return PieceFindings(
            run=self.run,
            observations=tuple(self.observations),
            coverage=self._coverage(outcomes),
            refused=refused,
            stills=tuple(self.stills),
            looked=self.looked,
            decoded=decoded,
            cut_at_s=cut_at_s,
            stage_s=stage_s,
        )

    def timed(self, stage: str, source: Iterable[_T]) -> Iterator[_T]:
        """Pass items on, adding the time that each took to come."""
        items = iter(source)
        while True:
            began = perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self.stage_s[stage] += perf_counter() - began  # type: ignore[assignment]
            yield item

    def timed_call(
        self, stage: str, call: Callable[[Frame], NotLooked | None]
    ) -> Callable[[Frame], NotLooked | None]:
        """Return the call, adding the time that it takes."""

        def measured(frame: Frame) -> NotLooked | None:
            began = perf_counter()
            verdict = call(frame)
            self.stage_s[stage] += perf_counter() - began  # type: ignore[assignment]
            return verdict

        return measured

    def _refuse(self, ref: FrameRef, chainage_m: float, look: NotLooked) -> None:
        self.refused.append((ref, chainage_m, look))

    def _locate(self, frame: Frame, look: Looked, pose: Pose) -> list[Observation]:
        rig = self.prepared.rig
        scale = max(rig.width_px, rig.height_px) / self.run.detector.longest_side_px
        sighting = Sighting(
            run_id=self.run.run_id,
            drive_id=self.run.drive_id,
            frame=frame.ref,
            seen_at=pose.taken_at,
            pose=pose,
            clock_sigma_s=self.placed.clock.sigma_s,
        )
        found = [
            locate_detection(
                detection, sighting, rig, network_scale=scale, settings=self.settings.locate
            )
            for detection in look.defects
        ]
        placed = [observation for observation in found if observation is not None]
        self.observations += placed
        return placed

    def _keep(
        self, frame: Frame, look: Looked, found: Sequence[Observation], pose: Pose
    ) -> None:
        for observation in found:
            box = observation.box
            crop = frame.pixels[
                int(box.top_px) : int(box.bottom_px) + 1, int(box.left_px) : int(box.right_px) + 1
            ]
            self.keeper.offer(
                observation, frame, look.bystanders, sharpness=sharpness(crop)
            )
        for candidates in self.keeper.passed(pose.chainage_m):
            self._write(candidates)
        every = self.settings.road_view_every_m
        if every is not None and not look.defects and pose.chainage_m - self.last_view_m >= every:
            self.last_view_m = pose.chainage_m
            self.stills.append(
                road_view(
                    frame, look.bystanders, self.prepared.rig, chainage_m=pose.chainage_m,
                    settings=self.settings.redact,
                )
            )

    def _write(self, candidates: Sequence[Candidate]) -> None:
        self.stills += redacted_stills(
            candidates, self.prepared.rig, settings=self.settings.redact
        )

    def _coverage(self, outcomes: Sequence[LookedAt]) -> tuple[Coverage, ...]:
        view = self.view or Footprint(near_m=0.0, far_m=0.0, left_m=0.0, right_m=0.0)
        placer = self.prepared.placer
        stretches = cover_stretches(
            sorted(outcomes, key=lambda outcome: outcome.chainage_m),
            near_m=view.near_m,
            far_m=view.far_m,
            spacing_m=self.settings.sample.spacing_m,
            limit_m=placer.length_m,
        )
        return tuple(self._as_coverage(stretch, view) for stretch in stretches)

    def _as_coverage(self, stretch: Stretch, view: Footprint) -> Coverage:
        seen = stretch.reason is None
        return Coverage(
            run_id=self.run.run_id,
            from_m=stretch.from_m,
            to_m=stretch.to_m,
            reason=stretch.reason,
            left_m=view.left_m if seen else 0.0,
            right_m=view.right_m if seen else 0.0,
            line=self.prepared.placer.points_between(stretch.from_m, stretch.to_m),
        )


def _out_of_view() -> NotLooked:
    return NotLooked(
        reason=NotLookedReason.OUT_OF_VIEW,
        detail="by its rig, this camera shows no road within the range limit",
    )
