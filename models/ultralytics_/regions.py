"""Where it is known what a picture shows, and where it is not."""

from dataclasses import dataclass
from pathlib import Path

from models.datasets import BuiltDataset
from models.ultralytics_.known import RegionKind
from models.ultralytics_.pictures import Box, source_of
from pipeline.domain.looks import BystanderKind

_WHOLE = (0.5, 0.5, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Regions:
    """What is not known of pictures, and where it is known after all.

    Attributes:
        kinds: What may hold in a region; a region's class number counts on from the real ones.
        of_source: By source, the kind that holds for whole pictures of it.
        known: By image's file name, boxes without a defect; beside them nothing is known.
    """

    kinds: tuple[RegionKind, ...]
    of_source: dict[str, int]
    known: dict[str, tuple[Box, ...]]

    def of_image(self, path: str) -> list[tuple[int, Box]]:
        """Return kind and box (x, y, width, height in shares) of every region of an image."""
        boxes = self.known.get(Path(path).name)
        if boxes is not None:
            whole, inside = len(self.kinds) - 2, len(self.kinds) - 1
            return [(whole, _WHOLE), *((inside, box) for box in boxes)]
        number = self.of_source.get(source_of(path))
        return [] if number is None else [(number, _WHOLE)]


def regions_of(dataset: BuiltDataset) -> Regions:
    """Return the regions of a set; pictures that are labelled whole have none."""
    number = {name: i for i, name in enumerate(dataset.classes)}
    kinds: list[RegionKind] = []
    kind_of: dict[str, int] = {}
    for source, unlabelled in dataset.unlabelled.items():
        kind = RegionKind(
            unlabelled=tuple(number[name] for name in unlabelled),
            confused=tuple(number[name] for name in dataset.confused[source]),
        )
        if kind.unlabelled or kind.confused:
            if kind not in kinds:
                kinds.append(kind)
            kind_of[source] = kinds.index(kind)
    known = {Path(i.image).name: i.known for i in dataset.items if i.known is not None}
    if known:
        kinds.append(RegionKind(unlabelled=tuple(number.values()), confused=()))
        bystanders = {kind.value for kind in BystanderKind}
        defects = tuple(i for name, i in number.items() if name not in bystanders)
        kinds.append(RegionKind(unlabelled=(), confused=(), known=defects))
    return Regions(kinds=tuple(kinds), of_source=kind_of, known=known)
