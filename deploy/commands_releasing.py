"""`roadwear models gate`, `release` and `rollback`: no candidate becomes the default unseen."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.doors import REFUSED, expected_failures, progress, say
from models.card import DEFAULT_MODEL, ModelCard, load_card, sha256_of_file
from models.datasets import read_manifest
from models.datasets.declared import Split
from models.evaluating.figures import differences
from models.evaluating.looking import FLOOR, look_at_images
from models.evaluating.matching import Found
from models.evaluating.measure import DEFECTS, Judgement, measure
from models.evaluating.truth import truth_of_dataset
from models.exporting import ap50_by_kind
from models.gate import (
    FEWEST_STREETS,
    Verdict,
    check_alarms,
    check_calibration,
    check_classes,
    check_redaction,
    check_runtimes,
    figures_for_card,
    write_verdict,
)
from models.loading import Runtime, load_detector
from models.releasing import release as release_candidate
from models.releasing import roll_back
from pipeline.domain.errors import InputError
from pipeline.simulator.bench_eye import CASES, EyeBench, run_eye_bench

By = Annotated[str, typer.Option(help="Who decides.")]
Why = Annotated[str, typer.Option(help="In their words.")]


def gate(
    candidate: Annotated[Path, typer.Argument(help="The candidate's card.")],
    dataset: Annotated[Path, typer.Option(help="The built set; its val split judges.")],
    against: Annotated[str, typer.Option(help="The model to be no worse than.")] = DEFAULT_MODEL,
    streets: Annotated[
        int, typer.Option(help="Simulated streets for false alarms.", min=FEWEST_STREETS)
    ] = FEWEST_STREETS,
) -> None:
    """Check a candidate against the released model; the verdict is kept beside it."""
    with expected_failures():
        card, other = load_card(str(candidate)), load_card(against)
        built = read_manifest(dataset)
        if card.content.get("data", {}).get("dataset_sha256") != built.sha256:
            raise InputError(f"{card.name} was made with another dataset than {dataset}")
        truths = truth_of_dataset(built, Split.VAL)
        paths = [dataset / item.image for item in built.of(Split.VAL)]
        ours, theirs = (
            Judgement.of(one, _looked(what, one, paths, Runtime.OPENVINO))
            for one, what in ((card, str(candidate)), (other, against))
        )
        measured = measure(ours, truths, card.classes, rounds=1)
        before = measure(theirs, truths, card.classes, rounds=1)
        torch = _looked(str(candidate), card, paths, Runtime.ULTRALYTICS)
        ours_km, theirs_km = (_alarms_a_km(what, streets) for what in (str(candidate), against))
        apart = differences(ours.found, theirs.found, truths, DEFECTS)
        verdict = Verdict(
            card_sha256=sha256_of_file(card.path),
            against=other.name,
            streets=streets,
            dataset_sha256=built.sha256,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            checks=(
                check_classes(apart, measured),
                check_alarms(
                    "clean photographs",
                    measured.clean_alarms_a_hundred,
                    before.clean_alarms_a_hundred,
                    "in a hundred clean photographs",
                ),
                check_alarms("sound streets", ours_km, theirs_km, "a km of simulated sound street"),
                check_runtimes(ap50_by_kind(ours.found, truths), ap50_by_kind(torch, truths)),
                check_calibration(measured),
                check_redaction(measured, before),
            ),
            figures=figures_for_card(measured),
        )
        path = write_verdict(card, verdict)
        for check in verdict.checks:
            print(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.words}")
        say(f"The verdict: {path}")
    if not verdict.passed:
        raise typer.Exit(REFUSED)


def release(
    candidate: Annotated[Path, typer.Argument(help="The card of a candidate that passed.")],
    by: By,
    why: Why,
) -> None:
    """Make a candidate that passed the gate the default; a person signs for it."""
    with expected_failures():
        card = release_candidate(candidate, by=by, why=why, at=datetime.now(UTC))
        say(f"{card.name} is the default from now on; commit models/ to keep it so.")


def rollback(by: By, why: Why) -> None:
    """Make the model before the present default the default again."""
    with expected_failures():
        name = roll_back(by=by, why=why, at=datetime.now(UTC))
        say(f"{name} is the default from now on; commit models/released.toml to keep it so.")


def _looked(what: str, card: ModelCard, paths: list[Path], runtime: Runtime) -> list[Found]:
    detector = load_detector(what, runtime=runtime, floor=FLOOR)
    with progress(f"{card.name} looks, {runtime}", len(paths)) as bar:
        return look_at_images(detector, paths, on_image=lambda: bar.advance(bar.task_ids[0], 1))


def _alarms_a_km(what: str, streets: int) -> float:
    bench = EyeBench(seeds=tuple(range(streets)), holes=False)
    with progress("Looking along sound streets", streets * len(CASES)) as bar:
        figures = run_eye_bench(
            bench, load_detector(what), on_street=lambda: bar.advance(bar.task_ids[0], 1)
        )
    driven = sum(one.sound_m for one in figures.values())
    return 1000 * sum(one.alarms.total() for one in figures.values()) / driven
