"""Trains with the vendor's trainer: a loss that knows what is labelled, quick on a CPU, resumable.

Forward in bfloat16 with channels last, loss in float32: about twice as fast on a CPU. A training
that was killed goes on from its last whole epoch.
"""

import json
import os
from collections.abc import Callable
from copy import copy
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.loss import E2ELoss
from ultralytics.utils.plotting import plot_images

from models.card import load_card, model_names, sha256_of_file
from models.datasets import BuiltDataset
from models.datasets.declared import Split
from models.plan import TrainingPlan
from models.ultralytics_.export import network_of
from models.ultralytics_.known import KnownOnlyLoss, RegionKind
from models.ultralytics_.pictures import Box, RoadDataset
from models.ultralytics_.regions import regions_of
from models.ultralytics_.validating import RoadValidator
from models.ultralytics_.widening import widen
from pipeline.domain.errors import InputError

RESOLVED = "plan.json"
_FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a training is.

    Attributes:
        epoch: The one it is in, from 0.
        epochs: How many there will be.
        done: Steps of this epoch that are done.
        steps: Steps in an epoch.
        losses: Means of this epoch so far, by name.
        tuned: Figures on the tune images after an epoch's end; empty before.
    """

    epoch: int
    epochs: int
    done: int
    steps: int
    losses: dict[str, float]
    tuned: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and how a training is computed.

    Attributes:
        device: "cpu" or "cuda:0".
        workers: Processes that prepare pictures.
        compiled: Whether the network is compiled first: minutes at the beginning, then quicker
            steps; needs a C++ compiler.
    """

    device: str = "cpu"
    workers: int = 2
    compiled: bool = False


def train(
    plan: TrainingPlan,
    dataset: BuiltDataset,
    folder: Path,
    *,
    machine: Machine,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Path:
    """Train, or go on with a training that was stopped.

    Args:
        plan: What is trained and how.
        dataset: On what; its `tune` images choose the best epoch.
        folder: The run's own folder; holds the resolved plan, the curves and the weights.
        machine: Where and how it is computed; it decides nothing of what is learnt.
        on_step: Told after every step, and after every epoch.

    Returns:
        The weights of the best epoch.

    Raises:
        InputError: The folder holds another plan's run, or the start weights are not there.
    """
    resolved = asdict(plan) | {"dataset": dataset.name, "dataset_sha256": dataset.sha256}
    last = folder / "weights" / "last.pt"
    best = folder / "weights" / "best.pt"
    if plan.start and not last.is_file():
        resolved["start_sha256"] = sha256_of_file(_named_start(plan))
    _keep_plan(resolved, folder)
    if (folder / _FINISHED).is_file():
        return best
    overrides = _overrides(plan, _vendor_data(dataset, plan, folder), folder, machine)
    if last.is_file():
        _drop_unfinished(folder, last)
        overrides |= {"resume": str(last), "model": str(last)}
    else:
        overrides |= {"model": f"{plan.architecture}.yaml"}
        overrides |= (
            {"pretrained": str(_start_of(plan, folder))} if plan.start else {"pretrained": False}
        )
    trainer = RoadTrainer(overrides, plan=plan, dataset=dataset)
    # The vendor leaves one core free for itself; a CPU has none to spare.
    if machine.device == "cpu":
        trainer.add_callback("on_train_start", lambda _: torch.set_num_threads(os.cpu_count() or 1))
    trainer.add_callback("on_train_start", lambda t: _average(t, plan.average_steps))
    if machine.compiled:
        trainer.add_callback("on_train_start", _compile)
    trainer.add_callback("on_train_batch_end", lambda t: on_step(_step(t, tuned=False)))
    trainer.add_callback("on_fit_epoch_end", lambda t: on_step(_step(t, tuned=True)))
    trainer.train()
    (folder / _FINISHED).write_text("", "utf-8")
    return best


def _average(trainer: Any, steps: int) -> None:  # noqa: ANN401 - the vendor's
    """Average the weights over the last steps; the vendor's average takes 2,000 to set in."""
    most = 1 - 1 / steps
    trainer.ema.decay = lambda updates: min(most, (1 + updates) / (10 + updates))


def _compile(trainer: Any) -> None:  # noqa: ANN401 - the vendor's
    """Compile the network that is trained; the averaged one, which is saved, stays as it is."""
    trainer.model.compiled_forward = torch.compile(trainer.model.forward, dynamic=False)
    trainer.model.compiled_for = trainer.batch_size


def _step(trainer: Any, *, tuned: bool) -> Step:  # noqa: ANN401 - the vendor's
    """Return how far the vendor's trainer is; it does not count its steps, so we do."""
    trainer.steps_done = 0 if tuned else getattr(trainer, "steps_done", 0) + 1
    steps = len(trainer.train_loader)
    return Step(
        epoch=int(trainer.epoch),
        epochs=int(trainer.epochs),
        done=steps if tuned else trainer.steps_done,
        steps=steps,
        losses={name: float(value) for name, value in (trainer.tloss or {}).items()},
        tuned={k: float(v) for k, v in trainer.metrics.items()} if tuned else {},
    )


class RoadModel(DetectionModel):
    """The vendor's model with our loss."""

    regions: tuple[RegionKind, ...] = ()
    half_forward = False
    compiled_forward: Callable[[torch.Tensor], Any] | None = None
    compiled_for = 0

    def init_criterion(self) -> Any:  # noqa: ANN401 - the vendor's
        """Return the loss that knows what is labelled."""
        known = partial(KnownOnlyLoss, regions=self.regions)
        layers: Any = self.model
        two_heads = getattr(layers[-1], "one2one_cv2", None) is not None
        return E2ELoss(self, known) if two_heads else known(self)

    def loss(self, batch: dict[str, Any], preds: Any = None) -> Any:  # noqa: ANN401
        """Compute the loss in float32 from a forward pass in bfloat16."""
        if getattr(self, "criterion", None) is None:
            self.criterion = self.init_criterion()
        device = batch["img"].device.type
        if preds is None:
            pictures = batch["img"].to(memory_format=torch.channels_last)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=self.half_forward):
                # The last batch of an epoch may be smaller: not worth compiling for.
                whole = self.compiled_forward if len(pictures) == self.compiled_for else None
                preds = (whole or self.forward)(pictures)
        with torch.autocast(device, enabled=False):
            return self.criterion(_in_float32(preds), batch)


class RoadTrainer(DetectionTrainer):
    """The vendor's trainer with our model and dataset."""

    def __init__(
        self,
        overrides: dict[str, Any],
        *,
        plan: TrainingPlan,
        dataset: BuiltDataset,
    ) -> None:
        """Take the vendor's settings, and what our model, dataset and validator need."""
        self._plan = plan
        self._dataset = dataset
        self._regions = regions_of(dataset)
        super().__init__(overrides=overrides)

    def get_model(
        self,
        cfg: Any = None,  # noqa: ANN401
        weights: Any = None,  # noqa: ANN401
        verbose: bool = True,  # noqa: FBT001, FBT002 - the vendor's
    ) -> RoadModel:
        """Return our model with the given weights."""
        model = RoadModel(cfg, nc=self.data["nc"], ch=self.data["channels"], verbose=verbose)
        model.regions = self._regions.kinds
        model.half_forward = self._plan.half and _computes_bfloat16(self.device)
        self.set_model_names_for_load(model)
        if weights:
            model.load(weights)
        return model

    def get_validator(self) -> RoadValidator:
        """Return our validator."""
        return RoadValidator(
            self.test_loader,
            save_dir=self.save_dir,
            args=copy(self.args),
            _callbacks=self.callbacks,
            dataset=self._dataset,
        )

    def validate(self) -> Any:  # noqa: ANN401 - the vendor's
        """Look at the tune images, if it is time to; otherwise the last figures stand."""
        ends = self.epoch in (self.start_epoch, self.epochs - 1)
        due = ends or (self.epoch + 1) % self._plan.tune_every == 0
        return super().validate() if due else (self.metrics, None)

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:  # noqa: ANN401
        """Return our dataset."""
        training = mode == "train"
        return RoadDataset(
            img_path=img_path,
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=training,
            hyp=self.args,
            rect=not training,
            cache=None,
            stride=32,
            pad=0.0 if training else 0.5,
            prefix=f"{mode}: ",
            task="detect",
            data=self.data,
            regions_of=self._numbered_regions if training else lambda _: [],
            plan=self._plan if training else None,
        )

    def plot_training_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Draw a sheet of what is learnt from, without the regions."""
        real = batch["cls"].view(-1) < self.data["nc"]
        drawn = {name: batch[name][real] for name in ("cls", "bboxes", "batch_idx")}
        plot_images(
            labels={**batch, **drawn},
            paths=batch["im_file"],
            fname=self.save_dir / f"sample-{ni}.jpg",
            names=self.data["names"],
        )

    def plot_training_labels(self) -> None:
        """Leave out the vendor's plot of labels: regions would count as boxes."""

    def save_model(self) -> bool:
        """Save so that a kill leaves the last whole checkpoint."""
        wanted = self.last, self.best
        self.last, self.best = (path.with_suffix(f"{path.suffix}.part") for path in wanted)
        try:
            done = bool(super().save_model())
        finally:
            written = self.last, self.best
            self.last, self.best = wanted
        for part, path in zip(written, wanted, strict=True):
            if part.is_file():
                part.replace(path)
        return done

    def _numbered_regions(self, image: str) -> list[tuple[int, Box]]:
        return [(self.data["nc"] + kind, box) for kind, box in self._regions.of_image(image)]


def _computes_bfloat16(device: torch.device) -> bool:
    """Return whether the device has instructions for it; without them it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001 - no public name


def _in_float32(preds: Any) -> Any:  # noqa: ANN401 - nests of tensors
    if isinstance(preds, torch.Tensor):
        return preds.float()
    if isinstance(preds, dict):
        return {name: _in_float32(part) for name, part in preds.items()}
    if isinstance(preds, list | tuple):
        return type(preds)(_in_float32(part) for part in preds)
    return preds


def _keep_plan(resolved: dict[str, Any], folder: Path) -> None:
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


def _drop_unfinished(folder: Path, last: Path) -> None:
    """Take rows out of the curves whose epoch was not saved: it will be trained again."""
    done = int(torch.load(last, map_location="cpu", weights_only=False)["epoch"]) + 1
    results = folder / "results.csv"
    if results.is_file():
        lines = results.read_text("utf-8").splitlines(keepends=True)
        results.write_text("".join(lines[: done + 1]), "utf-8")


def _start_of(plan: TrainingPlan, folder: Path) -> Path:
    """Return the weights to start from; a narrower network is widened first."""
    path = _named_start(plan)
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


def _named_start(plan: TrainingPlan) -> Path:
    if plan.start in model_names():
        card = load_card(plan.start)
        card.verify(".pt")
        return card.torch_weights
    path = Path(plan.start)
    if not path.is_file():
        raise InputError(
            f"plan {plan.name}: start {plan.start!r} is neither a file nor a model; there are: "
            f"{', '.join(model_names())}"
        )
    return path


def _vendor_data(dataset: BuiltDataset, plan: TrainingPlan, folder: Path) -> Path:
    """Write the lists of images and what the vendor wants to know of them."""
    lists = {}
    for split in (Split.TRAIN, Split.TUNE):
        paths = [
            str((dataset.folder / item.image).resolve())
            for item in dataset.of(split)
            for _ in range(plan.repeat.get(item.source, 1) if split is Split.TRAIN else 1)
        ]
        lists[split] = folder / f"{split}.txt"
        lists[split].write_text("\n".join(paths), "utf-8")
    path = folder / "data.yaml"
    content = {
        "path": str(dataset.folder.resolve()),
        "train": str(lists[Split.TRAIN].resolve()),
        "val": str(lists[Split.TUNE].resolve()),
        "names": dict(enumerate(dataset.classes)),
    }
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def _overrides(plan: TrainingPlan, data: Path, folder: Path, machine: Machine) -> dict[str, Any]:
    return {
        "task": "detect",
        "mode": "train",
        "data": str(data),
        "save_dir": str(folder.resolve()),
        "exist_ok": True,
        "device": machine.device,
        "workers": machine.workers,
        "seed": plan.seed,
        # On a GPU the order of sums is not fixed anyway, and fixing what can be costs speed.
        "deterministic": machine.device == "cpu",
        "imgsz": plan.input_px,
        "epochs": plan.epochs,
        "patience": 0,
        "batch": plan.batch,
        "nbs": plan.batch,
        "optimizer": "AdamW",
        "lr0": plan.learning_rate,
        "lrf": plan.last_rate_share,
        "cos_lr": True,
        "weight_decay": plan.weight_decay,
        "warmup_epochs": plan.warmup_epochs,
        "amp": False,
        "channels_last": True,
        "mosaic": plan.mosaic,
        "close_mosaic": plan.close_mosaic,
        "scale": plan.scale,
        "degrees": plan.degrees,
        "translate": plan.translate,
        "fliplr": plan.fliplr,
        "hsv_h": plan.hue,
        "hsv_s": plan.saturation,
        "hsv_v": plan.brightness,
        "plots": True,
        "save_period": -1,
    }
