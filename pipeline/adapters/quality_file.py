"""The quality gate's weights: a file in the package, written when they were fitted."""

import json
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path

from pipeline.domain.looks import NotLookedReason
from pipeline.domain.quality import QualityModel

FILE = "quality.json"


@cache
def quality_model() -> QualityModel:
    """Return the weights that came with the package."""
    said = json.loads((files("pipeline.adapters") / FILE).read_text("utf-8"))
    return QualityModel(
        reasons=tuple(NotLookedReason(reason) for reason in said["reasons"]),
        mean=tuple(said["mean"]),
        scale=tuple(said["scale"]),
        hidden=tuple(tuple(row) for row in said["hidden"]),
        output=tuple(tuple(row) for row in said["output"]),
        threshold=said["threshold"],
    )


def write_quality_model(model: QualityModel, path: Path) -> None:
    """Write weights to a file."""
    path.write_text(json.dumps(asdict(model)) + "\n", "utf-8")
