"""Verify: whether later passes bear out that a defect was repaired. Pure."""

from collections.abc import Sequence
from datetime import datetime

from pipeline.domain.condition import PassOver
from pipeline.stages.condition import ConditionSettings, condition_of

# Who says that it is repaired is mostly right: our own assumption.
_TOLD_REPAIRED = ConditionSettings(gone_before=0.7)


def verified_by(repaired_at: datetime, passes: Sequence[PassOver]) -> PassOver | None:
    """Return the pass that bears out a repair; None where none does yet.

    A camera misses what is there, so one pass that did not see it is enough only where this defect
    was rarely missed before.

    Args:
        repaired_at: When it was said to be repaired.
        passes: All that looked at its place.
    """
    after = sorted((one for one in passes if one.at > repaired_at), key=lambda one: one.at)
    before = [one for one in passes if one.at <= repaired_at and one.seen]
    if not after or not before or any(one.seen for one in after):
        return None
    condition = condition_of([*before, *after], settings=_TOLD_REPAIRED)
    return after[-1] if condition.probably_gone else None
