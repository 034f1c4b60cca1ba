"""`roadwear bench learning`: a simulated month of decisions is learnt from; does precision rise?

A detector drives down simulated streets; what it reports is judged by the truth, as an engineer
would; the judged boxes become lessons and are learnt together with the old pictures. Then both
networks drive down other streets.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deploy.doors import progress, say
from deploy.lessons import write_lessons
from models.card import ModelCard, load_card, sha256_of_file
from models.datasets import BuiltDataset, build_dataset
from models.datasets.declared import DatasetPlan, LabelForm, Source, Split
from models.evaluating.looking import look_at_images
from models.evaluating.truth import truth_of_dataset
from models.exporting import Form, ap50_by_kind, detector_of, fitted, write_card
from models.loading import Runtime, load_detector
from models.plan import TrainingPlan
from pipeline.domain.decisions import Move, RejectReason
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, FrameRef
from pipeline.domain.ids import DefectId, RunId, natural_uuid
from pipeline.domain.learning import JudgedSighting, Lesson, WideView
from pipeline.domain.looks import DefectKind, Detection, Looked
from pipeline.domain.observations import observation_id
from pipeline.domain.places import GridRef
from pipeline.domain.ports import Detector
from pipeline.simulator.bench_eye import (
    CASES,
    EyeCase,
    frames_along,
    road_place,
    times_along,
    what_lies_at,
)
from pipeline.simulator.drive import Moment, Pass, PassRules, lens_at, simulated_rig
from pipeline.simulator.footage import FPS, TICKS_A_FRAME
from pipeline.simulator.making import make_street
from pipeline.simulator.surface import paint_surface
from pipeline.simulator.truth import hole_in_box
from pipeline.stages.learn import lessons_of

LESSONS = "lessons"
_EVERY_M = 5.0
_VIEW_PX = 1024
_REASONS = {
    "manhole": RejectReason.MANHOLE_OR_COVER,
    "patch": RejectReason.PATCH_OR_REPAIR,
    "shadow": RejectReason.SHADOW_OR_WATER,
    "another kind": RejectReason.OTHER,
}
_NOBODY = RunId(natural_uuid("run", "bench learning"))


def bench_learning(
    model: str,
    old: BuiltDataset,
    folder: Path,
    *,
    month: Sequence[int],
    held_out: Sequence[int],
    epochs: int,
) -> dict[str, dict[str, float]]:
    """Judge a month, learn from it, and drive down other streets before and after.

    Args:
        model: A name, or a candidate's card.
        old: What it was trained on.
        folder: For lessons, set, run and the learnt weights; empty, or to be made.
        month: Seeds of the streets that are judged.
        held_out: Seeds of the streets that measure.
        epochs: Passes over the old pictures and the lessons.

    Raises:
        InputError: torch is not installed, or a folder is in use.
    """
    if set(month) & set(held_out):
        raise InputError("a street that is learnt from cannot measure: fewer streets a month")
    card = load_card(model)
    detector = load_detector(model, runtime=Runtime.ULTRALYTICS)
    from models.ultralytics_.export import write_plain_weights  # noqa: PLC0415 - torch
    from models.ultralytics_.training import Machine, train  # noqa: PLC0415 - torch

    with progress("Judging a month", len(month)) as bar:
        advance = partial(bar.advance, bar.task_ids[0])
        lessons = write_month(month, detector, folder / LESSONS, on_street=advance)
    boxes = sum(len(lesson.boxes) for lesson in lessons)
    say(f"{len(lessons)} lessons with {boxes} judged boxes")
    built = with_lessons(old, folder / LESSONS, folder / "set")
    named = card.content["data"].get("plan", {}).get("architecture", "yolo11n")
    plan = learning_plan(card.torch_weights, architecture=named, epochs=epochs)
    best = train(plan, built, folder / "run", machine=Machine(workers=1))
    weights = folder / "learnt" / "weights" / "learnt.pt"
    write_plain_weights(best, weights)
    path = folder / "learnt" / "cards" / "learnt.toml"
    learnt = card_of_learnt(card, weights, path, old)
    after = load_detector(str(path), runtime=Runtime.ULTRALYTICS)
    figures: dict[str, StreetFigures] = {}
    table: dict[str, dict[str, float]] = {}
    for name, one, its in (("before", detector, card), ("after", after, learnt)):
        with progress(f"Held-out streets, {name}", len(held_out)) as bar:
            advance = partial(bar.advance, bar.task_ids[0])
            figures[name] = on_held_out(held_out, one, on_street=advance)
        table[name] = {
            "precision": figures[name].precision,
            "boxes": float(sum(figures[name].boxes)),
            "right": float(sum(figures[name].right)),
        }
        for kind, value in tune_figures(its.torch_weights, its, old).items():
            table[name][f"AP50 on the tune roads, {kind}"] = value
    low, high = interval_of_gain(figures["before"], figures["after"])
    table["after minus before"] = {
        "precision": figures["after"].precision - figures["before"].precision,
        "precision, 95 % interval from": low,
        "precision, 95 % interval to": high,
    }
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetFigures:
    """What one network reported on held-out streets.

    Attributes:
        boxes: Boxes above the operating threshold, by street.
        right: Of them, those of a pothole around a hole.
    """

    boxes: tuple[int, ...]
    right: tuple[int, ...]

    @property
    def precision(self) -> float:
        """Share of the boxes that are right."""
        return sum(self.right) / max(sum(self.boxes), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was reported on one street, judged by the truth."""

    sightings: tuple[JudgedSighting, ...]
    pictures: dict[str, bytes]


def judge_street(seed: int, detector: Detector, cases: Sequence[EyeCase] = CASES[:2]) -> Judged:
    """Drive down a street, and say of every box what an engineer would.

    Args:
        seed: Of the street.
        detector: With its operating thresholds.
        cases: Mounts; each drives once.
    """
    street = make_street(seed, length_m=160.0, holes=14, cracks=0, manholes=8, patches=8)
    surface = paint_surface(street)
    sightings: list[JudgedSighting] = []
    pictures: dict[str, bytes] = {}
    for number, case in enumerate(cases):
        rig = simulated_rig(mount_height_m=case.mount_height_m, pitch_deg=case.pitch_deg)
        driven = Pass(street, PassRules(), seed=seed)
        kept: dict[int, Frame] = {}
        frames = frames_along(surface, driven, rig, case, times_along(driven, _EVERY_M))
        for ref, look in detector.look(_keeping(frames, kept)):
            frame = kept.pop(ref.pts)
            if not isinstance(look, Looked) or not look.defects:
                continue
            moment = driven.at(ref.pts / (FPS * TICKS_A_FRAME))
            key = f"{seed}-{number}-{ref.pts}.jpg"
            view, pictures[key] = _wide(frame, key)
            for one in look.defects:
                hole = hole_in_box(street, moment, rig, one.box)
                lens = lens_at(rig, moment)
                lying = what_lies_at(street, *road_place(street, moment, lens, one.box))
                sightings.append(_judged(one, ref, moment, view, hole, lying))
    return Judged(sightings=tuple(sightings), pictures=pictures)


def write_month(
    seeds: Sequence[int],
    detector: Detector,
    folder: Path,
    *,
    on_street: Callable[[], None] = lambda: None,
) -> tuple[Lesson, ...]:
    """Judge what a detector reports on streets, and write the lessons."""
    sightings: list[JudgedSighting] = []
    pictures: dict[str, bytes] = {}
    for seed in seeds:
        judged = judge_street(seed, detector)
        sightings += judged.sightings
        pictures |= judged.pictures
        on_street()
    lessons = lessons_of(sightings)
    write_lessons(lessons, folder, pictures.__getitem__)
    return lessons


def with_lessons(old: BuiltDataset, lessons: Path, folder: Path) -> BuiltDataset:
    """Build a set of the lessons and of what was learnt from before."""
    sources = [
        Source(
            name=name, form=LabelForm.YOLO, images=str((old.folder / "images" / split).resolve()),
            labels=str((old.folder / "labels" / split).resolve()), pattern=f"{name}__*",
            split=split,
            labelled=tuple(c for c in old.classes if c not in old.unlabelled[name]),
            confused=old.confused[name], names={}, road="", tune_roads=(), clean=True, known="",
            licence="as before",
        )
        for split in (Split.TRAIN, Split.TUNE)
        for name in sorted({item.source for item in old.of(split)})
    ]  # fmt: skip
    taught = Source(
        name=LESSONS, form=LabelForm.YOLO, images=str((lessons / "images").resolve()),
        labels=str((lessons / "labels").resolve()), pattern="*", split=Split.TRAIN,
        labelled=old.classes, confused=(), names={}, road="", tune_roads=(), clean=True,
        known=str((lessons / "known").resolve()), licence="simulated",
    )  # fmt: skip
    # Streets of one simulator look alike: only the same file is a double here.
    plan = DatasetPlan(
        name=f"{old.name}-lessons",
        classes=old.classes,
        sources=(*sources, taught),
        near_duplicate_bits=0,
    )
    return build_dataset(plan, Path(), folder)


def learning_plan(start: Path, *, architecture: str, epochs: int) -> TrainingPlan:
    """Return how lessons are learnt: gently, from the weights that made the mistakes."""
    return TrainingPlan(
        name="learnt",
        architecture=architecture,
        start=str(start),
        epochs=epochs,
        learning_rate=0.0001,
        mosaic=0.3,
        close_mosaic=0,
        average_steps=100,
        repeat={LESSONS: 2},
    )


def card_of_learnt(card: ModelCard, weights: Path, path: Path, old: BuiltDataset) -> ModelCard:
    """Write the card of learnt weights: confidence and thresholds are fitted anew, as for any."""
    files = [{"path": "weights/learnt.pt", "sha256": sha256_of_file(weights)}]
    content = {key: value for key, value in card.content.items() if key != "confidence"}
    content |= {"name": "learnt", "files": files}
    bare = write_card(path, content)
    found = look_at_images(
        detector_of(Form(name="torch", path=weights, precision="f32"), bare),
        [old.folder / item.image for item in old.of(Split.TUNE)],
    )
    return write_card(path, content | fitted(bare, found, truth_of_dataset(old, Split.TUNE)))


def on_held_out(
    seeds: Sequence[int], detector: Detector, *, on_street: Callable[[], None] = lambda: None
) -> StreetFigures:
    """Return what a network reports on streets that it learnt nothing of."""
    boxes, right = [], []
    for seed in seeds:
        judged = judge_street(seed, detector).sightings
        boxes.append(len(judged))
        right.append(sum(bool(one.is_defect) for one in judged))
        on_street()
    return StreetFigures(boxes=tuple(boxes), right=tuple(right))


def tune_figures(weights: Path, card: ModelCard, dataset: BuiltDataset) -> dict[str, float]:
    """Return AP50 by kind on the tune split: what was forgotten."""
    form = Form(name="torch", path=weights, precision="f32")
    paths = [dataset.folder / item.image for item in dataset.of(Split.TUNE)]
    found = look_at_images(detector_of(form, card), paths)
    return ap50_by_kind(found, truth_of_dataset(dataset, Split.TUNE))


def interval_of_gain(
    before: StreetFigures, after: StreetFigures, *, rounds: int = 2000
) -> tuple[float, float]:
    """Return the 95 % interval of the gain in precision, streets drawn anew, the same for both."""
    chance = np.random.default_rng(0)
    count = len(before.boxes)
    gains = []
    for _ in range(rounds):
        drawn = chance.integers(0, count, count)
        gains.append(_precision(after, drawn.tolist()) - _precision(before, drawn.tolist()))
    low, high = np.percentile(gains, (2.5, 97.5))
    return float(low), float(high)


def _precision(figures: StreetFigures, streets: Sequence[int]) -> float:
    return sum(figures.right[i] for i in streets) / max(sum(figures.boxes[i] for i in streets), 1)


def _keeping(frames: Iterator[Frame], kept: dict[int, Frame]) -> Iterator[Frame]:
    for frame in frames:
        kept[frame.ref.pts] = frame
        yield frame


def _wide(frame: Frame, key: str) -> tuple[WideView, bytes]:
    high, wide = frame.pixels.shape[:2]
    size = _VIEW_PX, round(high * _VIEW_PX / wide)
    picture = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    view = WideView(key=key, width_px=size[0], height_px=size[1], frame_width_px=wide)
    return view, jpeg


def _judged(
    one: Detection, ref: FrameRef, moment: Moment, view: WideView, hole: int | None, lying: str
) -> JudgedSighting:
    right = hole is not None
    # A crack's box around a hole is a defect under another name, which a decision does not tell.
    if right and one.kind is not DefectKind.POTHOLE:
        lying, right = "another kind", False
    return JudgedSighting(
        observation_id=observation_id(_NOBODY, ref, one.kind, one.box),
        defect_id=DefectId(natural_uuid("bench", ref.clip_sha256, ref.pts, one.box)),
        kind=one.kind,
        confidence=one.confidence,
        box=one.box,
        model_id="bench",
        vehicle="bench",
        at=GridRef(easting_m=moment.pose.easting_m, northing_m=moment.pose.northing_m),
        move=Move.APPROVE if right else Move.REJECT,
        reason=None if right else _REASONS.get(lying, RejectReason.NOT_A_DEFECT),
        decided_at=datetime(2026, 3, 1, tzinfo=UTC),
        view=view,
    )
