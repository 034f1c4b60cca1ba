"""Checking the redaction: suspicions are written out, samples are drawn, bad input is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.evaluating.privacy import FaceFinder, PlateFinder, enlarged, suspicions
from pipeline.domain.looks import PixelBox
from tests.deploy.test_commands import in_one_line, roadwear

ZOO = Path(__file__).parents[3] / "shared" / "weights"


class WhiteFinder:
    """Finds what is white."""

    what = "plate"

    def find(self, picture: NDArray[np.uint8]) -> list[tuple[PixelBox, float]]:
        at = np.argwhere(picture[..., 0] > 200)
        if not len(at):
            return []
        (top, left), (bottom, right) = at.min(axis=0), at.max(axis=0) + 1
        box = PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)
        return [(box, 0.5 + picture.shape[1] / 10_000)]


def picture(folder: Path, name: str, *, plate: bool) -> Path:
    pixels = np.full((100, 200, 3), 90, np.uint8)
    if plate:
        cv2.rectangle(pixels, (50, 60), (79, 69), (255, 255, 255), -1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    cv2.imwrite(str(path), pixels)
    return path


def test_a_thing_seen_at_both_scales_is_one_suspicion_in_the_pictures_own_pixels(
    tmp_path: Path,
) -> None:
    # Two of the same name in different folders are two pictures.
    paths = [picture(tmp_path / "a", "1.png", plate=True), picture(tmp_path, "1.png", plate=False)]

    broken = tmp_path / "2.jpg"
    broken.write_bytes(b"no picture")

    [one], unreadable = suspicions([broken, *paths], [WhiteFinder()])

    assert unreadable == [broken]
    assert one.path == paths[0]
    assert (one.box.left_px, one.box.right_px) == pytest.approx((50, 80), abs=1.5)
    assert (one.box.top_px, one.box.bottom_px) == pytest.approx((60, 70), abs=1.5)
    assert max(enlarged(one.path, one.box).shape[:2]) == 240


def test_a_sample_is_drawn_by_chance_and_repeatable(tmp_path: Path) -> None:
    for n in range(9):
        picture(tmp_path / "in", f"{n}.jpg", plate=False)

    done = roadwear("privacy", "sample", tmp_path / "in", "--out", tmp_path / "x", "--count", "4")
    roadwear("privacy", "sample", tmp_path / "in", "--out", tmp_path / "y", "--count", "4")

    assert done.returncode == 0, done.stderr
    page = (tmp_path / "x" / "page.html").read_text()
    assert page == (tmp_path / "y" / "page.html").read_text()
    assert page.count("<img") == 4
    assert "4 of 9 pictures, drawn by chance" in page


def test_what_cannot_be_checked_is_refused_in_a_sentence(tmp_path: Path) -> None:
    picture(tmp_path / "in", "1.jpg", plate=False)
    nothing = roadwear("privacy", "check", tmp_path / "in", "--out", tmp_path / "x")
    gone = roadwear(
        "privacy", "check", tmp_path / "in", "--out", tmp_path / "x", "--face", tmp_path / "f.onnx"
    )
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    bad = roadwear(
        "privacy", "check", tmp_path / "in", "--out", tmp_path / "x",
        "--plate", tmp_path / "bad.onnx",
    )  # fmt: skip
    (tmp_path / "empty").mkdir()
    empty = roadwear("privacy", "sample", tmp_path / "empty", "--out", tmp_path / "x")

    assert [d.returncode for d in (nothing, gone, bad, empty)] == [3, 3, 3, 3]
    assert "give --face FILE or --plate FILE" in in_one_line(nothing)
    assert "model zoo" in in_one_line(gone)
    assert "is no LPD-YuNet" in in_one_line(bad)
    assert "holds no pictures" in in_one_line(empty)


@pytest.mark.skipif(not ZOO.is_dir(), reason="the face and plate detectors are not here")
def test_the_real_detectors_take_pictures_of_any_size(tmp_path: Path) -> None:
    faces = FaceFinder(next(ZOO.glob("face_detection_yunet*.onnx")))
    plates = PlateFinder(next(ZOO.glob("license_plate*.onnx")))

    # Nothing is there to be found: grey, and no multiple of any stride.
    assert suspicions([picture(tmp_path, "1.png", plate=False)], [faces, plates]) == ([], [])
