"""Cover: what stretch of the drive was looked at, and where it was not, why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.domain.coverage import Stretch
from pipeline.domain.looks import NotLookedReason

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """One planned look and its outcome; reason is None when the frame was judged."""

    chainage_m: float
    reason: NotLookedReason | None


def cover_stretches(
    looks: Sequence[LookedAt], *, near_m: float, far_m: float, spacing_m: float, limit_m: float
) -> tuple[Stretch, ...]:
    """Return the stretches that these looks answer for.

    A judged frame covers the road from `near_m` to `far_m` ahead of it. A refused one leaves the
    `spacing_m` of road ahead of `near_m` unlooked at, unless another frame shows it.

    Args:
        looks: Ascending by chainage.
        near_m: Where the picture's road begins, ahead of the camera.
        far_m: The range limit.
        spacing_m: Between two looks.
        limit_m: Chainage at which the drive ends: beyond it nothing is claimed.

    Returns:
        Ascending, not overlapping.
    """
    seen = _union(
        [
            (look.chainage_m + near_m, min(look.chainage_m + far_m, limit_m))
            for look in looks
            if look.reason is None
        ]
    )
    stretches = [Stretch(from_m=a, to_m=b, reason=None) for a, b in seen]
    for reason in NotLookedReason:
        refused = _union(
            [
                (look.chainage_m + near_m, min(look.chainage_m + near_m + spacing_m, limit_m))
                for look in looks
                if look.reason is reason
            ]
        )
        blind = _without(refused, _union([(s.from_m, s.to_m) for s in stretches]))
        stretches += [Stretch(from_m=a, to_m=b, reason=reason) for a, b in blind]
    return tuple(sorted(stretches, key=lambda s: s.from_m))


def fill_stretches(
    stretches: Sequence[Stretch], *, from_m: float, to_m: float, reason: NotLookedReason
) -> tuple[Stretch, ...]:
    """Return the stretches with every gap within [from_m, to_m] named as not looked at."""
    merged = list(merge_stretches(stretches))
    known = _union([(s.from_m, s.to_m) for s in merged])
    rest = _without(_union([(from_m, to_m)]), known)
    merged += [Stretch(from_m=a, to_m=b, reason=reason) for a, b in rest]
    return tuple(sorted(merged, key=lambda s: s.from_m))


def merge_stretches(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Return the stretches without overlap: the road counts once, and looked at wins."""
    merged = [
        Stretch(from_m=a, to_m=b, reason=None)
        for a, b in _union([(s.from_m, s.to_m) for s in stretches if s.reason is None])
    ]
    said = {s.reason for s in stretches}
    for why in (reason for reason in NotLookedReason if reason in said):
        spans = _union([(s.from_m, s.to_m) for s in stretches if s.reason is why])
        known = _union([(s.from_m, s.to_m) for s in merged])
        merged += [Stretch(from_m=a, to_m=b, reason=why) for a, b in _without(spans, known)]
    return tuple(sorted(merged, key=lambda s: s.from_m))


def _union(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def _without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """Return what is left of spans outside holes; holes are ascending and apart."""
    left: list[Span] = []
    for begin, end in spans:
        at = begin
        for hole_begin, hole_end in holes:
            if hole_end <= at or hole_begin >= end:
                continue
            if hole_begin > at:
                left.append((at, hole_begin))
            at = max(at, hole_end)
        if at < end:
            left.append((at, end))
    return left
