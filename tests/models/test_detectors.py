"""The committed weights: what their card says, and that both runtimes see the same."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from models import Runtime, load_card, load_detector, model_names, verify_card
from models.boxes import Letterbox
from models.card import ModelCard, released_name
from pipeline.domain.errors import InputError
from pipeline.domain.footage import Frame, FrameRef
from pipeline.domain.looks import DefectKind, Looked, NotLooked
from pipeline.simulator.drive import Pass, PassRules, simulated_rig
from pipeline.simulator.footage import street_painter
from pipeline.simulator.making import make_street
from pipeline.simulator.surface import paint_surface
from tests.builders import SHA

NOW = datetime(2026, 2, 10, tzinfo=UTC)


def a_frame(pixels: "np.typing.NDArray[np.uint8]", pts: int = 0) -> Frame:
    return Frame(ref=FrameRef(clip_sha256=SHA, pts=pts), taken_at=NOW, pixels=pixels)


@pytest.fixture(scope="module")
def pictures() -> list["np.typing.NDArray[np.uint8]"]:
    street = make_street(101, length_m=60, holes=6, manholes=1, patches=1, shadows=1, cracks=1)
    painter = street_painter(paint_surface(street), simulated_rig())
    driven = Pass(street, PassRules(), seed=1)
    return [painter(driven, float(t)) for t in np.arange(0.3, 6.0, 0.35)]


def test_every_card_describes_the_files_that_are_there() -> None:
    for name in model_names():
        card = verify_card(name)
        assert set(card.thresholds) == set(card.defect_kinds.values())
        assert {kind.value for kind in card.bystander_kinds.values()} == {"person", "vehicle"}


def test_weights_that_are_not_the_cards_are_not_loaded() -> None:
    card = load_card()
    wrong = ModelCard(
        **{
            **{name: getattr(card, name) for name in card.__dataclass_fields__},
            "files": {"weights/road-v1.pt": hashlib.sha256(b"other").hexdigest()},
        }
    )
    with pytest.raises(InputError, match="not the file that its card describes"):
        wrong.verify(".pt")
    with pytest.raises(InputError, match="there is no model called road-v0"):
        load_card("road-v0")


@pytest.mark.parametrize(
    ("model", "overlap", "apart"),
    # In float on both, to the last pixel; in 8 bits on one of them, nearly.
    [("road-v1", 0.9, 0.03), (released_name(), 0.75, 0.15)],
)
def test_both_runtimes_see_the_same(
    pictures: list["np.typing.NDArray[np.uint8]"], model: str, overlap: float, apart: float
) -> None:
    looks = {}
    for runtime in Runtime:
        detector = load_detector(model, runtime=runtime, floor=0.05)
        frames = (a_frame(picture, n) for n, picture in enumerate(pictures))
        looks[runtime] = list(detector.look(frames))

    assert [ref.pts for ref, _ in looks[Runtime.OPENVINO]] == list(range(len(pictures)))
    boxes = 0
    for (_, one), (_, other) in zip(*looks.values(), strict=True):
        assert isinstance(one, Looked)
        assert isinstance(other, Looked)
        for found in (d for d in one.defects if d.confidence > 0.15):
            boxes += 1
            twin = max(other.defects, key=lambda d: (d.kind is found.kind) * d.box.iou(found.box))
            assert twin.box.iou(found.box) > overlap
            assert twin.confidence == pytest.approx(found.confidence, abs=apart)
    assert boxes >= 10


def test_the_detector_finds_rendered_potholes(
    pictures: list["np.typing.NDArray[np.uint8]"],
) -> None:
    found = [
        d
        for _, look in load_detector().look(a_frame(p, n) for n, p in enumerate(pictures))
        if isinstance(look, Looked)
        for d in look.defects
        if d.kind is DefectKind.POTHOLE
    ]

    assert len(found) >= 10


def test_frames_of_several_shapes_are_looked_at_in_order() -> None:
    shapes = [(720, 1280), (720, 1280), (480, 848), (1080, 1920), (720, 1280), (640, 360)]
    rng = np.random.default_rng(0)
    frames = [
        a_frame(rng.integers(0, 255, (*shape, 3), dtype=np.uint8), n)
        for n, shape in enumerate(shapes)
    ]

    looked = list(load_detector().look(iter(frames)))

    assert [ref.pts for ref, _ in looked] == [0, 1, 2, 3, 4, 5]
    assert all(isinstance(look, Looked) for _, look in looked)


def test_the_detector_reads_only_a_few_frames_ahead() -> None:
    taken = 0

    def frames() -> Iterator[Frame]:
        nonlocal taken
        for n in range(40):
            taken += 1
            yield a_frame(np.zeros((360, 640, 3), np.uint8), n)

    looks = load_detector().look(frames())
    next(looks)

    assert taken <= 12


def test_a_network_that_fails_is_not_an_empty_road(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = load_detector(runtime=Runtime.ULTRALYTICS)

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory\nand more")

    monkeypatch.setattr(detector, "_yolo", type("Broken", (), {"predict": fails})())
    ((_, look),) = detector.look([a_frame(np.zeros((360, 640, 3), np.uint8))])

    assert isinstance(look, NotLooked)
    assert look.detail == "out of memory"


def test_a_network_that_does_not_start_is_not_an_empty_road(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detector = load_detector()

    def fails(*_: object) -> None:
        raise RuntimeError("no room to compile it")

    monkeypatch.setattr(detector, "_compile", fails)
    looked = list(detector.look([a_frame(np.zeros((360, 640, 3), np.uint8), n) for n in range(5)]))

    assert [ref.pts for ref, _ in looked] == [0, 1, 2, 3, 4]
    assert all(isinstance(look, NotLooked) and "no room" in look.detail for _, look in looked)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match="finds no device"):
        load_detector(device="abacus")


@pytest.mark.parametrize(("high", "wide"), [(720, 1280), (1080, 1920), (640, 1024), (512, 512)])
def test_a_letterboxed_box_comes_back_to_where_it_was(high: int, wide: int) -> None:
    letterbox = Letterbox.fit(high, wide, load_card())
    picture = np.zeros((high, wide, 3), np.uint8)
    cv2.rectangle(picture, (wide // 4, high // 2), (wide // 2, high - 40), (255, 255, 255), -1)

    given = np.zeros((*letterbox.input_px, 3), np.uint8)
    letterbox.apply(picture, into=given)
    seen = np.argwhere(given[..., 0] > 200)
    (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 1
    back = letterbox.back(np.array([[left, top, right, bottom]], np.float32))[0]

    expected = [wide // 4, high // 2, wide // 2 + 1, high - 39]
    assert back == pytest.approx(expected, abs=2.5 * high / letterbox.inner_px[0])
    assert letterbox.input_px[0] % 32 == letterbox.input_px[1] % 32 == 0
