"""The joints of the house: what the line asks of the world outside. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from pipeline.domain.footage import Clip, Frame
from pipeline.domain.ids import OrganisationId
from pipeline.domain.looks import LookAt
from pipeline.domain.places import GridRef, LonLat
from pipeline.domain.runs import DetectorIdentity


class Detector(Protocol):
    """Looks at frames."""

    @property
    def identity(self) -> DetectorIdentity:
        """What makes this detector's findings repeatable."""

    def look(self, frames: Iterable[Frame]) -> Iterator[LookAt]:
        """Yield one look a frame, in order, reading ahead by a bounded number of frames.

        A frame that cannot be judged gives `NotLooked`; nothing but a bug is raised.
        """


class Grid(Protocol):
    """Converts between GPS and the National Grid."""

    def to_grid(self, places: Sequence[LonLat]) -> list[GridRef]:
        """Return the grid references of places in Great Britain.

        Raises:
            InputError: A place lies outside Great Britain; the message names where.
        """

    def to_lonlat(self, refs: Sequence[GridRef]) -> list[LonLat]:
        """Return the way back, within a millimetre or two."""


class FrameReader(Protocol):
    """One clip, open for reading once, in order."""

    @property
    def clip(self) -> Clip:
        """What the clip's index says."""

    def frames(self, wanted_pts: Iterable[int]) -> Iterator[Frame]:
        """Yield, for each wanted time, the first frame at or after it, each frame once.

        Args:
            wanted_pts: Ascending presentation times in ticks.
        """

    @property
    def decoded(self) -> int:
        """How many frames were decoded so far."""

    @property
    def cut_at_pts(self) -> int | None:
        """Where the footage ended before its index said; None while it did not."""


class Footage(Protocol):
    """Finds and opens clips."""

    def open(self, location: str) -> AbstractContextManager[FrameReader]:
        """Open a clip.

        Raises:
            InputError: The file is missing, empty, no video, or has no index.
        """


class Blobs(Protocol):
    """Keeps pictures under organisation/kind/sha256."""

    def put(self, organisation: OrganisationId, kind: str, content: bytes) -> str:
        """Store once and return the key; storing the same again changes nothing.

        Raises:
            OutageError: The store does not answer.
        """

    def get(self, key: str) -> bytes:
        """Return what was stored.

        Raises:
            OutageError: The store does not answer.
            InputError: Nothing is stored under the key.
        """


class Clock(Protocol):
    """Tells the time; the only way in for it."""

    def now(self) -> datetime:
        """Return the present instant, UTC."""
