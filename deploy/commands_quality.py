"""`roadwear models quality`: fits the quality gate."""

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from deploy.doors import expected_failures, progress, say
from models.quality import FitRules, Picture, fit, measure, read_pictures
from pipeline.adapters.quality_file import write_quality_model

# What looks along the road, and what may be dark or wet as it is.
_AHEAD, _LEFT_OUT = ("dnit", "roadscenes"), ("roadscenes",)
_TUNED_IN = 5
_WIDE = 400


def quality(
    photographs: Annotated[Path, typer.Argument(help="Folder of sound photographs.")],
    out: Annotated[Path, typer.Option(help="File for the weights (JSON).")],
    every: Annotated[int, typer.Option(min=1, help="Take one photograph in so many.")] = 2,
) -> None:
    """Fit the quality gate on photographs that are spoilt on purpose; one in five sets its limit.

    Photographs of the source "roadscenes" are left out: some are dark or wet as they are.
    """
    with expected_failures():
        pictures = [
            (_narrow(picture), name.startswith(_AHEAD))
            for name, picture in read_pictures(photographs)
            if not name.startswith(_LEFT_OUT)
        ][::every]
        with progress("Spoiling and measuring", len(pictures)) as bar:
            task = bar.task_ids[0]
            taught = [p for i, p in enumerate(pictures) if i % _TUNED_IN]
            tuned = pictures[::_TUNED_IN]
            fitted_on, limited_by = (
                measure(part, seed=seed, on_picture=lambda: bar.advance(task))
                for part, seed in ((taught, 20), (tuned, 3))
            )
        say(f"Fitting on {len(fitted_on.wrong)} pictures …")
        model = fit(fitted_on, limited_by, FitRules())
        write_quality_model(model, out)
        say(f"Written to {out}; a picture is refused below {model.threshold}")


def _narrow(picture: Picture) -> Picture:
    """Return a picture no wider than is measured: spoiling it takes less time."""
    high = round(_WIDE * picture.shape[0] / picture.shape[1])
    return np.asarray(cv2.resize(picture, (_WIDE, high), interpolation=cv2.INTER_AREA), np.uint8)
