"""Cut out of a drive what is private, before anything of it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from pipeline.domain.errors import InputError
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.private import CutClips, PrivateArea, TimeSpan
from pipeline.line.prepare import PlacedClip, PreparedDrive
from pipeline.stages.cut import cut_track

# Beside what the clock may be wrong.
_MARGIN_S = 1.0
# What remains of a clip is worth keeping if it lasts so long: it holds a key frame.
_LEAST_S = 10.0


class AllPrivateError(InputError):
    """A drive of which nothing is kept: nobody needs the card's copy of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutDrive:
    """A drive without what is private.

    Attributes:
        received: What is kept: fixes outside, and clips that show something else too. Their times
            stand in them, so that nothing is dated by what was cut out.
    """

    received: ReceivedDrive
    clips: CutClips


def cut_drive(
    received: ReceivedDrive, prepared: PreparedDrive, areas: Sequence[PrivateArea]
) -> CutDrive:
    """Cut out of a drive what is private.

    Args:
        received: As it came in.
        prepared: The same, placed: it says when each clip was.
        areas: In which nothing is kept.

    Raises:
        AllPrivateError: Nothing of it is kept.
    """
    track = cut_track(received.fixes, areas)
    if not track.spans:
        return CutDrive(received=received, clips=CutClips(parts={}, whole=frozenset()))
    parts = {placed.clip.sha256: _parts(placed, track.spans) for placed in prepared.clips}
    whole = frozenset(
        placed.clip.sha256
        for placed in prepared.clips
        if placed.clip.duration_s - sum(b - a for a, b in parts[placed.clip.sha256]) < _LEAST_S
        and parts[placed.clip.sha256]
    )
    kept = [placed for placed in prepared.clips if placed.clip.sha256 not in whole]
    if not kept or not track.kept:
        raise AllPrivateError("it was taken in a private area, of which nothing is kept")
    return CutDrive(
        received=replace(
            received,
            clips=tuple((p.location, replace(p.clip, started_at=p.started_at)) for p in kept),
            fixes=track.kept,
            clock=kept[0].clock,
            started_at=None,
            quality={
                sha256: quality.cut(parts[sha256])
                for sha256, quality in received.quality.items()
                if sha256 not in whole
            },
        ),
        clips=CutClips(
            parts={sha256: cut for sha256, cut in parts.items() if cut and sha256 not in whole},
            whole=whole,
        ),
    )


def _parts(placed: PlacedClip, spans: Sequence[TimeSpan]) -> tuple[tuple[float, float], ...]:
    """Return what of a clip lies in spans of time, in seconds after its first frame."""
    lasts_s = placed.clip.duration_s
    margin_s = _MARGIN_S + 2 * placed.clock.sigma_s
    ends_at = placed.begins_at + timedelta(seconds=lasts_s)
    found = []
    for span in spans:
        begins, ends = max(span.begins, placed.begins_at), min(span.ends, ends_at)
        if begins >= ends:
            continue
        from_s = (begins - placed.begins_at).total_seconds() - margin_s
        to_s = (ends - placed.begins_at).total_seconds() + margin_s
        found.append((max(0.0, from_s), min(lasts_s, to_s)))
    return tuple(found)
