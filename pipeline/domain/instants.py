"""When what happened to a possible defect: the instants that a court asks for. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Instants:
    """Of one defect; None is what has not happened.

    Attributes:
        captured: First pictured by a camera.
        received: That footage reached this system.
        detected: A detector saw it in that footage.
        first_shown: An engineer first had it on the screen.
        decided: An engineer last decided on it.
        ordered: A repair was ordered.
        accepted: The contractor accepted the order.
    """

    captured: datetime
    received: datetime
    detected: datetime
    first_shown: datetime | None = None
    decided: datetime | None = None
    ordered: datetime | None = None
    accepted: datetime | None = None

    def __iter__(self) -> Iterator[tuple[str, datetime | None]]:
        """Yield each with its words, in the order of the trade."""
        yield "Captured by a camera", self.captured
        yield "Footage received", self.received
        yield "Detected", self.detected
        yield "First shown to an engineer", self.first_shown
        yield "Decided", self.decided
        yield "Repair ordered", self.ordered
        yield "Order accepted", self.accepted
