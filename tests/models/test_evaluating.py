"""What evaluation says: average precision by hand, intervals by road, confidence that is true."""

from pathlib import Path

import numpy as np
import pytest

from models import load_card
from models.confidence import Beta
from models.evaluating import Found, ImageTruth, Label, judge, read_labels
from models.evaluating.calibration import calibrated, fit, reliability, reliability_of
from models.evaluating.figures import differences, figures_of, road_weights, score_of
from models.evaluating.matching import average_precision
from models.evaluating.measure import Judgement, clean_figures, measure, redaction_figures
from models.exporting import FormFigures, choose, redaction_threshold
from pipeline.domain.errors import InputError
from pipeline.domain.looks import PixelBox

KINDS = ("longitudinal_crack", "transverse_crack", "alligator_crack", "pothole")


def box(left: float, side: float = 10) -> PixelBox:
    return PixelBox(left_px=left, top_px=0, right_px=left + side, bottom_px=side)


def a_label(left: float, *, image: str = "a", kind: str = "pothole") -> Label:
    return Label(image=image, kind=kind, box=box(left))


def a_box(left: float, confidence: float, *, image: str = "a", kind: str = "pothole") -> Found:
    return Found(image=image, kind=kind, box=box(left), confidence=confidence)


def a_truth(image: str = "a", *labels: Label, **known: object) -> ImageTruth:
    values: dict[str, object] = {
        "source": "s",
        "road": image,
        "size_px": (640, 360),
        "unlabelled": frozenset(),
        "confused": frozenset(),
    }
    return ImageTruth(image=image, labels=labels, **(values | known))  # type: ignore[arg-type]


def test_average_precision_by_hand() -> None:
    labels = [a_label(0), a_label(50)]
    found = [a_box(0, 0.9), a_box(200, 0.8), a_box(51, 0.7), a_box(50, 0.6)]

    judged = judge(found, labels, ["a"], {"pothole"})
    [f] = figures_of(found, [a_truth("a", *labels)], ("pothole",), {"pothole": 0.65}, rounds=0)[:1]

    # precision 1 up to recall 1/2, then 2/3 up to recall 1: 51 and 50 of 101 recall points
    assert average_precision(judged)[0] == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    # 51 overlaps 50 by 9/11: right up to IoU 0.8; from 0.85 the surest box for 50 is the last one.
    assert average_precision(judged)[7] == pytest.approx((51 * 1 + 50 * 2 / 4) / 101)
    assert [f.best_f1, f.best_threshold] == pytest.approx([0.8, 0.7])
    assert [f.recall, f.precision, f.f1] == pytest.approx([1.0, 2 / 3, 0.8])
    assert np.isnan(average_precision(judge(found, [], ["a"], {"pothole"}))).all()
    assert average_precision(judge([], labels, ["a"], {"pothole"}))[0] == 0.0


def test_an_image_that_counts_twice_is_as_good_as_two() -> None:
    labels = [a_label(0), a_label(0, image="b")]
    found = [a_box(0, 0.9), a_box(90, 0.8, image="b")]
    judged = judge(found, labels, ["a", "b"], {"pothole"})
    twice = judge(
        [*found, a_box(0, 0.9, image="c")],
        [*labels, a_label(0, image="c")],
        ["a", "b", "c"],
        {"pothole"},
    )

    weighed = average_precision(judged, np.array([2.0, 1.0]))

    assert weighed == pytest.approx(average_precision(twice))


def test_the_score_weighs_sources_alike_and_takes_confused_kinds_as_one() -> None:
    cracks = frozenset({"longitudinal_crack", "transverse_crack"})
    unlabelled = frozenset(KINDS) - {"pothole"}
    truths = [
        a_truth("a", a_label(0), a_label(50), a_label(100), source="t", unlabelled=unlabelled),
        a_truth("b", a_label(0, image="b"), a_label(50, image="b"), source="t"),
        a_truth("c", a_label(0, image="c", kind="transverse_crack"), confused=cracks),
    ]
    found = [
        a_box(0, 0.9, image="c", kind="longitudinal_crack"),
        a_box(200, 0.9, kind="longitudinal_crack"),
    ]

    # source s: its only crack is found, of the wrong type, which it confuses; source t: nothing
    assert score_of(found, truths, KINDS) == pytest.approx(0.5)
    assert score_of(found, [a_truth("d")], KINDS) == 0.0


def test_what_a_source_does_not_label_is_not_scored() -> None:
    truths = [
        a_truth("a", a_label(0)),
        a_truth("b", source="t", unlabelled=frozenset({"pothole"})),
    ]
    found = [a_box(0, 0.5), a_box(0, 0.9, image="b")]

    figures = {(f.source, f.kind): f for f in figures_of(found, truths, ("pothole",), {}, rounds=0)}

    assert figures["all", "pothole"].ap50 == pytest.approx(1.0)
    assert ("t", "pothole") not in figures


def test_kinds_that_a_source_confuses_are_also_judged_as_one() -> None:
    cracks = frozenset({"longitudinal_crack", "transverse_crack"})
    truth = a_truth("a", a_label(0, kind="longitudinal_crack"), confused=cracks)
    found = [
        a_box(0, 0.9, kind="transverse_crack"),
        a_box(0, 0.8, kind="longitudinal_crack"),  # the same box under another name
    ]

    figures = {
        f.kind: f for f in figures_of(found, [truth], KINDS, {}, rounds=0) if f.source == "s"
    }

    both = figures["longitudinal_crack or transverse_crack"]
    assert [both.ap50, both.precision] == pytest.approx([1.0, 1.0])
    assert figures["longitudinal_crack"].labels == 1


def test_roads_are_drawn_whole_and_images_within_them() -> None:
    roads = ["one"] * 30 + ["two"] * 30

    weights = road_weights(roads, 400)

    assert (weights.sum(axis=1) == 60).all()
    shares = weights[:, :30].sum(axis=1)
    assert set(shares) == {0, 30, 60}
    assert weights.max() > 2


def test_the_difference_of_a_detector_with_itself_is_nothing() -> None:
    truths = [a_truth(f"i{n}", a_label(0, image=f"i{n}")) for n in range(8)]
    found = [a_box(0 if n % 2 else 40, 0.5 + n / 20, image=f"i{n}") for n in range(8)]
    better = [a_box(0, f.confidence, image=f.image) for f in found]

    [same, *_] = differences(found, found, truths, ("pothole",), rounds=50)
    [gain, *_] = differences(better, found, truths, ("pothole",), rounds=50)

    assert (same.value, same.interval) == (0.0, (0.0, 0.0))
    assert gain.value > 0.3
    assert gain.interval[0] > 0


def test_fitted_confidence_is_true_and_keeps_the_order() -> None:
    chance = np.random.default_rng(3)
    truths, found = [], []
    for n in range(8000):
        score = float(chance.uniform(0.02, 0.98))
        name = f"i{n}"
        right = chance.random() < score**2  # an overconfident network
        found.append(a_box(0 if right else 300, score, image=name))
        truths.append(a_truth(name, a_label(0, image=name)))
    halves = slice(0, 4000), slice(4000, 8000)

    curves = fit(found[halves[0]], truths[halves[0]], ("pothole",))
    held_out = found[halves[1]]
    sure = calibrated(held_out, curves)

    before = reliability_of(held_out, truths[halves[1]], ("pothole",))["pothole"]
    after = reliability_of(sure, truths[halves[1]], ("pothole",))["pothole"]
    assert before.error > 0.12
    assert after.error < 0.05
    order = np.argsort([f.confidence for f in held_out])
    assert (np.diff(np.array([f.confidence for f in sure])[order]) > 0).all()


def test_too_few_boxes_to_fit_are_refused() -> None:
    with pytest.raises(InputError, match="too few to fit"):
        fit([a_box(0, 0.5)], [a_truth("a", a_label(0))], ("pothole",))


def test_reliability_by_hand() -> None:
    scores = np.array([0.01, 0.2, 0.2, 0.8, 0.8])
    hits = np.array([1.0, 0.0, 0.0, 1.0, 0.0])

    measured = reliability(scores, hits, bins=2)

    assert measured.boxes == 4
    assert measured.error == pytest.approx((2 * 0.2 + 2 * 0.3) / 4)


@pytest.mark.parametrize("confidence", [0.05, 0.3, 0.9])
def test_the_score_for_a_confidence_is_the_curve_read_backwards(confidence: float) -> None:
    curve = Beta(a=1.2, b=2.0, c=0.3)

    score = curve.score_for(confidence)

    assert curve.apply(np.array([score]))[0] == pytest.approx(confidence, abs=2e-3)
    assert curve.apply(np.array([score]))[0] <= confidence
    assert Beta(a=1, b=0, c=-0.3).score_for(0.6) == 1.0  # it never rises so high
    assert (np.diff(curve.apply(np.linspace(0, 1, 50))) >= 0).all()


def test_false_alarms_count_only_on_photographs_without_damage() -> None:
    truths = [
        a_truth("a", a_label(0), unlabelled=frozenset({"alligator_crack"})),
        a_truth("b", unlabelled=frozenset({"alligator_crack"})),
    ]
    found = [
        a_box(100, 0.9),
        a_box(100, 0.9, image="b"),
        a_box(300, 0.2, image="b"),
        a_box(100, 0.9, image="b", kind="alligator_crack"),
    ]
    judgement = Judgement(name="m", found=found, thresholds=dict.fromkeys(KINDS, 0.5))

    clean = clean_figures(judgement, truths)["s"]

    assert (clean.photographs, clean.with_alarm, clean.a_hundred) == (1, 1, 100.0)
    assert clean.alarms["pothole"] == 1
    assert "alligator_crack" not in clean.alarms


def test_recall_falls_into_bins_of_size_and_place() -> None:
    small = Label(image="a", kind="pothole", box=box(0, side=14))
    large = Label(
        image="a",
        kind="pothole",
        box=PixelBox(left_px=100, top_px=200, right_px=180, bottom_px=280),
    )
    found = [Found(image="a", kind="pothole", box=large.box, confidence=0.9)]
    judgement = Judgement(name="m", found=found, thresholds={"pothole": 0.5})

    measured = measure(judgement, [a_truth("a", small, large)], KINDS, rounds=5)

    assert [(b.at_least, b.labels, b.found) for b in measured.by_size["pothole"]] == [
        (12, 1, 0),
        (64, 1, 1),
    ]
    assert [(b.at_least, b.found) for b in measured.by_row["pothole"]] == [(0, 0), (0.6, 1)]


def test_a_person_is_hidden_only_if_nearly_all_of_them_is_painted_over() -> None:
    person = PixelBox(left_px=100, top_px=100, right_px=140, bottom_px=200)
    head_left_out = PixelBox(left_px=100, top_px=150, right_px=140, bottom_px=200)
    truths = [
        a_truth(name, Label(image=name, kind="person", box=person)) for name in ("a", "b", "c")
    ]
    found = [
        # As a vehicle, and a little small: what is painted over reaches beyond the box.
        Found(
            image="a",
            kind="vehicle",
            box=PixelBox(left_px=104, top_px=104, right_px=136, bottom_px=196),
            confidence=0.2,
        ),
        Found(image="b", kind="person", box=head_left_out, confidence=0.9),
        Found(image="c", kind="person", box=person, confidence=0.05),
    ]
    thresholds = dict.fromkeys(("person", "vehicle"), 0.1)

    figures = redaction_figures(Judgement(name="m", found=found, thresholds=thresholds), truths)

    assert (figures["person"].labels, figures["person"].hidden) == (3, 1)


def test_redaction_begins_at_the_highest_score_that_hides_nearly_all() -> None:
    person = PixelBox(left_px=100, top_px=100, right_px=140, bottom_px=200)
    names = [f"i{number}" for number in range(20)]
    truths = [a_truth(name, Label(image=name, kind="person", box=person)) for name in names]

    def seen(score: float) -> list[Found]:
        sure = [Found(image=n, kind="person", box=person, confidence=0.9) for n in names[:18]]
        return [*sure, Found(image=names[18], kind="person", box=person, confidence=score)]

    assert redaction_threshold("m", seen(0.12), truths) == 0.1
    assert redaction_threshold("m", seen(0.3), truths) == 0.2
    assert redaction_threshold("m", seen(0.02), truths) == 0.03


def test_labels_that_are_none_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3 0.5 0.5 0.1 0.1\n3 0.5 0.5\n")
    with pytest.raises(InputError, match=r"a\.txt:2"):
        read_labels(tmp_path, {"a.jpg": (100, 100)}, load_card().classes)


def test_a_quick_form_that_loses_little_and_computes_most_in_float_is_chosen() -> None:
    def form(name: str, pothole: float, ms: float) -> FormFigures:
        return FormFigures(
            name=name,
            bytes=1,
            tune={"pothole": pothole, "crack": 0.5},
            val={},
            ms_a_look=ms,
            ms_a_square_look=2 * ms,
        )

    forms = [form("torch", 0.6, 90), form("f32", 0.6, 30), form("int8", 0.57, 12)]

    assert choose([*forms, form("int8-3", 0.59, 18)]) == "int8-3"
    assert choose([*forms, form("int8-3", 0.59, 18), form("int8-5", 0.59, 19)]) == "int8-5"
    assert choose([*forms, form("int8-3", 0.59, 18), form("int8-5", 0.59, 21)]) == "int8-3"
    assert choose([*forms, form("int8-3", 0.59, 21), form("int8-5", 0.59, 22)]) == "int8-3"
    assert choose(forms) == "f32"
