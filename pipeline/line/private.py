"""Cut out of a drive what is private, before anything of it is stored."""

from collections.abc import Callable, Sequence
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
_LEAST_FIXES = 2
# Spans may reach to the ends of time, which cannot be reckoned with.
_MONTH = timedelta(days=31)
Parts = tuple[tuple[float, float], ...]


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
    received: ReceivedDrive,
    prepared: PreparedDrive,
    areas: Sequence[PrivateArea],
    *,
    widened: Callable[[PlacedClip, Parts], Parts] = lambda _, parts: parts,
) -> CutDrive:
    """Cut out of a drive what is private.

    Args:
        received: As it came in.
        prepared: The same, placed: it says when each clip was.
        areas: In which nothing is kept.
        widened: What of a clip goes really where parts of it must: pictures go from key frame to
            key frame.

    Raises:
        AllPrivateError: Nothing of it is kept.
    """
    track = cut_track(received.fixes, areas)
    parts = {placed.clip.sha256: _parts(placed, track.spans) for placed in prepared.clips}
    if len(track.kept) == len(received.fixes) and not any(parts.values()):
        return CutDrive(received=received, clips=CutClips(parts={}, whole=frozenset()))
    whole = set()
    for placed in prepared.clips:
        sha256 = placed.clip.sha256
        if parts[sha256] and _left_s(placed, parts[sha256]) >= _LEAST_S:
            parts[sha256] = _united([*parts[sha256], *widened(placed, parts[sha256])])
        if parts[sha256] and _left_s(placed, parts[sha256]) < _LEAST_S:
            whole.add(sha256)
    kept = [placed for placed in prepared.clips if placed.clip.sha256 not in whole]
    if not kept or len(track.kept) < _LEAST_FIXES:
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
            whole=frozenset(whole),
        ),
    )


def _left_s(placed: PlacedClip, parts: Parts) -> float:
    return placed.clip.duration_s - sum(to_s - from_s for from_s, to_s in parts)


def _parts(placed: PlacedClip, spans: Sequence[TimeSpan]) -> Parts:
    """Return what of a clip lies in spans of time, in seconds after its first frame."""
    lasts_s = placed.clip.duration_s
    margin_s = _MARGIN_S + 2 * placed.clock.sigma_s
    ends_at = placed.begins_at + timedelta(seconds=lasts_s)
    found = []
    for span in spans:
        begins = max(span.begins, placed.begins_at - _MONTH)
        ends = min(span.ends, ends_at + _MONTH)
        from_s = max(0.0, (begins - placed.begins_at).total_seconds() - margin_s)
        to_s = min(lasts_s, (ends - placed.begins_at).total_seconds() + margin_s)
        if from_s < to_s:
            found.append((from_s, to_s))
    return _united(found)


def _united(parts: Sequence[tuple[float, float]]) -> Parts:
    """Return parts in order, those that touch as one."""
    united: list[tuple[float, float]] = []
    for from_s, to_s in sorted(parts):
        if united and from_s <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], to_s))
        else:
            united.append((from_s, to_s))
    return tuple(united)
