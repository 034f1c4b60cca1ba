"""Writes lessons as a source that `roadwear models dataset` takes."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.domain.errors import InputError
from pipeline.domain.learning import Lesson
from pipeline.domain.looks import DefectKind

# In the order of the datasets' classes.
_CLASSES = (
    DefectKind.LONGITUDINAL_CRACK,
    DefectKind.TRANSVERSE_CRACK,
    DefectKind.ALLIGATOR_CRACK,
    DefectKind.POTHOLE,
)


def write_lessons(
    lessons: Sequence[Lesson],
    out: Path,
    picture_of: Callable[[str], bytes],
    *,
    on_lesson: Callable[[], None] = lambda: None,
) -> None:
    """Write `images/`, YOLO `labels/`, and `known/`: boxes in which there is no defect.

    Args:
        lessons: What is taught.
        out: An empty folder, or one to be made.
        picture_of: Gives the JPEG of a view's key.
        on_lesson: Called for each.

    Raises:
        InputError: The folder is not empty.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; choose another folder")
    # Killed half-way, only this folder is left, and the next run begins it anew.
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in ("images", "labels", "known"):
        (part / folder).mkdir(parents=True)
    for lesson in lessons:
        name = Path(lesson.view.key).stem
        (part / "images" / f"{name}.jpg").write_bytes(picture_of(lesson.view.key))
        _write_boxes(lesson, part, name)
        on_lesson()
    part.replace(out)


def _write_boxes(lesson: Lesson, out: Path, name: str) -> None:
    labels, known = [], []
    for one in lesson.boxes:
        box, view = one.box, lesson.view
        shares = (
            (box.left_px + box.right_px) / 2 / view.width_px,
            (box.top_px + box.bottom_px) / 2 / view.height_px,
            box.width_px / view.width_px,
            box.height_px / view.height_px,
        )
        words = " ".join(f"{share:.6f}" for share in shares)
        if one.kind is None:
            known.append(words)
        else:
            labels.append(f"{_CLASSES.index(one.kind)} {words}")
    (out / "labels" / f"{name}.txt").write_text("".join(f"{x}\n" for x in labels), "utf-8")
    (out / "known" / f"{name}.txt").write_text("".join(f"{x}\n" for x in known), "utf-8")
