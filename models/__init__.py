"""The eye: weights with their cards, the detectors that run them, and what measures them.

`load_detector` is the one way in; it imports nothing that the chosen runtime does not need.
"""

from models.card import ModelCard, load_card, model_names, verify_card
from models.loading import Runtime, load_detector

__all__ = ["ModelCard", "Runtime", "load_card", "load_detector", "model_names", "verify_card"]
