"""Trains with the vendor's trainer: a loss that knows what is labelled, quick on a CPU, resumable.

Forward in bfloat16 with channels last, loss in float32: about twice as fast on a CPU. A training
that was killed goes on from its last whole epoch.
"""

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

from models.card import sha256_of_file
from models.datasets import BuiltDataset
from models.datasets.declared import Split
from models.plan import TrainingPlan
from models.ultralytics_.known import KnownOnlyLoss, RegionKind
from models.ultralytics_.pictures import Box, RoadDataset
from models.ultralytics_.regions import regions_of
from models.ultralytics_.starting import (
    alone_in,
    drop_unfinished,
    keep_plan,
    named_weights,
    start_of,
)
from models.ultralytics_.teaching import Taught, Teachers, blended
from models.ultralytics_.validating import RoadValidator
from pipeline.domain.errors import InputError

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
        InputError: The folder holds another plan's run, another training is at work there, or the
            start weights are not there.
    """
    with alone_in(folder):
        return _train(plan, dataset, folder, machine, on_step)


def _train(
    plan: TrainingPlan,
    dataset: BuiltDataset,
    folder: Path,
    machine: Machine,
    on_step: Callable[[Step], None],
) -> Path:
    resolved = asdict(plan) | {"dataset": dataset.name, "dataset_sha256": dataset.sha256}
    last = folder / "weights" / "last.pt"
    best = folder / "weights" / "best.pt"
    teachers = {named_weights(plan, name): share for name, share in plan.teachers.items()}
    if teachers:
        resolved["teachers_sha256"] = [sha256_of_file(path) for path in teachers]
    if plan.start and not last.is_file():
        resolved["start_sha256"] = sha256_of_file(named_weights(plan, plan.start))
    keep_plan(resolved, folder)
    if (folder / _FINISHED).is_file():
        return best
    overrides = _overrides(plan, _vendor_data(dataset, plan, folder), folder, machine)
    if last.is_file():
        drop_unfinished(folder, last)
        overrides |= {"resume": str(last), "model": str(last)}
    else:
        overrides |= {"model": f"{plan.architecture}.yaml"}
        overrides |= (
            {"pretrained": str(start_of(plan, folder))} if plan.start else {"pretrained": False}
        )
    trainer = RoadTrainer(overrides, plan=plan, dataset=dataset, teachers=teachers)
    if machine.device != "cpu":
        # Every batch has the same shape: the quickest way to compute it is looked for once.
        trainer.add_callback(
            "on_train_start", lambda _: setattr(torch.backends.cudnn, "benchmark", True)
        )
    # The vendor leaves one core free for itself; a CPU has none to spare.
    else:
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
            preds = _in_float32(preds)
            loss, items = self.criterion(preds, batch)
            taught: Taught | None = batch.get("taught")
            if taught is None:
                return loss, items
            hyper: Any = self.args
            return blended(loss, items, taught, preds, gains=(hyper.cls, hyper.dfl))


class RoadTrainer(DetectionTrainer):
    """The vendor's trainer with our model and dataset."""

    def __init__(
        self,
        overrides: dict[str, Any],
        *,
        plan: TrainingPlan,
        dataset: BuiltDataset,
        teachers: dict[Path, float],
    ) -> None:
        """Take the vendor's settings, and what our model, dataset and validator need."""
        self._plan = plan
        self._dataset = dataset
        self._regions = regions_of(dataset)
        super().__init__(overrides=overrides)
        self._teachers = (
            Teachers(teachers, dataset.classes, self.device, share=plan.taught)
            if teachers
            else None
        )

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
        layers: Any = model.model
        if self._plan.teachers and layers[-1].reg_max == 1:
            raise InputError(
                f"plan {self._plan.name}: {self._plan.architecture} does not state edges as "
                "distributions and cannot be taught; use a YOLO11 network"
            )
        return model

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Bring a batch to the device, and ask the teachers what they see."""
        batch = super().preprocess_batch(batch)
        if self._teachers is None:
            return batch
        return {**batch, "taught": self._teachers.look(batch["img"])}

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
