"""Queue up: which drives are looked at next, so that each council gets its turn. Pure."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

from pipeline.domain.ids import OrganisationId
from pipeline.domain.work import WaitingDrive, promised_by

_LEAST_S = 60.0


def queue_up(
    waiting: Sequence[WaitingDrive], *, in_hand_s: Mapping[OrganisationId, float], places: int
) -> tuple[WaitingDrive, ...]:
    """Return the drives to begin, the first first.

    What is promised for an earlier morning goes before the rest; among the same, the owner of whose
    footage the least is in hand goes next, and of one owner what came first. So a council with
    ten thousand clips does not keep one with ten waiting.

    Args:
        waiting: What waits and may be begun.
        in_hand_s: Seconds of footage that are being looked at, or about to be, by owner.
        places: How many may be begun.
    """
    load = dict(in_hand_s)
    lines: dict[OrganisationId, deque[tuple[datetime, WaitingDrive]]] = {}
    for drive in sorted(waiting, key=lambda one: (one.received_at, str(one.drive_id))):
        line = lines.setdefault(drive.owner_id, deque())
        line.append((promised_by(drive.received_at), drive))
    chosen: list[WaitingDrive] = []
    while lines and len(chosen) < places:
        owner = min(lines, key=lambda one: (lines[one][0][0], load.get(one, 0.0), str(one)))
        _, drive = lines[owner].popleft()
        chosen.append(drive)
        load[owner] = load.get(owner, 0.0) + cost_s(drive)
        if not lines[owner]:
            del lines[owner]
    return tuple(chosen)


def cost_s(drive: WaitingDrive) -> float:
    """Return what a drive counts for, in seconds of footage: beginning it is work too."""
    return max(drive.waiting_s, _LEAST_S)
