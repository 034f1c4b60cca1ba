"""`roadwear detect`: images to boxes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import typer

from deploy.doors import REFUSED, USAGE, expected_failures, progress, say
from models import Runtime, load_card, load_detector
from models.evaluating.looking import FLOOR
from pipeline.adapters.video_pyav import sha256_of_file
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, FrameRef
from pipeline.domain.looks import Bystander, Detection, Looked, NotLooked, PixelBox

_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def detect(paths: list[Path], *, out: Path, runtime: Runtime, device: str, model: str) -> None:
    """Write every box of confidence 0.01 or more."""
    with expected_failures():
        images = _images(paths)
        detector = load_detector(model, runtime=runtime, device=device, floor=FLOOR)
        names: list[str] = []
        refused: list[str] = []
        boxes: list[dict[str, Any]] = []
        with progress("Looking at images", len(images)) as bar:
            frames = _frames(images, names, refused)
            for done, (ref, look) in enumerate(detector.look(frames), 1):
                if isinstance(look, NotLooked):
                    refused.append(f"{names[ref.pts]}: {look.detail}")
                else:
                    boxes += _rows(names[ref.pts], look)
                bar.update(bar.task_ids[0], completed=done)
        document = {"model_id": load_card(model).name, "images": names, "detections": boxes}
        _write(out, json.dumps(document, ensure_ascii=False))
        for sentence in refused:
            say(f"roadwear: set aside: {sentence}")
        say(f"{len(boxes)} boxes on {len(names)} images; written to {out}")
    if refused:
        raise typer.Exit(REFUSED)


def _images(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in _ENDINGS)
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: there is no such file or folder")
    if not found:
        raise InputError("no images were found")
    return found


def _frames(images: list[Path], names: list[str], refused: list[str]) -> Iterator[Frame]:
    """Decode images one by one; one that cannot be decoded is set aside."""
    for path in images:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        pixels = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
        if pixels is None:
            refused.append(f"{path.name}: this is not an image that can be read")
            continue
        names.append(path.name)
        ref = FrameRef(clip_sha256=sha256_of_file(path), pts=len(names) - 1)
        yield Frame(ref=ref, taken_at=_NO_TIME, pixels=np.asarray(pixels, np.uint8))


def _rows(image: str, look: Looked) -> list[dict[str, Any]]:
    found: list[Detection | Bystander] = [*look.defects, *look.bystanders]
    return [
        {
            "image": image,
            "kind": one.kind.value,
            "box_px": _edges(one.box),
            "confidence": round(one.confidence, 5),
        }
        for one in found
    ]


def _edges(box: PixelBox) -> list[float]:
    return [round(e, 2) for e in (box.left_px, box.top_px, box.right_px, box.bottom_px)]


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
    except OSError as error:
        say(f"roadwear: {out} cannot be written ({error.strerror})")
        raise typer.Exit(USAGE) from error
