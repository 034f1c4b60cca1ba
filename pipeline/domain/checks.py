"""Small validators that make a wrong value unbuildable. Pure."""

import math
from datetime import datetime


def require(claim: bool, message: str) -> None:  # noqa: FBT001 - a claim reads as an argument
    """Raise ValueError with the message unless the claim holds."""
    if not claim:
        raise ValueError(message)


def require_finite(**numbers: float) -> None:
    """Raise ValueError naming the first number that is NaN or infinite."""
    for name, number in numbers.items():
        require(math.isfinite(number), f"{name} must be finite, not {number}")


def require_positive(**numbers: float) -> None:
    """Raise ValueError naming the first number that is not finite and above zero."""
    for name, number in numbers.items():
        require(math.isfinite(number) and number > 0, f"{name} must be above 0, not {number}")


def require_share(**shares: float) -> None:
    """Raise ValueError naming the first share outside 0…1."""
    for name, share in shares.items():
        require(0.0 <= share <= 1.0, f"{name} must lie within 0…1, not {share}")


def require_aware(**instants: datetime) -> None:
    """Raise ValueError naming the first instant without a time zone."""
    for name, instant in instants.items():
        require(instant.tzinfo is not None, f"{name} must carry a time zone")
