"""train-candidate and gate: a detector is trained by a frozen plan, and judged; nobody releases it.

Plans, sets, runs and candidates lie in HOME/learning and are called by name. A training that lost
its worker goes on after its last whole epoch when it is asked for again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from pydantic import Field

from flows.telling import without_words
from models.candidate import make_candidate
from models.card import DEFAULT_MODEL
from models.datasets import read_manifest
from models.gate import FEWEST_STREETS, Verdict
from models.judging import judge
from models.plan import read_plan
from pipeline import wiring
from pipeline.domain.errors import InputError

_WHOLE = 100.0
_NAME = r"^[a-z0-9][a-z0-9._-]{0,79}$"
Name = Annotated[str, Field(pattern=_NAME, description="Its name in HOME/learning.")]


@dataclass(frozen=True, slots=True)
class Learning:
    """Where what is learnt lies."""

    home: Path

    @classmethod
    def here(cls) -> "Learning":
        """Return where the settings have it."""
        return cls(wiring.Settings.from_env().home.resolve() / "learning")

    def plan(self, name: str) -> Path:
        """Return a training plan's file."""
        return self.home / "plans" / f"{name}.toml"

    def dataset(self, name: str) -> Path:
        """Return a built set's folder."""
        return self.home / "datasets" / name

    def run(self, name: str) -> Path:
        """Return a training's folder."""
        return self.home / "runs" / name

    def candidate(self, name: str) -> Path:
        """Return a candidate's folder."""
        return self.home / "candidates" / name

    def card(self, name: str) -> Path:
        """Return a candidate's card."""
        return self.candidate(name) / "cards" / f"{name}.toml"


@task(name="train")
def train_task(plan: str, dataset: str, device: str) -> int:
    """Train, or go on with a training that was cut off.

    Args:
        plan: Its name.
        dataset: The set's name.
        device: cpu, or cuda:0.

    Returns:
        Epochs of the plan, which are done.
    """
    log = get_run_logger()
    with without_words(told=True):
        here = Learning.here()
        frozen, built = read_plan(here.plan(plan)), read_manifest(here.dataset(dataset))
        try:
            from models.ultralytics_.training import Machine, Step, train  # noqa: PLC0415 - torch
        except ImportError as error:
            raise InputError(
                "training needs torch and ultralytics, which this worker does not have; "
                'run: pip install "roadwear[export]"'
            ) from error
        with _progress("epochs of the training") as show:

            def on_step(step: Step) -> None:
                # The vendor reports once more, after the last epoch, what the best one gave.
                if step.tuned and step.epoch < step.epochs:
                    show((step.epoch + 1) / step.epochs)
                    score = step.tuned.get("metrics/score", 0.0)
                    log.info(
                        "epoch %d of %d is done: AP50 %.3f", step.epoch + 1, step.epochs, score
                    )

            train(frozen, built, here.run(plan), machine=Machine(device=device), on_step=on_step)
    return frozen.epochs


@task(name="make-candidate")
def make_candidate_task(plan: str, dataset: str) -> str:
    """Make a candidate of a finished training; it is made once.

    Args:
        plan: The training's name.
        dataset: The set's name.

    Returns:
        The form that is shipped.
    """
    log = get_run_logger()
    with without_words(told=True):
        here = Learning.here()
        if here.card(plan).is_file():
            log.info("the candidate was made before")
            return "as before"
        built = read_manifest(here.dataset(dataset))
        here.candidate(plan).parent.mkdir(parents=True, exist_ok=True)
        made = make_candidate(here.run(plan), built, here.candidate(plan), name=plan, say=log.info)
        table = [
            {
                "form": one.name, "shipped": one.name == made.chosen, "MB": one.bytes / 1e6,
                "ms a look": one.ms_a_look, **one.val,
            }
            for one in made.forms
        ]  # fmt: skip
        create_table_artifact(
            table=table, key=_key("forms", plan), description="AP50 by kind of defect, val split."
        )
    return made.chosen


@flow(name="train-candidate", flow_run_name="train-{plan}")
def train_candidate(
    plan: Name,
    dataset: Name,
    *,
    device: Annotated[
        str, Field(pattern=r"^(cpu|cuda:\d{1,2})$", description="What computes: cpu, or cuda:0 …")
    ] = "cpu",
    judged: Annotated[
        bool, Field(description="Whether the gate is asked as soon as the candidate is made.")
    ] = True,
) -> dict[str, str]:
    """Train a detector and make a candidate of it. A person releases it, or does not.

    Args:
        plan: HOME/learning/plans/PLAN.toml; the candidate is called so.
        dataset: HOME/learning/datasets/DATASET, as roadwear models dataset built it.
        device: What computes.
        judged: Whether the gate follows.

    Returns:
        The form that is shipped, and the gate's verdict if it was asked.
    """
    train_task(plan, dataset, device)
    done = {"form": make_candidate_task(plan, dataset)}
    return done | (gate(plan, dataset) if judged else {})


@flow(name="gate", flow_run_name="gate-{candidate}")
def gate(
    candidate: Name,
    dataset: Name,
    against: Annotated[
        str, Field(description="The model to be no worse than; empty: the released one.")
    ] = DEFAULT_MODEL,
    streets: Annotated[
        int,
        Field(ge=FEWEST_STREETS, le=1000, description="Simulated streets, for false alarms."),
    ] = FEWEST_STREETS,
) -> dict[str, str]:
    """Check a candidate against the released model; the verdict is kept beside it.

    That it did not pass is a result, and no failure: roadwear models release refuses it.

    Args:
        candidate: HOME/learning/candidates/CANDIDATE.
        dataset: The set that it was made with; its val split judges.
        against: The other model.
        streets: How many.

    Returns:
        The verdict, and how many checks failed.
    """
    with without_words(told=True):
        here = Learning.here()
        built = read_manifest(here.dataset(dataset))
        verdict, _ = judge(
            here.card(candidate), built, against=against, streets=streets, follow=_follow
        )
        _show(candidate, verdict)
    failed = sum(not check.passed for check in verdict.checks)
    get_run_logger().info("%d of %d checks failed", failed, len(verdict.checks))
    return {"verdict": "passed" if verdict.passed else "not passed", "failed": str(failed)}


def _show(candidate: str, verdict: Verdict) -> None:
    """Keep the verdict as a table, for those who watch Prefect."""
    words = {True: "passed", False: "FAILED"}
    table = [
        {"check": check.name, "verdict": words[check.passed], "found": check.words}
        for check in verdict.checks
    ]
    create_table_artifact(
        table=table,
        key=_key("gate", candidate),
        description=f"Against {verdict.against}, on {verdict.streets} simulated streets. A person "
        "releases it: roadwear models release.",
    )


def _key(what: str, name: str) -> str:
    """Return an artifact's key: Prefect takes small letters, digits and dashes."""
    return f"{what}-{name.replace('.', '-').replace('_', '-')}"


@contextmanager
def _progress(of_what: str) -> Iterator[Callable[[float], None]]:
    """Show a bar to those who watch Prefect; yields what is told the share that is done.

    Hours of work do not end because nobody can be shown how far they are.
    """
    artifact: UUID | None = None
    with suppress(Exception):
        made = create_progress_artifact(progress=0.0, description=of_what)
        artifact = made if isinstance(made, UUID) else None

    def show(share: float) -> None:
        with suppress(Exception):
            if artifact is not None:
                update_progress_artifact(artifact_id=artifact, progress=min(_WHOLE, _WHOLE * share))

    yield show


@contextmanager
def _follow(words: str, steps: int) -> Iterator[Callable[[], None]]:
    """Say once what begins, and show each tenth of it."""
    get_run_logger().info("%s, %d steps", words, steps)
    done = 0
    with _progress(words) as show:

        def step() -> None:
            nonlocal done
            done += 1
            if done == steps or not done % max(1, steps // 10):
                show(done / steps)

        yield step
