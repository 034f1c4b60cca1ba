"""Take one piece of footage down the line, up to its redacted pictures."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import TypeVar

from pipeline.domain.coverage import Stretch
from pipeline.domain.errors import InputError
from pipeline.domain.evidence import Still
from pipeline.domain.findings import Findings
from pipeline.domain.footage import Frame, FrameRef, Piece
from pipeline.domain.looks import Look, Looked, NotLooked, NotLookedReason
from pipeline.domain.observations import Coverage, Observation
from pipeline.domain.ports import Detector, Footage
from pipeline.domain.runs import Run, RunMark
from pipeline.domain.track import Pose
from pipeline.line.prepare import PlacedClip, PreparedDrive
from pipeline.line.settings import LineSettings
from pipeline.stages.cover import LookedAt, cover_stretches
from pipeline.stages.detect import look_at_frames
from pipeline.stages.locate import (
    Footprint,
    Sighting,
    footprint,
    locate_detection,
)
from pipeline.stages.redact import (
    CandidateKeeper,
    road_view,
)
from pipeline.stages.sample import WantedLook, look_chainages, plan_looks
from pipeline.stages.screen import screen_frame, sharpness

_T = TypeVar("_T")

# A frame that comes later than this after it was wanted shows another stretch of road.
_LATE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a piece is surveyed with.

    Attributes:
        mark: Whether what is found counts, or is a study's.
        on_look: Told the chainage after every look, for progress.
    """

    footage: Footage
    detector: Detector
    settings: LineSettings
    mark: RunMark = RunMark.LIVE
    on_look: Callable[[float], None] = field(default=lambda _: None)


def run_of(
    prepared: PreparedDrive,
    placed: PlacedClip,
    piece: Piece,
    means: Means,
) -> Run:
    """Return what identifies the processing of a piece."""
    return Run(
        drive_id=prepared.drive.drive_id,
        piece=piece,
        detector=means.detector.identity,
        rig=prepared.rig,
        clock=placed.clock,
        settings_sha256=means.settings.sha256,
        mark=means.mark,
    )


def survey_piece(
    prepared: PreparedDrive,
    placed: PlacedClip,
    piece: Piece,
    means: Means,
) -> Findings:
    """Take one piece of footage down the line, up to its redacted pictures.

    Args:
        prepared: The drive.
        placed: The clip.
        piece: Which part of it.
        means: What it is surveyed with.

    Raises:
        InputError: The clip cannot be opened.
    """
    settings = means.settings
    run = run_of(prepared, placed, piece, means)
    survey = _PieceSurvey(
        run=run,
        prepared=prepared,
        placed=placed,
        settings=settings,
        view=footprint(prepared.rig, settings=settings.locate),
    )
    plan, blind = _planned(prepared, placed, piece, settings)
    with ExitStack() as stack:
        reader = stack.enter_context(means.footage.open(placed.location))
        frames = stack.enter_context(closing(reader.frames([look.frame for look in plan])))
        wanted = survey.timed("decode", frames)
        looks = survey.timed(
            "detect",
            look_at_frames(
                wanted, means.detector, screen=survey.timed_call("screen", survey.screen)
            ),
        )
        for frame, look in looks:
            survey.take(frame, look)
            means.on_look(prepared.placer.chainage_at(survey.instant(frame.ref)))
        decoded = reader.decoded
        cut = reader.cut_at_pts
    survey.close()
    cut_at_s = None if cut is None else placed.clip.seconds_at(cut)
    missed = survey.unread(plan)
    return survey.findings((*blind, *missed), decoded=decoded, cut_at_s=cut_at_s)


def _planned(
    prepared: PreparedDrive, placed: PlacedClip, piece: Piece, settings: LineSettings
) -> tuple[tuple[WantedLook, ...], list[tuple[FrameRef | None, float, NotLooked]]]:
    """Return the looks to take, and those that would show nothing and are not even decoded."""
    placer = prepared.placer
    chainages = look_chainages(0.0, placer.length_m, settings=settings.sample)
    late_m = settings.sample.spacing_m * settings.sample.late_share
    later = [chainage + late_m for chainage in chainages]
    looks = plan_looks(
        chainages,
        list(zip(placer.instants_at(chainages), placer.instants_at(later), strict=True)),
        clip=placed.clip,
        started_at=placed.started_at,
        clock=placed.clock,
        piece=piece,
    )
    nowhere = NotLooked(reason=NotLookedReason.NO_POSITION)
    backwards = NotLooked(reason=NotLookedReason.OUT_OF_VIEW, detail="the vehicle reversed")
    blind: list[tuple[FrameRef | None, float, NotLooked]] = []
    usable: list[WantedLook] = []
    for look in looks:
        if not placer.is_placeable(look.instant):
            blind.append((None, look.chainage_m, nowhere))
        elif placer.is_reversing(look.instant):
            blind.append((None, look.chainage_m, backwards))
        elif (spoilt := _spoilt(placed, look)) is not None:
            blind.append((None, look.chainage_m, spoilt))
        else:
            usable.append(look)
    return tuple(usable), blind


def _spoilt(placed: PlacedClip, look: WantedLook) -> NotLooked | None:
    """Return why a look lies in a minute that is not used; None if it does not."""
    if placed.quality is None:
        return None
    reason = placed.quality.reason_at(placed.clip.seconds_at(look.frame.pts))
    return None if reason is None else NotLooked(reason=reason, detail="the whole minute")


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
    delivered: list[int] = field(default_factory=list)
    looked: int = 0
    last_view_m: float = float("-inf")
    stage_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    keeper: CandidateKeeper = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = CandidateKeeper(self.prepared.rig, self.settings.redact)

    def instant(self, ref: FrameRef) -> datetime:
        """Return the true time of a frame."""
        return self.placed.instant_at(self.placed.clip.seconds_at(ref.pts))

    def screen(self, frame: Frame) -> NotLooked | None:
        return screen_frame(frame.pixels, settings=self.settings.screen)

    def take(self, frame: Frame, look: Look) -> None:
        """Place what one frame shows; a frame without a position was not looked at."""
        self.delivered.append(frame.ref.pts)
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
        for stills in self.keeper.close():
            self.stills += stills
        self.stage_s["redact"] += perf_counter() - began

    def unread(self, plan: Sequence[WantedLook]) -> list[tuple[FrameRef | None, float, NotLooked]]:
        """Return the looks for which no frame came: the footage ended or was damaged there."""
        damaged = NotLooked(reason=NotLookedReason.FOOTAGE_DAMAGED)
        clip = self.placed.clip
        near = _LATE_S / float(clip.time_base)
        missing: list[tuple[FrameRef | None, float, NotLooked]] = []
        for look in plan:
            wanted = look.frame
            at = bisect_left(self.delivered, wanted.pts)
            latest = max(wanted.latest_pts, wanted.pts + near)
            came = at < len(self.delivered) and self.delivered[at] <= latest
            if not came and clip.seconds_at(wanted.pts) < clip.duration_s - _LATE_S:
                missing.append((None, look.chainage_m, damaged))
        return missing

    def findings(
        self,
        unseen: Sequence[tuple[FrameRef | None, float, NotLooked]],
        *,
        decoded: int,
        cut_at_s: float | None,
    ) -> Findings:
        """Return everything, with the coverage that follows."""
        refused = (*self.refused, *unseen)
        outcomes = [*self.outcomes]
        outcomes += [LookedAt(chainage_m=at, reason=look.reason) for _, at, look in refused]
        stage_s = dict(self.stage_s)
        stage_s["detect"] -= stage_s.get("decode", 0.0) + stage_s.get("screen", 0.0)
        return Findings(
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
                self.stage_s[stage] += perf_counter() - began
            yield item

    def timed_call(
        self, stage: str, call: Callable[[Frame], NotLooked | None]
    ) -> Callable[[Frame], NotLooked | None]:
        """Return the call, adding the time that it takes."""

        def measured(frame: Frame) -> NotLooked | None:
            began = perf_counter()
            verdict = call(frame)
            self.stage_s[stage] += perf_counter() - began
            return verdict

        return measured

    def _refuse(self, ref: FrameRef, chainage_m: float, look: NotLooked) -> None:
        self.refused.append((ref, chainage_m, look))

    def _locate(self, frame: Frame, look: Looked, pose: Pose) -> list[Observation]:
        braking_mps2 = self.prepared.placer.braking_at(pose.taken_at)
        rig = self.prepared.rig.when_braking(braking_mps2)
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

    def _keep(self, frame: Frame, look: Looked, found: Sequence[Observation], pose: Pose) -> None:
        for observation in found:
            box = observation.box
            crop = frame.pixels[
                int(box.top_px) : int(box.bottom_px) + 1, int(box.left_px) : int(box.right_px) + 1
            ]
            self.keeper.offer(observation, frame, look.bystanders, sharpness=sharpness(crop))
        for stills in self.keeper.passed(pose.chainage_m):
            self.stills += stills
        every = self.settings.road_view_every_m
        if every is not None and not look.defects and pose.chainage_m - self.last_view_m >= every:
            self.last_view_m = pose.chainage_m
            self.stills.append(
                road_view(
                    frame,
                    look.bystanders,
                    self.prepared.rig,
                    chainage_m=pose.chainage_m,
                    settings=self.settings.redact,
                )
            )

    def _coverage(self, outcomes: Sequence[LookedAt]) -> tuple[Coverage, ...]:
        view = self.view or Footprint(near_m=0.0, far_m=0.0, left_m=0.0, right_m=0.0)
        stretches = cover_stretches(
            sorted(outcomes, key=lambda outcome: outcome.chainage_m),
            near_m=view.near_m,
            far_m=view.far_m,
            spacing_m=self.settings.sample.spacing_m,
            limit_m=self.prepared.span_m()[1],
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
