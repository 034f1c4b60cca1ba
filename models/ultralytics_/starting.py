"""What a training starts from: weights, a plan, or what an earlier start of it left."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from ultralytics.nn.tasks import DetectionModel

from models.card import load_card, model_names
from models.plan import TrainingPlan
from models.ultralytics_.export import network_of
from models.ultralytics_.widening import widen
from pipeline.domain.errors import InputError

RESOLVED = "plan.json"
_LOCK = ".at-work"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one training at a time be at work in a folder; one that was killed holds it no more.

    Raises:
        InputError: Another is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as held:
        try:
            # Of the process alone: what prepares pictures for it may outlive it by seconds.
            fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"another training is at work in {folder}; wait for it, or choose another folder"
            ) from error
        yield


def keep_plan(resolved: dict[str, Any], folder: Path) -> None:
    """Store what this run is; refuse to go on with another's."""
    path = folder / RESOLVED
    if path.is_file():
        known = json.loads(path.read_text("utf-8"))
        # A run that began before an entry existed began with what is now its default.
        defaults = asdict(TrainingPlan(name="", repeat={}))
        changed = sorted(
            key
            for key, value in resolved.items()
            if known.get(key, defaults.get(key, value)) != value
        )
        if changed:
            raise InputError(
                f"{folder} holds a run of another plan ({', '.join(changed)} differ); "
                "choose another folder, or go on with the plan that it began with"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(resolved, indent=1), "utf-8")


def drop_unfinished(folder: Path, last: Path) -> None:
    """Take rows out of the curves whose epoch was not saved: it will be trained again."""
    done = int(torch.load(last, map_location="cpu", weights_only=False)["epoch"]) + 1
    results = folder / "results.csv"
    if results.is_file():
        lines = results.read_text("utf-8").splitlines(keepends=True)
        results.write_text("".join(lines[: done + 1]), "utf-8")


def start_of(plan: TrainingPlan, folder: Path) -> Path:
    """Return the weights to start from; a narrower network is widened first."""
    path = named_weights(plan, plan.start)
    if not plan.grow:
        return path
    narrow = network_of(path)
    torch.manual_seed(plan.seed)
    # As many classes as it knows: the trainer takes over what fits the classes that are learnt.
    wide = DetectionModel(f"{plan.architecture}.yaml", ch=3, nc=len(narrow.names), verbose=False)
    widen(narrow.float().state_dict(), wide)
    grown = folder / "weights" / "grown.pt"
    grown.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": wide}, grown)
    return grown


def named_weights(plan: TrainingPlan, name: str) -> Path:
    """Return the weights that a plan names: a file's, or a model's.

    Raises:
        InputError: There is neither.
    """
    if name in model_names():
        card = load_card(name)
        card.verify(".pt")
        return card.torch_weights
    path = Path(name)
    if not path.is_file():
        raise InputError(
            f"plan {plan.name}: {name!r} is neither a file of weights nor a model; there are: "
            f"{', '.join(model_names())}"
        )
    return path
