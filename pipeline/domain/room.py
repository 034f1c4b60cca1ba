"""What stops first when a disk fills. Pure.

First no more footage is taken in, so that what is here can be finished; then the work on it stops,
which writes pictures and rows; the pages, where an engineer may be acting on an emergency, go on
to the end.
"""

from enum import StrEnum

from pipeline.domain.checks import require


class Room(StrEnum):
    """How much there is left."""

    ENOUGH = "enough"
    NO_UPLOADS = "no_uploads"
    NO_WORK = "no_work"

    @property
    def words(self) -> str:
        """As a page writes it."""
        return {
            Room.ENOUGH: "Enough",
            Room.NO_UPLOADS: "Too little: no more footage is taken in; what is here is looked at",
            Room.NO_WORK: "Next to none: no footage is taken in or looked at; the pages go on",
        }[self]


def room_of(free_bytes: float, reserve_bytes: float) -> Room:
    """Return what a disk has room for.

    Args:
        free_bytes: Free on the disk.
        reserve_bytes: What is to be left free; the work on footage may use half of it.
    """
    require(reserve_bytes >= 0, "less than nothing cannot be left free")
    if free_bytes < reserve_bytes / 2:
        return Room.NO_WORK
    return Room.NO_UPLOADS if free_bytes < reserve_bytes else Room.ENOUGH
