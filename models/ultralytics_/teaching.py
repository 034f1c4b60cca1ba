"""Learns from other networks: what they say of every picture is a second truth beside the labels.

Several trained networks together are right more often than any of them. A network that is taught
to say, at each point of each picture, what they say on average becomes nearly as good as all of
them, at the cost of one (knowledge distillation: Hinton et al., arXiv:1503.02531; of the
distributions of edges: Zheng et al., arXiv:2102.12252).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from models.ultralytics_.export import network_of
from pipeline.domain.errors import InputError
from pipeline.domain.looks import BystanderKind

# What networks of other makers call what we call a vehicle (the names of COCO).
_ALIASES = dict.fromkeys(("car", "motorcycle", "bus", "truck"), BystanderKind.VEHICLE.value)
# Points at which the teachers see less than this say nothing of where an edge is.
_LEAST_SCORE = 0.05


@dataclass(frozen=True, slots=True)
class Taught:
    """What the teachers say of a batch: at each of A points, of each of C classes.

    Attributes:
        scores: Images×C×A, from 0 to 1.
        known: C: of which class a teacher says anything.
        edges: Images×4×bins×A: how likely each edge lies in each bin of distance.
        share: How much of the loss is theirs.
    """

    scores: torch.Tensor
    known: torch.Tensor
    edges: torch.Tensor
    share: float


@dataclass(frozen=True, slots=True)
class _Teacher:
    network: Any
    # By our class number, the teacher's class numbers; and how much the teacher counts.
    classes: tuple[tuple[int, ...], ...]
    share: float


class Teachers:
    """Trained networks that look at every batch together."""

    def __init__(
        self,
        weights: Mapping[Path, float],
        classes: Sequence[str],
        device: torch.device,
        *,
        share: float,
    ) -> None:
        """Load the teachers.

        Args:
            weights: Checkpoints, and how much each counts.
            classes: What is to be learnt; a teacher teaches those whose names it knows.
            device: Where they compute.
            share: How much of the loss is theirs.

        Raises:
            InputError: One is no detection network, knows none of the classes, or does not state
                edges as distributions.
        """
        self._device = device
        self._share = share
        self._teachers = [_load(path, share, classes, device) for path, share in weights.items()]

    @torch.no_grad()
    def look(self, pictures: torch.Tensor) -> Taught:
        """Return what the teachers say.

        Args:
            pictures: Images×3×H×W, RGB from 0 to 1.
        """
        half = self._device.type == "cuda"
        pictures = pictures.to(memory_format=torch.channels_last)
        total: Any = 0.0
        shares: Any = 0.0
        edges: Any = 0.0
        certain: Any = 0.0
        for teacher in self._teachers:
            with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=half):
                raw = teacher.network(pictures)[1]
            nothing = torch.zeros_like(raw["scores"][:, 0], dtype=torch.float32)
            ours = torch.stack(
                [
                    raw["scores"][:, list(theirs)].amax(dim=1).float().sigmoid()
                    if theirs
                    else nothing
                    for theirs in teacher.classes
                ],
                dim=1,
            )
            knows = torch.tensor([float(bool(c)) for c in teacher.classes], device=ours.device)
            total = total + teacher.share * ours
            shares = shares + teacher.share * knows
            # Where an edge lies, those say who see something there.
            sure = teacher.share * ours.amax(dim=1)[:, None, None]
            images, channels, points = raw["boxes"].shape
            bins = raw["boxes"].float().view(images, 4, channels // 4, points).softmax(dim=2)
            edges = edges + sure * bins
            certain = certain + sure
        return Taught(
            scores=total / shares.clamp(min=1e-9)[None, :, None],
            known=shares > 0,
            edges=edges / certain.clamp(min=1e-9),
            share=self._share,
        )


def blended(
    loss: torch.Tensor,
    items: dict[str, torch.Tensor],
    taught: Taught,
    preds: dict[str, torch.Tensor],
    *,
    gains: tuple[float, float],
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return a loss of which a share is the teachers'.

    Args:
        loss: The labels': 3, of boxes, classes and distributions, times the number of images.
        items: Its parts, for the curves.
        taught: What the teachers say of the same images.
        preds: What the network says of them.
        gains: Of scores and of edges, as the vendor weighs classes and distributions.
    """
    of_scores, of_edges = taught_losses(preds, taught)
    told = torch.stack((torch.zeros_like(of_scores), of_scores * gains[0], of_edges * gains[1]))
    images = len(taught.scores)
    items = {**items, "taught_cls": told[1].detach(), "taught_dfl": told[2].detach()}
    return (1 - taught.share) * loss + taught.share * images * told, items


def taught_losses(preds: dict[str, torch.Tensor], taught: Taught) -> torch.Tensor:
    """Return how far a network is from its teachers: 2, of scores and of edges.

    Both are sums over points, weighted and divided by what the teachers see. What the teachers
    themselves leave open is subtracted, so that a perfect pupil's are 0.
    """
    scores = preds["scores"].float()
    sure = taught.scores.amax(dim=1)
    apart = binary_cross_entropy_with_logits(scores, taught.scores, reduction="none")
    apart = apart - _entropy(taught.scores) - _entropy(1 - taught.scores)
    seen = sure.sum().clamp(min=1.0)
    of_scores = (apart * taught.known[None, :, None]).sum() / seen
    images, _, bins, points = taught.edges.shape
    logs = preds["boxes"].float().view(images, 4, bins, points).log_softmax(dim=2)
    divergence = (-taught.edges * logs - _entropy(taught.edges)).sum(dim=2).mean(dim=1)
    weight = torch.where(sure >= _LEAST_SCORE, sure, 0.0)
    of_edges = (divergence * weight).sum() / weight.sum().clamp(min=1.0)
    return torch.stack((of_scores, of_edges))


def _entropy(chance: torch.Tensor) -> torch.Tensor:
    return -chance * chance.clamp(min=1e-12).log()


def _load(path: Path, share: float, classes: Sequence[str], device: torch.device) -> _Teacher:
    network = network_of(path).float().eval()
    head = network.model[-1]
    if getattr(head, "reg_max", 1) == 1 or getattr(head, "one2one_cv2", None) is not None:
        raise InputError(f"{path}: a teacher must state edges as distributions, as YOLO11 does")
    names = {int(number): _ALIASES.get(name, name) for number, name in network.names.items()}
    known = tuple(tuple(n for n, name in names.items() if name == kind) for kind in classes)
    if not any(known):
        raise InputError(f"{path}: this network knows none of {', '.join(classes)}")
    network = network.fuse(verbose=False).to(device, memory_format=torch.channels_last)
    for parameter in network.parameters():
        parameter.requires_grad_(requires_grad=False)
    return _Teacher(network=network, classes=known, share=share)
