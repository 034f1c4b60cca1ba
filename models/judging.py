"""A candidate is judged against the released model: by the command, and by the flow."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from models.card import DEFAULT_MODEL, ModelCard, load_card, sha256_of_file
from models.datasets import BuiltDataset
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
from pipeline.domain.errors import InputError
from pipeline.simulator.bench_eye import CASES, EyeBench, run_eye_bench

# Shows long work: is given words and how many steps there are, and yields what each step calls.
Follow = Callable[[str, int], AbstractContextManager[Callable[[], None]]]


@contextmanager
def unseen(_words: str, _steps: int) -> Iterator[Callable[[], None]]:
    """Show nothing."""
    yield lambda: None


def judge(
    candidate: Path,
    dataset: BuiltDataset,
    *,
    against: str = DEFAULT_MODEL,
    streets: int = FEWEST_STREETS,
    follow: Follow = unseen,
) -> tuple[Verdict, Path]:
    """Check a candidate against another model, and keep the verdict beside it.

    Args:
        candidate: Its card.
        dataset: The set that it was made with; the val split judges.
        against: The model to be no worse than.
        streets: Simulated streets for false alarms.
        follow: Shows how far it is.

    Returns:
        The verdict, and the file that has it.

    Raises:
        InputError: There is no such model, or the candidate was made with another dataset.
    """
    card, other = load_card(str(candidate)), load_card(against)
    if card.content.get("data", {}).get("dataset_sha256") != dataset.sha256:
        raise InputError(f"{card.name} was made with another dataset than {dataset.folder}")
    truths = truth_of_dataset(dataset, Split.VAL)
    paths = [dataset.folder / item.image for item in dataset.of(Split.VAL)]
    ours, theirs = (
        Judgement.of(one, _looked((what, one), paths, Runtime.OPENVINO, follow))
        for one, what in ((card, str(candidate)), (other, against))
    )
    measured = measure(ours, truths, card.classes, rounds=1)
    before = measure(theirs, truths, card.classes, rounds=1)
    torch = _looked((str(candidate), card), paths, Runtime.ULTRALYTICS, follow)
    ours_km, theirs_km = (_alarms_a_km(what, streets, follow) for what in (str(candidate), against))
    verdict = Verdict(
        card_sha256=sha256_of_file(card.path),
        against=other.name,
        streets=streets,
        dataset_sha256=dataset.sha256,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        checks=(
            check_classes(differences(ours.found, theirs.found, truths, DEFECTS), measured),
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
    return verdict, write_verdict(card, verdict)


def _looked(
    model: tuple[str, ModelCard], paths: list[Path], runtime: Runtime, follow: Follow
) -> list[Found]:
    what, card = model
    detector = load_detector(what, runtime=runtime, floor=FLOOR)
    with follow(f"{card.name} looks, {runtime}", len(paths)) as step:
        return look_at_images(detector, paths, on_image=step)


def _alarms_a_km(what: str, streets: int, follow: Follow) -> float:
    bench = EyeBench(seeds=tuple(range(streets)), holes=False)
    with follow("Looking along sound streets", streets * len(CASES)) as step:
        figures = run_eye_bench(bench, load_detector(what), on_street=step)
    driven = sum(one.sound_m for one in figures.values())
    return 1000 * sum(one.alarms.total() for one in figures.values()) / driven
