"""Judges epochs by our own figure: to the vendor, what a source does not label is false."""

from pathlib import Path
from typing import Any

import torch
from ultralytics.models.yolo.detect import DetectionValidator

from models.datasets import BuiltDataset
from models.datasets.declared import Split
from models.evaluating.figures import score_of
from models.evaluating.matching import Found
from models.evaluating.truth import truth_of_dataset
from pipeline.domain.looks import BystanderKind, PixelBox

SCORE = "metrics/score"


class RoadValidator(DetectionValidator):
    """The vendor's validator, of which the fitness is the mean AP50 of defects over sources."""

    def __init__(self, *args: Any, dataset: BuiltDataset, **kwargs: Any) -> None:  # noqa: ANN401
        """Take what the vendor's takes, and the set whose tune split is judged on."""
        super().__init__(*args, **kwargs)
        self._truths = truth_of_dataset(dataset, Split.TUNE)
        bystanders = {kind.value for kind in BystanderKind}
        self._kinds = [name for name in dataset.classes if name not in bystanders]
        self._classes = dataset.classes
        self._found: list[Found] = []

    def init_metrics(self, model: torch.nn.Module) -> None:
        """Begin anew."""
        super().init_metrics(model)
        self._found = []

    def update_metrics(self, preds: list[dict[str, torch.Tensor]], batch: dict[str, Any]) -> None:
        """Keep the boxes of a batch, in pixels of the photographs."""
        super().update_metrics(preds, batch)
        for i, pred in enumerate(preds):
            whole = self._prepare_batch(i, batch)
            scaled = self.scale_preds(pred, whole)
            name = Path(whole["im_file"]).name
            rows = zip(
                scaled["bboxes"].tolist(), pred["conf"].tolist(), pred["cls"].tolist(), strict=True
            )
            self._found += [
                Found(image=name, kind=self._classes[int(kind)], box=box, confidence=confidence)
                for edges, confidence, kind in rows
                if (box := _box(edges)) is not None
            ]

    def get_stats(self) -> dict[str, Any]:
        """Return the vendor's figures, and ours as the one to choose by."""
        score = score_of(self._found, self._truths, self._kinds)
        return {**super().get_stats(), SCORE: score, "fitness": score}


def _box(edges: list[float]) -> PixelBox | None:
    left, top, right, bottom = edges
    if right <= left or bottom <= top:
        return None
    return PixelBox(left_px=left, top_px=top, right_px=right, bottom_px=bottom)
