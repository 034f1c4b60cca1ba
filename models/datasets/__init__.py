"""Several sources with different label sets, as one training set. No torch."""

from models.datasets.build import BuiltDataset, build_dataset, read_manifest
from models.datasets.declared import DatasetPlan, Source, read_dataset_plan

__all__ = [
    "BuiltDataset",
    "DatasetPlan",
    "Source",
    "build_dataset",
    "read_dataset_plan",
    "read_manifest",
]
