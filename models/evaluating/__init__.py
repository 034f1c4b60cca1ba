"""Measures detections against labels: what is found, how surely, and how well that is known."""

from models.evaluating.matching import Found, Label, judge
from models.evaluating.truth import ImageTruth, read_labels, truth_of_dataset, truth_of_folder

__all__ = [
    "Found",
    "ImageTruth",
    "Label",
    "judge",
    "read_labels",
    "truth_of_dataset",
    "truth_of_folder",
]
