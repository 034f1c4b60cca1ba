"""Detect: have every frame looked at, in order, none forgotten. Pure; calls the port."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from pipeline.domain.footage import Frame
from pipeline.domain.looks import Look, NotLooked, NotLookedReason
from pipeline.domain.ports import Detector

Screen = Callable[[Frame], NotLooked | None]


def look_at_frames(
    frames: Iterable[Frame], detector: Detector, *, screen: Screen
) -> Iterator[tuple[Frame, Look]]:
    """Yield every frame with its look, in order.

    Frames that the screen refuses never reach the detector. A frame for which the detector gives
    no look, or the look of another frame, counts as not looked at: a detector that fails half-way
    must never leave a road that reads as sound. At most as many frames are held as the detector
    reads ahead.

    Args:
        frames: In order of presentation time.
        detector: The port.
        screen: Returns None for a frame that can be judged.
    """
    waiting: deque[tuple[Frame, NotLooked | None]] = deque()
    source = iter(frames)
    for ref, look in detector.look(_usable(source, screen, waiting)):
        while waiting:
            frame, verdict = waiting.popleft()
            if frame.ref == ref:
                yield frame, look
                break
            yield _unanswered(frame, verdict)
    while waiting:
        yield _unanswered(*waiting.popleft())
    for frame in source:
        yield _unanswered(frame, screen(frame))


def _usable(
    source: Iterator[Frame], screen: Screen, waiting: deque[tuple[Frame, NotLooked | None]]
) -> Iterator[Frame]:
    """Pass on the frames that can be judged; every frame waits for its outcome."""
    for frame in source:
        verdict = screen(frame)
        waiting.append((frame, verdict))
        if verdict is None:
            yield frame


def _unanswered(frame: Frame, verdict: NotLooked | None) -> tuple[Frame, Look]:
    failed = NotLooked(reason=NotLookedReason.DETECTOR_FAILED, detail="the detector gave no look")
    return frame, verdict or failed
