"""A loss that knows what a source labels: what is not labelled is neither right nor wrong.

A source that does not label a class, or gets the type of a class wrong, is marked in the batch by
a box around its picture, whose class number lies beyond the real classes. Such a region goes
through mosaics, shifts and flips like any box, and arrives where the picture arrives.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.tal import make_anchors


@dataclass(frozen=True, slots=True)
class RegionKind:
    """What holds in a region.

    Attributes:
        unlabelled: Class numbers that are not labelled there.
        confused: Class numbers of which one may be labelled as another.
        known: Class numbers of which it is known after all that none is there.
    """

    unlabelled: tuple[int, ...]
    confused: tuple[int, ...]
    known: tuple[int, ...] = ()


class KnownOnlyLoss(v8DetectionLoss):
    """The vendor's detection loss, without a penalty for what nobody labelled."""

    def __init__(
        self,
        model: torch.nn.Module,
        tal_topk: int = 10,
        tal_topk2: int | None = None,
        *,
        regions: tuple[RegionKind, ...],
    ) -> None:
        """Take the vendor's loss; `regions` are the kinds numbered from the last class on."""
        super().__init__(model, tal_topk, tal_topk2)
        self._regions = regions
        self._plain = self.bce
        self._weights: tuple[torch.Tensor, torch.Tensor] | None = None
        self.bce = self._known_bce  # type: ignore[assignment]

    def get_assigned_targets_and_loss(
        self,
        preds: dict[str, Any],
        batch: dict[str, Any],
        **assign_kwargs: Any,  # noqa: ANN401 - the vendor's
    ) -> tuple[Any, ...]:
        """Take the regions out of the batch, then compute the loss where it is known."""
        numbers = batch["cls"].view(-1)
        region = numbers >= self.nc
        self._weights = self._unknown(preds, batch, region)
        boxes = {name: batch[name][~region] for name in ("cls", "bboxes", "batch_idx")}
        found: tuple[Any, ...] = super().get_assigned_targets_and_loss(
            preds, {**batch, **boxes}, **assign_kwargs
        )
        return found

    def _unknown(
        self, preds: dict[str, Any], batch: dict[str, Any], region: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (images × anchors × classes): where a class is unlabelled, and where confused."""
        points, strides = make_anchors(preds["feats"], self.stride, 0.5)
        at = points * strides
        shape = preds["feats"][0].shape
        high, wide = (side * float(strides.min()) for side in shape[2:])
        scale = torch.tensor([wide, high, wide, high], device=at.device)
        box = batch["bboxes"][region].to(at.device) * scale
        inside = ((at - box[:, None, :2]).abs() <= box[:, None, 2:] / 2).all(dim=2)
        image = batch["batch_idx"].view(-1)[region].to(at.device).long()
        kind = batch["cls"].view(-1)[region].to(at.device).long() - self.nc

        def marked(classes: Iterable[Sequence[int]]) -> torch.Tensor:
            table = self._table(classes, at.device)[kind]
            counts = torch.zeros(shape[0], len(at), self.nc, device=at.device)
            return counts.index_add_(0, image, inside[:, :, None] * table[:, None, :]) > 0

        surely = marked(one.known for one in self._regions)
        unlabelled = marked(one.unlabelled for one in self._regions) & ~surely
        return unlabelled, marked(one.confused for one in self._regions)

    def _table(self, classes: Iterable[Sequence[int]], device: torch.device) -> torch.Tensor:
        """Return (kinds of region × classes) of 1 where the class is named, else 0."""
        rows = [[float(one in named) for one in range(self.nc)] for named in classes]
        return torch.tensor(rows, device=device).view(-1, self.nc)

    def _known_bce(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self._plain(scores, targets)
        if self._weights is None:
            return loss
        unlabelled, confused = self._weights
        absent = targets == 0
        # Where one of the confused is labelled, the others may as well be true.
        one_of_them = (confused & ~absent).any(dim=2, keepdim=True)
        nobody_knows = absent & (unlabelled | (confused & one_of_them))
        return loss.masked_fill(nobody_knows, 0.0)
